"""Running one statement: Databricks' own commands, or SQL that DuckDB runs in its stead."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import duckdb
from sqlglot import exp

from freshet.local.databricks.commands import Commands
from freshet.local.databricks.conflicts import expect_rows_untouched, settled
from freshet.local.databricks.copying import forget_copies, rename_copies
from freshet.local.databricks.errors import SqlError, from_duckdb
from freshet.local.databricks.history import Names, Write
from freshet.local.databricks.names import NAME, inside, quoted, resolve
from freshet.local.databricks.session import Answer, Parameter, Session, rows
from freshet.local.databricks.store import Begun, Store
from freshet.local.databricks.translate import Statement, parse
from freshet.local.databricks.writing import names_of, write_of

__all__ = ["Statements"]

_ADD = re.compile(
    rf"ALTER\s+TABLE\s+(?P<table>{NAME})\s+ADD\s+COLUMNS?\s*(?P<open>\()?\s*(?P<columns>.+?)\s*(?(open)\))", re.I | re.S
)
_NOTHING = rows((), [])
_ROWS = "_rows"


class Statements:
    def __init__(self, *, store: Store, url: Callable[[], str]) -> None:
        self._store = store
        self._commands = Commands(store=store, url=url)

    def run(self, session: Session, text: str, parameters: Sequence[Parameter], begun: Callable[[], None]) -> Answer:
        """``begun`` is called when the statement has its snapshot. Raises SqlError."""
        plain = text.strip().rstrip(";").strip()
        try:
            answer = self._commands.run(session, plain, begun)
            if answer is None:
                answer = self._add_columns(session, plain, begun) or self._sql(session, plain, parameters, begun)
            return answer
        except duckdb.Error as error:
            raise from_duckdb(error) from error

    def _add_columns(self, session: Session, text: str, begun: Callable[[], None]) -> Answer | None:
        """sqlglot knows neither of the two spellings; DuckDB adds one column at a time."""
        found = _ADD.fullmatch(text)
        if found is None:
            return None
        catalog, *names = resolve(found["table"], catalog=session.catalog, schema=session.schema)
        made = parse(f"CREATE TABLE x ({found['columns']})", session=session, parameters=(), volumes=())
        columns = [column.sql(dialect="duckdb") for column in made.find_all(exp.ColumnDef)]
        write = Write(table=(inside(catalog), *names), kind="metadata")
        with self._store.begin(session.id) as statement:
            begun()
            with self._store.turn(statement) as winners:
                settled(write, winners)
                con = statement.anew()
                for column in columns:
                    con.execute(f"ALTER TABLE {quoted(write.table)} ADD COLUMN {column}")
                self._store.commit(statement, write)
        return _NOTHING

    def _sql(self, session: Session, text: str, parameters: Sequence[Parameter], begun: Callable[[], None]) -> Answer:
        tree = parse(text, session=session, parameters=parameters, volumes=self._volumes(session))
        with self._store.begin(session.id) as statement:
            begun()
            if isinstance(tree, exp.Query):
                return Answer(table=statement.con.sql(_text(tree, session)).to_arrow_table())
            with self._store.turn(statement) as winners:
                return self._write(statement, tree, winners, session)

    def _write(self, statement: Begun, tree: Any, winners: Sequence[Write], session: Session) -> Answer:
        write = write_of(tree)
        if isinstance(tree, exp.Create) and tree.args.get("exists") and _there(statement.anew(), write):
            return _NOTHING
        if write is not None:
            table, read = settled(write, winners)
            if read:
                with self._store.now() as now:
                    expect_rows_untouched(statement.con, now, tree)
            if table != write.table:
                write = replace(write, table=table)
                _move(statement, tree, table, session)
        if isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge):
            answer = _changed(statement.con, tree, session)
        else:
            if tree.find(exp.Query) is None:
                statement.anew()
            self._define(statement.con, tree, session)
            answer = _NOTHING
        self._store.commit(statement, write)
        return answer

    def _volumes(self, session: Session) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for catalog in self._store.files:
            schemas = self._store.volumes(catalog, "")
            found += [(catalog, one, name) for one in schemas for name in self._store.volumes(catalog, one)]
        return found

    def _define(self, con: Any, tree: Any, session: Session) -> None:
        kind = tree.args.get("kind")
        if isinstance(tree, exp.Create) and kind == "VIEW" and _temporary(tree):
            session.views.add(tree.this.name.lower())
            self._store.keep_views(session.id)
            for part in ("catalog", "db"):
                tree.this.set(part, None)
        if isinstance(tree, exp.Create | exp.Drop) and kind == "TABLE":
            table = tree.find(exp.Table)
            self._commands.expect_schema(con, table.catalog, table.db)
            if isinstance(tree, exp.Drop) or tree.args.get("replace"):
                forget_copies(con, names_of(table))
        renamed = tree.find(exp.AlterRename)
        if renamed is not None:
            rename_copies(con, names_of(tree.find(exp.Table)), names_of(renamed.this))
        con.execute(_text(tree, session))


def _move(statement: Begun, tree: Any, table: Names, session: Session) -> None:
    """The table has another name by now: what is added to it is read first, as it was."""
    rows = statement.con.sql(_text(tree.expression, session)).to_arrow_table()
    statement.anew().register(_ROWS, rows)
    tree.set("expression", exp.select("*").from_(_ROWS))
    old = tree.find(exp.Table)
    for part, name in zip(("catalog", "db", "this"), table, strict=True):
        old.set(part, exp.to_identifier(name, quoted=True))


def _there(con: Any, write: Write | None) -> bool:
    query = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?"
    return write is not None and con.execute(query, list(write.table)).fetchone() is not None


def _temporary(tree: Any) -> bool:
    properties = tree.args.get("properties")
    return properties is not None and properties.find(exp.TemporaryProperty) is not None


def _text(tree: Statement, session: Session) -> str:
    return str(tree.sql(dialect="duckdb"))


def _changed(con: Any, tree: Any, session: Session) -> Answer:
    if not isinstance(tree, exp.Merge):
        if isinstance(tree, exp.Insert) and tree.args.get("overwrite"):
            _empty(con, tree, session)
        count = int(con.execute(_text(tree, session)).fetchone()[0])
        more = {"num_inserted_rows": count} if isinstance(tree, exp.Insert) else {}
        return _counts({"num_affected_rows": count, **more})
    _expect_single_matches(con, tree, session)
    table = quoted(names_of(tree.this))
    before = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    count = int(con.execute(_text(tree, session)).fetchone()[0])
    added = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0] - before
    return _counts(
        {
            "num_affected_rows": count,
            "num_updated_rows": count - added if added >= 0 else 0,
            "num_deleted_rows": max(0, -added),
            "num_inserted_rows": max(0, added),
        }
    )


def _empty(con: Any, tree: Any, session: Session) -> None:
    """What overwrites its table reads it as it was."""
    tree.set("overwrite", False)
    table = tree.find(exp.Table)
    if any(names_of(one) == names_of(table) for one in tree.expression.find_all(exp.Table)):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {_ROWS} AS {_text(tree.expression, session)}")
        tree.set("expression", exp.select("*").from_(_ROWS))
    con.execute(f"DELETE FROM {quoted(names_of(table))}")


def _counts(values: dict[str, int]) -> Answer:
    answer = rows(tuple(values), [values])
    return Answer(table=answer.table, modified=values["num_affected_rows"])


def _expect_single_matches(con: Any, tree: Any, session: Session) -> None:
    """Databricks refuses a MERGE that would change one row twice."""
    if not any(when.args.get("matched") for when in tree.find_all(exp.When)):
        return
    target = tree.this.alias or tree.this.name
    join = f"{_text(tree.this, session)} JOIN {_text(tree.args['using'], session)} ON {_text(tree.args['on'], session)}"
    twice = con.execute(f'SELECT 1 FROM {join} GROUP BY "{target}".rowid HAVING count(*) > 1 LIMIT 1').fetchone()
    if twice is not None:
        raise SqlError(
            "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
            "Cannot perform Merge as multiple source rows matched and attempted to modify the same target row.",
            "21506",
        )
