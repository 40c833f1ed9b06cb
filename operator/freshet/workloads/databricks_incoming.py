"""Rows on their way into Databricks: dlt carries them into a table that is then this load's alone.

dlt's destination uploads parquet into a volume and copies it into an incoming table, whose name no other pod knows.
Where an answer was lost a copy may still be under way: the table is renamed first, counted after, and thrown away if
the count is wrong. Dropping the tables of others is the fence: whoever was slower can no longer publish.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from freshet.workloads.columns import Column
from freshet.workloads.databricks_catalog import staged, tables_of
from freshet.workloads.databricks_sql import RETRIES, Sql, error_class
from freshet.workloads.databricks_types import to_databricks
from freshet.workloads.dlt_load import load_parquet
from freshet.workloads.parquet import batches
from freshet.workloads.sql import identifier, qualified

__all__ = ["PART_BYTES", "Incoming"]

PART_BYTES = 64 << 20
"""The connector holds a file that it uploads in memory as a whole."""
_PLAIN = re.compile(r"\w[\w -]{0,99}")


class Incoming:
    """The way of one source. ``place``: catalog and schema."""

    def __init__(self, *, place: tuple[str, str], table: str, pipeline: str) -> None:
        self._place = place
        self._pipeline = pipeline
        name = _plain(table)
        self._volume = f"_freshet_staging_{name}"
        self._any = re.compile(rf"_freshet_incoming_{re.escape(name)}__[0-9a-f]{{12}}(_arriving)?")
        self._mine = f"_freshet_incoming_{name}__{secrets.token_hex(6)}"
        self._arriving = f"{self._mine}_arriving"

    @property
    def table(self) -> tuple[str, ...]:
        return (*self._place, self._mine)

    def fence(self, sql: Sql) -> None:
        """What killed or slower loads of this source left is gone after this.

        But for a table that was renamed meanwhile: so each load does it once more when its own table has its name for
        good, and notes after that what it is about to publish. Of two that overlap at least one sees the other.
        """
        for name in tables_of(sql, self._place):
            if self._any.fullmatch(name) and name != self._mine:
                sql.ask(f"DROP TABLE IF EXISTS {self._named(name)}")

    def tidy(self, sql: Sql) -> None:
        """The same where no load follows: its files too."""
        self.fence(sql)
        if staged(sql, self._place, self._volume):
            sql.ask(f"DROP VOLUME IF EXISTS {self._named(self._volume)}")

    @contextmanager
    def staging(self, sql: Sql) -> Iterator[str]:
        """A volume for dlt's files, gone afterwards with all that is in it."""
        volume = self._named(self._volume)
        sql.ask(f"DROP VOLUME IF EXISTS {volume}")
        sql.ask(f"CREATE VOLUME {volume}")
        try:
            yield ".".join((*self._place, self._volume))
        finally:
            with suppress(Exception):
                sql.ask(f"DROP VOLUME IF EXISTS {volume}")

    def bring(self, sql: Sql, *, path: Path, rows: int, columns: Sequence[Column], folder: Path, options: Any) -> int:
        """Returns the rows in ``table`` afterwards. Raises what dlt and the connector raise."""
        described = ", ".join(f"{identifier(one.name, mark='`')} {to_databricks(one.type)}" for one in columns)
        sql.ask(f"CREATE OR REPLACE TABLE {self._named(self._arriving)} ({described})")
        with self.staging(sql) as volume:
            load_parquet(
                _destination(options, self._place, volume),
                files=split(path, rows=rows, folder=folder, limit=PART_BYTES),
                columns=columns,
                schema=self._place[1],
                table=self._arriving,
                name=self._pipeline,
                folder=folder,
            )
        self._rename(sql)
        self._forget_versions(sql)
        return int(sql.ask(f"SELECT count(*) FROM {qualified(self.table, mark='`')}")[0][0])

    def drop(self, sql: Sql) -> None:
        """Tidy, and not worth a failure: what stays is dropped by the next load's fence."""
        with suppress(Exception):
            sql.ask(f"DROP TABLE IF EXISTS {qualified(self.table, mark='`')}")

    def _forget_versions(self, sql: Sql) -> None:
        """dlt keeps each version of its schema, which here is another for each load, since the table has a new name."""
        with suppress(Exception):
            sql.ask(f"DELETE FROM {self._named('_dlt_version')} WHERE schema_name = :name", name=self._pipeline)

    def _rename(self, sql: Sql) -> None:
        try:
            sql.ask(f"ALTER TABLE {self._named(self._arriving)} RENAME TO {qualified(self.table, mark='`')}")
        except Exception as error:
            # Done already, where its answer was lost; else the count finds no table.
            if error_class(error) != "TABLE_OR_VIEW_NOT_FOUND":
                raise

    def _named(self, name: str) -> str:
        return qualified((*self._place, name), mark="`")


def _plain(table: str) -> str:
    """Of a name that is long, or that a volume's path would need quoted, a hash takes the place."""
    if _PLAIN.fullmatch(table):
        return table
    return hashlib.sha256(table.encode()).hexdigest()[:24]


def _destination(options: dict[str, Any], place: tuple[str, str], volume: str) -> Any:
    import dlt

    taken = ("_connection_uri", "credentials_provider", "enable_telemetry", *RETRIES)
    more = {name: options[name] for name in taken if name in options}
    return dlt.destinations.databricks(
        credentials={
            "catalog": place[0],
            "server_hostname": options["server_hostname"],
            "http_path": options["http_path"],
            "access_token": options.get("access_token", "of credentials_provider"),  # which goes first
            "connection_parameters": more,
            "socket_timeout": options["_socket_timeout"],
            "session_configuration": options.get("session_configuration"),
            "user_agent_entry": "freshet",
        },
        staging_volume_name=volume,
        create_indexes=False,
        keep_staged_files=True,  # the volume goes as a whole
    )


def split(path: Path, *, rows: int, folder: Path, limit: int) -> list[tuple[Path, int]]:
    """The file in parts of about ``limit`` bytes, each with its rows."""
    import pyarrow.parquet as pq

    size = path.stat().st_size
    if size <= limit:
        return [(path, rows)]
    each = max(1, rows * limit // size)
    found: list[tuple[Path, int]] = []
    with pq.ParquetFile(path) as source:
        writer: Any = None
        for batch in batches(source, size=min(each, 122_880)):
            if writer is None:
                found.append((folder / f"part-{len(found)}.parquet", 0))
                writer = pq.ParquetWriter(found[-1][0], source.schema_arrow, compression="zstd")
            writer.write_batch(batch)
            found[-1] = (found[-1][0], found[-1][1] + batch.num_rows)
            if found[-1][1] >= each:
                writer.close()
                writer = None
        if writer is not None:
            writer.close()
    return found
