"""Running one statement: Databricks' own commands, or SQL that DuckDB runs in its stead."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
from sqlglot import exp

from freshet.local.databricks.commands import Commands
from freshet.local.databricks.copying import forget_copies
from freshet.local.databricks.errors import SqlError, from_duckdb
from freshet.local.databricks.names import NAME, quoted, resolve
from freshet.local.databricks.session import Answer, Parameter, Session, rows
from freshet.local.databricks.store import Store
from freshet.local.databricks.translate import Statement, parse

__all__ = ["Statements"]

_ADD = re.compile(
    rf"ALTER\s+TABLE\s+(?P<table>{NAME})\s+ADD\s+COLUMNS?\s*(?P<open>\()?\s*(?P<columns>.+?)\s*(?(open)\))", re.I | re.S
)
_NOTHING = rows((), [])


class Statements:
    def __init__(self, *, store: Store, url: Callable[[], str]) -> None:
        self._store = store
        self._commands = Commands(store=store, url=url)

    def run(self, session: Session, text: str, parameters: Sequence[Parameter]) -> Answer:
        """Raises SqlError."""
        plain = text.strip().rstrip(";").strip()
        try:
            answer = self._commands.run(session, plain)
            if answer is None:
                answer = self._add_columns(session, plain) or self._sql(session, plain, parameters)
            return answer
        except duckdb.Error as error:
            raise from_duckdb(error) from error

    def _add_columns(self, session: Session, text: str) -> Answer | None:
        """sqlglot knows neither of the two spellings; DuckDB adds one column at a time."""
        found = _ADD.fullmatch(text)
        if found is None:
            return None
        target = resolve(found["table"], catalog=session.catalog, schema=session.schema)
        made = parse(f"CREATE TABLE x ({found['columns']})", session=session, parameters=(), volumes=())
        columns = [column.sql(dialect="duckdb") for column in made.find_all(exp.ColumnDef)]
        with self._store.statement(session.id) as con:
            for column in columns:
                con.execute(f"ALTER TABLE {quoted(target)} ADD COLUMN {column}")
        return _NOTHING

    def _sql(self, session: Session, text: str, parameters: Sequence[Parameter]) -> Answer:
        tree = parse(text, session=session, parameters=parameters, volumes=self._volumes(session))
        with self._store.statement(session.id) as con:
            if isinstance(tree, exp.Query):
                return Answer(table=con.sql(_text(tree, session)).to_arrow_table())
            if isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge):
                return _changed(con, tree, session)
            self._define(con, tree, session)
            return _NOTHING

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
                forget_copies(con, (table.catalog, table.db, table.name))
        con.execute(_text(tree, session))


def _temporary(tree: Any) -> bool:
    properties = tree.args.get("properties")
    return properties is not None and properties.find(exp.TemporaryProperty) is not None


def _text(tree: Statement, session: Session) -> str:
    text: str = tree.sql(dialect="duckdb")
    return text.replace("CURRENT_CATALOG", f"'{session.catalog}'")


def _changed(con: Any, tree: Any, session: Session) -> Answer:
    if not isinstance(tree, exp.Merge):
        if isinstance(tree, exp.Insert) and tree.args.get("overwrite"):
            tree.set("overwrite", False)
            table = tree.find(exp.Table)
            con.execute(f"DELETE FROM {quoted([table.catalog, table.db, table.name])}")
        count = int(con.execute(_text(tree, session)).fetchone()[0])
        more = {"num_inserted_rows": count} if isinstance(tree, exp.Insert) else {}
        return _counts({"num_affected_rows": count, **more})
    _expect_single_matches(con, tree, session)
    table = quoted([tree.this.catalog, tree.this.db, tree.this.name])
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
