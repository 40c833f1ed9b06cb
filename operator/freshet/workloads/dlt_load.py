"""dlt carries parquet files into a table, under its own load id and ``_dlt_loads``.

The pipeline's folder is fresh each time and lies in the pod's own temp: no pending package of an earlier run can
swallow new data, and nothing is restored from the destination. The file is handed over as it is
(``with_file_import``), so that the normalizer never opens a row. The table is made beforehand with the exact types;
dlt's own view of them is coarse.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from freshet.workloads.absent import absent
from freshet.workloads.columns import Column
from freshet.workloads.sql import identifier

__all__ = ["duckdb_destination", "heed_signals", "load_parquet", "prepare", "warm_up"]

_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "NORMALIZE__WORKERS": "1",
    "LOAD__WORKERS": "1",
    "SCHEMA__NAMING": "direct",
    "LOAD__RAISE_ON_MAX_RETRIES": "1",
}
_LOGINS = ("databricks.sdk",)
"""dlt looks there for credentials, each of a dozen times that it reads its settings, before it looks whether it was
given some: a second of imports, and whatever the SDK asks of the machine.
"""
_HINTS: dict[str, dict[str, object]] = {
    "BIGINT": {"data_type": "bigint"},
    "DOUBLE": {"data_type": "double"},
    "BOOLEAN": {"data_type": "bool"},
    "DATE": {"data_type": "date"},
    "TIMESTAMP": {"data_type": "timestamp", "timezone": False},
    "TIMESTAMP WITH TIME ZONE": {"data_type": "timestamp", "timezone": True},
}


def prepare(folder: Path) -> None:
    """Settings by environment, before dlt is imported for the first time."""
    os.environ.update(_SETTINGS)
    for name in ("DLT_DATA_DIR", "DLT_PROJECT_DIR"):
        os.environ[name] = str(folder / "dlt")
    (folder / "dlt").mkdir(exist_ok=True)


def warm_up(*, databricks: bool = False) -> None:
    """Import dlt, which takes a second of CPU: done beside the parsing, which mostly runs outside of Python."""
    import pyarrow.compute  # noqa: F401

    if databricks:
        from dlt.destinations.impl.databricks import databricks as impl
    else:
        from dlt.destinations.impl.duckdb import duck as impl  # noqa: F401
    from dlt.load import load  # noqa: F401
    from dlt.normalize import normalize  # noqa: F401
    from dlt.sources.helpers import requests  # noqa: F401

    _spare_sqlalchemy()


def _spare_sqlalchemy() -> None:
    """dlt has shims for the little that it needs of SQLAlchemy, but where that is installed imports it: 0.25 s."""
    with nullcontext() if "sqlalchemy" in sys.modules else absent("sqlalchemy"):
        from dlt.common.libs import sql_alchemy_compat  # noqa: F401


def duckdb_destination(con: Any) -> Any:
    """dlt on an open connection, naming the catalog too: dlt works on copies, which do not know what ``USE`` said."""
    from dlt.destinations import duckdb
    from dlt.destinations.impl.duckdb.duck import DuckDbClient

    catalog = str(con.execute("SELECT current_database()").fetchone()[0])

    class Client(DuckDbClient):  # type: ignore[misc]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.sql_client.catalog_name = lambda quote=True, casefold=True: identifier(catalog) if quote else catalog

    class Attached(duckdb):  # type: ignore[misc]
        @property
        def client_class(self) -> type[Client]:
            return Client

        def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
            """A partial one only helps to find out what DuckDB can do, a dozen times, which does not depend on it."""
            return initial_config if accept_partial else super().configuration(initial_config)

    return Attached(con, create_indexes=False)


def heed_signals() -> None:
    """dlt takes SIGTERM for a wish to end its jobs first, and forgets it once they are done: it is raised anew then."""
    from dlt.common.runtime import signals

    kept = signals.intercepted_signals

    @contextmanager
    def heeded() -> Iterator[None]:
        with kept():
            try:
                yield
            finally:
                came = signals.was_signal_received()
        if came:
            signal.raise_signal(signal.SIGTERM)

    if kept.__module__ != __name__:
        signals.intercepted_signals = heeded


def load_parquet(
    destination: Any,
    *,
    files: Sequence[tuple[Path, int]],
    columns: Sequence[Column],
    schema: str,
    table: str,
    name: str,
    folder: Path,
) -> str:
    """Append ``files`` (each with its rows) to ``schema.table``, which exists. Returns dlt's load id.

    ``name``: of the pipeline and its dlt schema. Raises what dlt raises.
    """
    import dlt

    _spare_sqlalchemy()
    with absent(*_LOGINS):
        pipeline = dlt.pipeline(
            name, pipelines_dir=str(folder / "dlt" / "pipelines"), destination=destination, dataset_name=schema
        )
        pipeline.config.restore_from_destination = False
        hints = {column.name: {"name": column.name, "nullable": True, **_hint(column)} for column in columns}
        items = [dlt.mark.with_file_import(str(path), "parquet", rows) for path, rows in files]
        resource = dlt.resource(items, name=table, write_disposition="append", columns=hints)
        source = dlt.source(lambda: resource, name=name, max_table_nesting=0)()
        heed_signals()
        info = pipeline.run(source)
    info.raise_on_failed_jobs()
    return str(info.loads_ids[-1])


def _hint(column: Column) -> dict[str, object]:
    """What dlt must know so that it leaves the file alone: above all whether a timestamp has a zone."""
    return _HINTS.get(column.type, {"data_type": "text"})
