"""The DuckDB files behind the catalogs, and the volumes' folders.

Each statement is a transaction of its own: Delta tables know nothing longer. It works on the tables as they were when
it began, and one at a time commits (``conflicts`` says whether it may). The files are let go soon after the last
statement, since a DuckDB file belongs to one process at a time and dbt's stand-in writes it too.
"""

import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.history import History, Write
from freshet.local.databricks.names import quoted

__all__ = ["HIDDEN", "Begun", "Store"]

HIDDEN = "_databricks"
"""The schema for what Databricks keeps beside its tables."""
_IDLE = 0.3
_IDLE_WITH_VIEWS = 10.0
_PATIENCE = 120.0


@dataclass(kw_only=True)
class Begun:
    """A statement under way: ``con`` has the tables as they were at ``version`` of the history."""

    con: Any
    version: int

    def anew(self) -> Any:
        """The tables as they are. Returns ``con``."""
        self.con.execute("ROLLBACK")
        self.con.execute("BEGIN TRANSACTION")
        return self.con


class Store:
    """``files``: catalog → DuckDB file. ``zone``: of sessions that set none, as an admin may choose it."""

    zone = "UTC"

    def __init__(self, *, files: Mapping[str, Path], volumes: Path) -> None:
        self.files = dict(files)
        self._volumes = volumes
        self._lock = threading.RLock()
        self._turn = threading.Lock()
        self._root: Any = None
        self._history = History()
        self._under_way = 0
        self._idle: list[Any] = []
        self._kept: dict[bytes, tuple[Any, threading.Lock]] = {}
        self._with_views: set[bytes] = set()
        self._zones: dict[bytes, str] = {}
        self._used = 0.0
        self._closed = threading.Event()
        threading.Thread(target=self._let_go, daemon=True).start()

    @contextmanager
    def begin(self, session: bytes) -> Iterator[Begun]:
        """A statement that has its snapshot; what it has done is undone unless it is committed."""
        with self._connection(session) as con:
            with self._lock:
                con.execute("BEGIN TRANSACTION")
                self._take_snapshot(con)
                version = self._history.begin()
            try:
                yield Begun(con=con, version=version)
            finally:
                with self._lock:
                    self._history.end(version)
                with suppress(duckdb.Error):
                    con.execute("ROLLBACK")

    @contextmanager
    def turn(self, begun: Begun) -> Iterator[list[Write]]:
        """The one that may commit now, and what others have committed since it began."""
        with self._turn:
            with self._lock:
                winners = self._history.since(begun.version)
            yield winners

    def commit(self, begun: Begun, write: Write | None) -> None:
        with self._lock:
            begun.con.execute("COMMIT")
            if write is not None:
                self._history.add(write)
            begun.con.execute("BEGIN TRANSACTION")

    @contextmanager
    def statement(self, session: bytes) -> Iterator[Any]:
        """A connection in a transaction, which is undone if the statement fails: for looks, and for tests."""
        with self.begin(session) as begun:
            yield begun.con
            self.commit(begun, None)

    @contextmanager
    def now(self) -> Iterator[Any]:
        """A connection that has the tables as they are."""
        with self._connection(b"") as con:
            yield con

    def keep_views(self, session: bytes) -> None:
        """A temporary view lives in the connection: it is kept open for longer."""
        self._with_views.add(session)

    def keep_zone(self, session: bytes, zone: str) -> None:
        """In which its times of day are, and those that it is answered. Raises SqlError where there is none such."""
        with self.now() as con:
            try:
                _set_zone(con, zone)
            except duckdb.Error as error:
                text = f"The value '{zone}' in the config timezone is invalid."
                raise SqlError("INVALID_CONF_VALUE", text, "22022") from error
        self._zones[session] = zone

    def forget(self, session: bytes) -> None:
        with self._lock:
            self._zones.pop(session, None)
            self._with_views.discard(session)
            kept = self._kept.pop(session, None)
            if kept is not None:
                kept[0].close()

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            self._release()

    @property
    def scratch(self) -> Path:
        """For what a statement holds on to while it is under way; on the volumes' disk."""
        folder = self._volumes / ".held"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def volume(self, catalog: str, schema: str, name: str) -> Path:
        return self._volumes / catalog / schema / name

    def volumes(self, catalog: str, schema: str) -> list[str]:
        """Of a schema; with ``schema`` empty, the schemas that have any."""
        folder = self._volumes / catalog / schema
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def drop_volume(self, catalog: str, schema: str, name: str) -> None:
        shutil.rmtree(self.volume(catalog, schema, name))

    def path_of(self, url: str) -> Path:
        """The file behind ``/Volumes/catalog/schema/volume/…``. Raises SqlError where there is no such volume."""
        parts = url.strip("/").split("/")
        plain = all(re.fullmatch(r"[^/\\]+", part) and part not in (".", "..") for part in parts)
        if not url.startswith("/Volumes/") or len(parts) < 4 or not plain:
            raise SqlError("INVALID_VOLUME_PATH", f"{url} is no path in a volume.", "22023")
        root = self.volume(*(part.lower() for part in parts[1:4]))
        if not root.is_dir():
            raise SqlError("RESOURCE_DOES_NOT_EXIST", f"Volume '{'.'.join(parts[1:4])}' does not exist.", "42704")
        return root.joinpath(*parts[4:])

    @contextmanager
    def _connection(self, session: bytes) -> Iterator[Any]:
        """One for each statement, but for a session's temporary views, which live in one."""
        with self._lock:
            self._under_way += 1
            try:
                con, alone = self._kept.get(session) or (self._cursor(), nullcontext())
            except BaseException:
                self._under_way -= 1
                raise
        try:
            with alone:
                _set_zone(con, self._zones.get(session, self.zone))
                yield con
        finally:
            with self._lock:
                self._under_way -= 1
                self._used = time.monotonic()
                if session in self._with_views:
                    self._kept.setdefault(session, (con, threading.Lock()))
                if self._kept.get(session, (None,))[0] is not con:
                    self._idle.append(con)

    def _cursor(self) -> Any:
        if self._root is None:
            self._root = self._open()
        if self._idle:
            return self._idle.pop()
        return self._root.cursor()

    def _take_snapshot(self, con: Any) -> None:
        """A transaction of DuckDB's begins in a file when it first looks there."""
        for catalog in self.files:
            con.execute(f"SELECT 1 FROM {quoted([catalog, HIDDEN, 'copied'])} LIMIT 0")

    def _open(self) -> Any:
        root = duckdb.connect(":memory:")
        for catalog, path in self.files.items():
            _attach(root, catalog, path)
            root.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted([catalog, HIDDEN])}")
            root.execute(
                f"CREATE TABLE IF NOT EXISTS {quoted([catalog, HIDDEN, 'copied'])} (schema_name VARCHAR, "
                "table_name VARCHAR, path VARCHAR)"
            )
        return root

    def _let_go(self) -> None:
        while not self._closed.wait(0.1):
            with self._lock:
                limit = _IDLE_WITH_VIEWS if self._with_views else _IDLE
                idle = self._root is not None and not self._under_way
                if idle and time.monotonic() - self._used > limit:
                    self._release()

    def _release(self) -> None:
        for cursor in (*self._idle, *(cursor for cursor, _ in self._kept.values())):
            cursor.close()
        self._idle.clear()
        self._kept.clear()
        self._with_views.clear()
        if self._root is not None:
            self._root.close()
            self._root = None


def _set_zone(con: Any, zone: str) -> None:
    con.execute(f"SET TimeZone = '{zone.replace(chr(39), chr(39) * 2)}'")


def _attach(root: Any, catalog: str, path: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            root.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {quoted([catalog])}")
            return
        except duckdb.IOException as error:
            if "lock" not in str(error).lower() or time.monotonic() > end:
                raise
        time.sleep(0.05)
