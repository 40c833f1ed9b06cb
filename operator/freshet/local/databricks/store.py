"""The DuckDB files behind the catalogs, and the volumes' folders.

One statement at a time runs, in a transaction of its own: Delta tables know nothing longer. The files are let go
soon after the last statement, since a DuckDB file belongs to one process at a time and dbt's stand-in writes it too.
"""

import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.names import quoted

__all__ = ["HIDDEN", "Store"]

HIDDEN = "_databricks"
"""The schema for what Databricks keeps beside its tables."""
_IDLE = 0.3
_IDLE_WITH_VIEWS = 10.0
_PATIENCE = 120.0


class Store:
    """``files``: catalog → DuckDB file."""

    def __init__(self, *, files: Mapping[str, Path], volumes: Path) -> None:
        self.files = dict(files)
        self._volumes = volumes
        self._lock = threading.RLock()
        self._root: Any = None
        self._cursors: dict[bytes, Any] = {}
        self._with_views: set[bytes] = set()
        self._used = 0.0
        self._closed = threading.Event()
        threading.Thread(target=self._let_go, daemon=True).start()

    @contextmanager
    def statement(self, session: bytes) -> Iterator[Any]:
        """A connection in a transaction, which is undone if the statement fails."""
        with self._lock:
            try:
                con = self._cursor(session)
                con.execute("BEGIN TRANSACTION")
                try:
                    yield con
                    con.execute("COMMIT")
                except BaseException:
                    con.execute("ROLLBACK")
                    raise
            finally:
                self._used = time.monotonic()

    def keep_views(self, session: bytes) -> None:
        """A temporary view lives in the connection: it is kept open for longer."""
        self._with_views.add(session)

    def forget(self, session: bytes) -> None:
        with self._lock:
            self._with_views.discard(session)
            cursor = self._cursors.pop(session, None)
            if cursor is not None:
                cursor.close()

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            self._release()

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

    def _cursor(self, session: bytes) -> Any:
        if self._root is None:
            self._root = self._open()
        if session not in self._cursors:
            cursor = self._root.cursor()
            cursor.execute("SET TimeZone = 'UTC'")
            self._cursors[session] = cursor
        return self._cursors[session]

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
                if self._root is not None and time.monotonic() - self._used > limit:
                    self._release()

    def _release(self) -> None:
        for cursor in self._cursors.values():
            cursor.close()
        self._cursors.clear()
        self._with_views.clear()
        if self._root is not None:
            self._root.close()
            self._root = None


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
