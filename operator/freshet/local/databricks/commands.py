"""The statements that are Databricks' own: files in volumes, volumes, COPY INTO, USE, ALTER TABLE … ADD COLUMN."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from freshet.local.databricks.copying import COPY, copy_into
from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.names import NAME, inside, resolve
from freshet.local.databricks.session import Answer, Session, rows
from freshet.local.databricks.store import Store

__all__ = ["Commands"]

_STAGING = ("operation", "presignedUrl", "headers", "localFile")
_PUT = re.compile(r"PUT\s+'(?P<local>[^']+)'\s+INTO\s+'(?P<path>[^']+)'(?P<over>\s+OVERWRITE)?", re.IGNORECASE)
_REMOVE = re.compile(r"REMOVE\s+'(?P<path>[^']+)'", re.IGNORECASE)
_CREATE_VOLUME = re.compile(rf"CREATE\s+VOLUME\s+(?P<quiet>IF\s+NOT\s+EXISTS\s+)?(?P<name>{NAME})", re.IGNORECASE)
_DROP_VOLUME = re.compile(rf"DROP\s+VOLUME\s+(?P<quiet>IF\s+EXISTS\s+)?(?P<name>{NAME})", re.IGNORECASE)
_USE = re.compile(rf"USE\s+(?P<what>CATALOG\s+|SCHEMA\s+|DATABASE\s+)?(?P<name>{NAME})", re.IGNORECASE)
_SET = re.compile(r"SET\s+(TIMEZONE|ANSI_MODE|STATEMENT_TIMEOUT|USE_CACHED_RESULT)\s*=\s*\S+", re.IGNORECASE)
_NOTHING = rows((), [])


class Commands:
    """``url``: where this server takes files, known once it listens."""

    def __init__(self, *, store: Store, url: Callable[[], str]) -> None:
        self._store = store
        self._url = url
        self._known: tuple[tuple[re.Pattern[str], Callable[[Session, re.Match[str]], Answer]], ...] = (
            (_PUT, self._put),
            (_REMOVE, self._remove),
            (_CREATE_VOLUME, self._create_volume),
            (_DROP_VOLUME, self._drop_volume),
            (_USE, self._use),
            (_SET, lambda _session, _found: _NOTHING),
        )

    def run(self, session: Session, statement: str, begun: Callable[[], None]) -> Answer | None:
        """The answer, or None where the statement is none of these. ``begun`` is called when it is under way."""
        copying = COPY.fullmatch(statement)
        if copying:
            return copy_into(self._store, session, copying, begun)
        for pattern, work in self._known:
            found = pattern.fullmatch(statement)
            if found:
                begun()
                return work(session, found)
        return None

    def expect_schema(self, con: Any, catalog: str, schema: str) -> None:
        self._expect_catalog(catalog)
        query = "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?"
        if con.execute(query, [inside(catalog), schema]).fetchone() is None:
            raise SqlError("SCHEMA_NOT_FOUND", f"The schema `{catalog}`.`{schema}` cannot be found.", "42704")

    def _expect_catalog(self, catalog: str) -> None:
        if catalog.rstrip("@") not in self._store.files:
            raise SqlError("NO_SUCH_CATALOG_EXCEPTION", f"Catalog '{catalog}' was not found.", "42704")

    def _put(self, session: Session, found: re.Match[str]) -> Answer:
        path = self._store.path_of(found["path"])
        if path.exists() and not found["over"]:
            raise SqlError("FILE_IN_STAGING_PATH_ALREADY_EXISTS", f"{found['path']} exists.", "42K03")
        return self._staged("PUT", found["path"], found["local"])

    def _remove(self, session: Session, found: re.Match[str]) -> Answer:
        self._store.path_of(found["path"])
        return self._staged("REMOVE", found["path"], "")

    def _staged(self, operation: str, path: str, local: str) -> Answer:
        values = (operation, f"{self._url()}/files{quote(path)}", "{}", local)
        return rows(_STAGING, [dict(zip(_STAGING, values, strict=True))], staging=True)

    def _create_volume(self, session: Session, found: re.Match[str]) -> Answer:
        folder = self._volume(session, found["name"])
        if folder.exists() and not found["quiet"]:
            raise SqlError("VOLUME_ALREADY_EXISTS", f"The volume {found['name']} exists.", "42710")
        folder.mkdir(parents=True, exist_ok=True)
        return _NOTHING

    def _drop_volume(self, session: Session, found: re.Match[str]) -> Answer:
        if self._volume(session, found["name"]).exists():
            self._store.drop_volume(*resolve(found["name"], catalog=session.catalog, schema=session.schema))
        elif not found["quiet"]:
            raise SqlError("VOLUME_NOT_FOUND", f"The volume {found['name']} cannot be found.", "42704")
        return _NOTHING

    def _volume(self, session: Session, name: str) -> Path:
        catalog, schema, volume = resolve(name, catalog=session.catalog, schema=session.schema)
        with self._store.statement(session.id) as con:
            self.expect_schema(con, catalog, schema)
        return self._store.volume(catalog, schema, volume)

    def _use(self, session: Session, found: re.Match[str]) -> Answer:
        if (found["what"] or "").strip().upper() == "CATALOG":
            (catalog,) = resolve(found["name"], catalog="", schema="", parts=1)
            schema = "default"
        else:
            catalog, schema = resolve(found["name"], catalog=session.catalog, schema="", parts=2)[-2:]
            with self._store.statement(session.id) as con:
                self.expect_schema(con, catalog, schema)
        self._expect_catalog(catalog)
        session.catalog, session.schema = catalog, schema
        return _NOTHING
