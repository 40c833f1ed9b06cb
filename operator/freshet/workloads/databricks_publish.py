"""The one statement that changes a table in Databricks, by disposition, and the proof that it did.

Each is atomic, and done twice is the same as once: rows carry their load's id, ``append`` adds none of a load that is
there, ``merge`` writes only what is new or differs, ``replace`` swaps. Readers see the table before or after.
"""

from collections.abc import Sequence

from freshet.workloads.databricks_sql import Sql, error_class
from freshet.workloads.ledger import LOAD_ID
from freshet.workloads.sql import identifier, literal, qualified

__all__ = ["add_columns", "append", "create", "merge", "missing", "overwrite", "rows_of", "take_back"]


def _name(name: str) -> str:
    return identifier(name, mark="`")


def _table(parts: Sequence[str]) -> str:
    return qualified(parts, mark="`")


def _list(names: Sequence[str], *, of: str = "") -> str:
    return ", ".join(of + _name(name) for name in names)


def add_columns(sql: Sql, target: Sequence[str], new: Sequence[tuple[str, str]]) -> None:
    """``new``: name and Databricks type."""
    if new:
        described = ", ".join(f"{_name(name)} {kind}" for name, kind in new)
        sql.ask(f"ALTER TABLE {_table(target)} ADD COLUMNS ({described})")


def create(
    sql: Sql, incoming: Sequence[str], target: Sequence[str], *, names: Sequence[str], load_id: str, expected: int
) -> None:
    """A table that is not there yet, at once with its rows."""
    try:
        sql.ask(
            f"CREATE TABLE {_table(target)} AS {_rows(incoming, names, load_id)} WHERE {_or_fail(incoming, expected)}"
        )
    except Exception as error:
        # The connector repeats a statement whose answer was lost. Whose table it is, the count of the rows tells.
        if error_class(error) != "TABLE_OR_VIEW_ALREADY_EXISTS":
            raise


def overwrite(
    sql: Sql,
    incoming: Sequence[str],
    target: Sequence[str],
    *,
    names: Sequence[str],
    load_id: str,
    empty: Sequence[tuple[str, str]],
    same: bool,
    expected: int,
) -> None:
    """All rows at once. ``empty``: further columns of the table (name and Databricks type), which nothing fills.

    ``same``: the columns stay as they are, and so do the table's comments and properties.
    """
    rows = f"{_rows(incoming, names, load_id, empty=empty)} WHERE {_or_fail(incoming, expected)}"
    if same:
        all_names = [*names, *(name for name, _ in empty), LOAD_ID]
        sql.ask(f"INSERT OVERWRITE {_table(target)} ({_list(all_names)}) {rows}")
    else:
        sql.ask(f"CREATE OR REPLACE TABLE {_table(target)} AS {rows}")


def append(
    sql: Sql,
    incoming: Sequence[str],
    target: Sequence[str],
    *,
    names: Sequence[str],
    load_id: str,
    unless: Sequence[str],
    expected: int,
) -> None:
    """``unless``: loads whose rows were not there when this one looked. If they are by now, it adds none."""
    ids = ", ".join(literal(one) for one in dict.fromkeys([load_id, *unless]))
    sql.ask(
        f"INSERT INTO {_table(target)} ({_list([*names, LOAD_ID])}) {_rows(incoming, names, load_id)}"
        f" WHERE NOT EXISTS (SELECT 1 FROM {_table(target)} WHERE {LOAD_ID} IN ({ids}))"
        f" AND {_whole(incoming, expected)}"
    )


def merge(
    sql: Sql,
    incoming: Sequence[str],
    target: Sequence[str],
    *,
    names: Sequence[str],
    key: Sequence[str],
    load_id: str,
    expected: int,
) -> None:
    others = [name for name in names if name not in key]
    update = ""
    if others:
        differs = " OR ".join(f"NOT (t.{_name(name)} <=> s.{_name(name)})" for name in others)
        sets = ", ".join(f"{_name(name)} = s.{_name(name)}" for name in others)
        update = f" WHEN MATCHED AND ({differs}) THEN UPDATE SET {sets}, {LOAD_ID} = {literal(load_id)}"
    source = f"(SELECT * FROM {_table(incoming)} WHERE {_whole(incoming, expected)})"
    sql.ask(
        f"MERGE INTO {_table(target)} AS t USING {source} AS s ON {_same(key)}{update}"
        f" WHEN NOT MATCHED THEN INSERT ({_list([*names, LOAD_ID])})"
        f" VALUES ({_list(names, of='s.')}, {literal(load_id)})"
    )


def rows_of(sql: Sql, target: Sequence[str], load_id: str) -> tuple[int, int]:
    """All rows, and those that the load wrote."""
    found = sql.ask(
        f"SELECT count(*), coalesce(sum(CASE WHEN {LOAD_ID} = {literal(load_id)} THEN 1 ELSE 0 END), 0)"
        f" FROM {_table(target)}"
    )
    return int(found[0][0]), int(found[0][1])


def take_back(sql: Sql, target: Sequence[str], load_id: str, *, loads: Sequence[str]) -> None:
    """The rows of a load that is not recorded: not as many are there as it had."""
    recorded = (
        f"SELECT 1 FROM {_table(loads)} WHERE load_id = {literal(load_id)} AND table_name = {literal(target[-1])}"
    )
    sql.ask(f"DELETE FROM {_table(target)} WHERE {LOAD_ID} = {literal(load_id)} AND NOT EXISTS ({recorded})")


def missing(
    sql: Sql, incoming: Sequence[str], target: Sequence[str], *, names: Sequence[str], key: Sequence[str]
) -> int:
    """How many incoming rows a merged table does not have as they are."""
    others = [name for name in names if name not in key]
    same = "".join(f" AND t.{_name(name)} <=> s.{_name(name)}" for name in others)
    return int(
        sql.ask(
            f"SELECT count(*) FROM {_table(incoming)} AS s WHERE NOT EXISTS"
            f" (SELECT 1 FROM {_table(target)} AS t WHERE {_same(key)}{same})"
        )[0][0]
    )


def _same(key: Sequence[str]) -> str:
    return " AND ".join(f"t.{_name(name)} = s.{_name(name)}" for name in key)


def _whole(incoming: Sequence[str], expected: int) -> str:
    """A copy may arrive after its rows were counted, so that the statement which publishes counts them itself."""
    return f"(SELECT count(*) FROM {_table(incoming)}) = {expected}"


def _or_fail(incoming: Sequence[str], expected: int) -> str:
    """Where no rows would be an empty table, the statement itself fails (USER_RAISED_EXCEPTION)."""
    return f"CASE WHEN {_whole(incoming, expected)} THEN true ELSE raise_error('rows arrived late') END"


def _rows(incoming: Sequence[str], names: Sequence[str], load_id: str, *, empty: Sequence[tuple[str, str]] = ()) -> str:
    nulls = "".join(f", CAST(NULL AS {kind}) AS {_name(name)}" for name, kind in empty)
    return f"SELECT {_list(names)}{nulls}, {literal(load_id)} AS {LOAD_ID} FROM {_table(incoming)}"
