"""Rows and files of a Databricks table of which the record does not tell: nobody knows what ``append`` would double."""

from collections.abc import Collection, Mapping, Sequence

from freshet.workloads.databricks_ledger import Noted, write
from freshet.workloads.databricks_sql import ABSENT, Sql, error_class
from freshet.workloads.ledger import FILES, LOAD_ID, LOADS
from freshet.workloads.sql import literal, qualified

__all__ = ["accept", "counted", "perhaps_taken"]

_KNOWN = (
    "SELECT load_id, max(known) AS known FROM (SELECT load_id, CASE WHEN seq > 0 AND files_taken > 0 AND seq <"
    " (SELECT coalesce(max(seq), 0) FROM {loads} WHERE table_name = :name AND files_taken = 0) THEN 1 ELSE 2 END"
    " AS known FROM {loads} WHERE table_name = :name UNION ALL SELECT load_id, 0 AS known FROM {files}"
    " WHERE table_name = :name) AS n GROUP BY load_id"
)
"""Loads on record, 2, or 1 where their files are off it since the table was begun anew; 0: noted alone, under way."""
_JOINED = f"{{table}} AS t LEFT JOIN ({_KNOWN}) AS k ON k.load_id = t.{LOAD_ID}"
_STRANGE = f"CASE WHEN coalesce(k.known, 1) = 1 THEN t.{LOAD_ID} END"


def _joined(place: Sequence[str], table: str) -> str:
    names = {"table": table, "loads": LOADS, "files": FILES}
    return _JOINED.format(**{mark: qualified([*place, name], mark="`") for mark, name in names.items()})


def counted(sql: Sql, place: Sequence[str], table: str) -> tuple[int, int, int]:
    """All rows, those that name a load, and those among them whose load is not on record, or its files are not."""
    joined = _joined(place, table)
    rows, loaded, strange = sql.ask(
        f"SELECT count(*), count(t.{LOAD_ID}), count({_STRANGE}) FROM {joined}", name=table
    )[0]
    return int(rows), int(loaded), int(strange)


def accept(sql: Sql, place: Sequence[str], table: str) -> None:
    """From now on such rows, if there are any, belong to the table: somebody adopted it.

    Their loads come on record below all others (``seq`` 0), where none is the newest.
    """
    try:
        *_, strange = counted(sql, place, table)
    except Exception as error:
        if error_class(error) not in ABSENT:
            raise
        return  # no row names a load
    if not strange:
        return
    write(
        sql,
        f"INSERT INTO {qualified([*place, LOADS], mark='`')} (seq, table_name, load_id)"
        f" SELECT DISTINCT 0, :name, {_STRANGE} FROM {_joined(place, table)} WHERE {_STRANGE} IS NOT NULL",
        name=table,
    )


def perhaps_taken(
    sql: Sql, place: Sequence[str], table: str, noted: Mapping[str, Noted], *, came: Collection[str]
) -> str | None:
    """A file of ``append`` that was noted by loads of which no row is there, and by none of those that ``came``.

    Where no load is on record, it may have been taken: its rows were updated since, or deleted, or it had none.
    """
    if not came or not any(one.files for load_id, one in noted.items() if load_id not in came):
        return None
    files, ids = qualified([*place, FILES], mark="`"), ", ".join(map(literal, sorted(came)))
    [(path,)] = sql.ask(
        f"SELECT min(path) FROM {files} WHERE table_name = :name AND path <> '' AND path NOT IN"
        f" (SELECT path FROM {files} WHERE table_name = :name AND load_id IN ({ids}))",
        name=table,
    )
    return None if path is None else str(path)
