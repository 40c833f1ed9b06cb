"""Loads into a DuckDB file: dlt writes an incoming table, one transaction publishes it together with its record.

The file's own lock is held from the second look to the end, which serializes loads. A killed one leaves at most an
incoming table: whoever has the file next drops it, also where nothing is to be loaded or another table is.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from freshet.workloads import ledger, parquet, publish, rejected
from freshet.workloads.bad_rows import Refused
from freshet.workloads.columns import Column, snake
from freshet.workloads.dlt_load import duckdb_destination, load_parquet
from freshet.workloads.duckdb_file import connect, lock_timeout, warehouse_error
from freshet.workloads.duckdb_look import INCOMING, columns_of, left_behind, state_of, sweep
from freshet.workloads.duckdb_new import is_there
from freshet.workloads.errors import ConfigError, TableMoved, Unavailable, WorkloadError
from freshet.workloads.merging import Merge
from freshet.workloads.names import expect_time, unfound
from freshet.workloads.published import publishing
from freshet.workloads.spec import DuckDb, IngestSpec
from freshet.workloads.sql import identifier, in_calendar, qualified
from freshet.workloads.warehouse import Batch, Level, Outcome, TableState, breaks_rule, doubled, gone, new

__all__ = ["DuckDbWarehouse"]

_PATIENCE = 2.0


class DuckDbWarehouse:
    """One table of one DuckDB file (``warehouse.Warehouse``)."""

    def __init__(self, *, spec: IngestSpec, where: DuckDb) -> None:
        self._spec = spec
        self._where = where
        self._schema = where.schema
        self._target = (where.schema, spec.table)
        self._incoming = (where.schema, f"{INCOMING}{spec.table}")
        self._is_littered = False

    @property
    def relation(self) -> str:
        return f"{self._schema}.{self._spec.table}"

    def stored(self, kind: str) -> str:
        return kind

    def inspect(self) -> TableState:
        import duckdb

        if not is_there(self._where.path):
            return TableState(columns=None, level=None, rows=0)
        with connect(self._where, read_only=True) as con:
            try:
                self._is_littered = bool(left_behind(con, self._schema))
                return state_of(con, *self._target, asset=self._spec.asset)
            except duckdb.Error as error:
                raise warehouse_error(error, path=self._where.path) from error

    def tidy(self) -> None:
        """Only where the look has found something, and not worth a failure nor a long wait for the file."""
        if self._is_littered:
            where = structs.replace(self._where, lock_timeout=min(lock_timeout(self._where), _PATIENCE))
            with suppress(Exception), connect(where, read_only=False) as con:
                sweep(con, self._schema)

    def data_time(self, *, expected: TableState) -> datetime | None:
        import duckdb

        with connect(self._where, read_only=True) as con:
            try:
                if _token(state_of(con, *self._target, asset=self._spec.asset)) != _token(expected):
                    raise TableMoved
                return self._data_time(con, ())
            except duckdb.Error as error:
                raise warehouse_error(error, path=self._where.path) from error

    def load(self, *, batch: Batch, expected: TableState, folder: Path) -> Outcome:
        import duckdb

        columns = max(len(batch.columns), len(expected.columns or ()))
        with connect(self._where, read_only=False, spill=folder / "spill", columns=columns) as con:
            try:
                return self._load(con, batch, expected, folder)
            except (WorkloadError, TableMoved):
                raise
            except duckdb.ConstraintException as error:
                raise breaks_rule(self.relation) from error
            except (duckdb.BinderException, duckdb.CatalogException, duckdb.DependencyException) as error:
                raise _not_so(self.relation, error) from error
            except duckdb.Error as error:
                raise warehouse_error(error, path=self._where.path) from error

    def _load(self, con: Any, batch: Batch, expected: TableState, folder: Path) -> Outcome:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(self._schema)}")
        sweep(con, self._schema)
        ledger.make_ledger(con, self._schema)
        before = state_of(con, *self._target, asset=self._spec.asset)
        if _token(before) != _token(expected):
            raise TableMoved
        load_id = self._bring(con, batch, folder)
        con.execute("BEGIN TRANSACTION")
        try:
            written = self._publish(con, batch, before)
            level = self._record(con, batch, before, load_id=load_id, written=written)
        except WorkloadError:
            con.execute("ROLLBACK")
            sweep(con, self._schema)
            raise
        with publishing():
            con.execute("COMMIT")
        return Outcome(level=level, changed=written > 0 or before.columns is None, written=written)

    def _bring(self, con: Any, batch: Batch, folder: Path) -> str:
        """The rows into the incoming table, by dlt, and counted there."""
        self._make_incoming(con, batch)
        try:
            load_id = load_parquet(
                duckdb_destination(con),
                files=[(batch.path, batch.rows)],
                columns=batch.columns,
                schema=self._schema,
                table=self._incoming[-1],
                name=f"freshet_{snake(self._spec.asset or self._spec.table)}",
                folder=folder / str(time.monotonic_ns()),
            )
        except Exception as error:
            raise _dlt_failed(error, self._where.path) from error
        arrived = publish.count_rows(con, self._incoming)
        if arrived != batch.rows:
            raise Unavailable(
                "LoadIncomplete",
                f"{arrived:,} of {batch.rows:,} rows arrived in {self.relation}: nothing was published; it is "
                "tried again.",
            )
        publish.rename_columns(con, self._incoming, batch.columns)
        return load_id

    def _make_incoming(self, con: Any, batch: Batch) -> None:
        columns = ", ".join(f"{identifier(column.name)} {column.type}" for column in batch.columns)
        con.execute(f"CREATE OR REPLACE TABLE {qualified(self._incoming)} ({columns})")

    def _publish(self, con: Any, batch: Batch, before: TableState) -> int:
        disposition = self._spec.write.disposition
        if before.columns is None or disposition == "replace":
            ledger.forget(con, self._schema, self._spec.table)
            written = publish.rename_into(con, self._incoming, self._target)
            publish.add_columns(con, self._target, gone(before, batch))
            return written
        publish.add_columns(con, self._target, new(before, batch))
        if disposition == "append":
            return publish.append(con, self._incoming, self._target)
        return self._merge(con, batch)

    def _merge(self, con: Any, batch: Batch) -> int:
        merge = Merge(con=con, incoming=self._incoming, target=self._target, columns=batch.columns, key=batch.table_key)
        pairs, held = merge.pairs()
        if pairs != batch.rows:
            raise doubled(self.relation, key=batch.key)
        if not held and (unfilled := merge.unfilled()):
            raise unfound(unfilled, where=self._spec.csv.path)
        written = merge.write(rows=batch.rows, size=parquet.unpacked_size(batch.path))
        con.execute(f"DROP TABLE {qualified(self._incoming)}")
        return written

    def _record(self, con: Any, batch: Batch, before: TableState, *, load_id: str, written: int) -> Level:
        now = datetime.now(UTC)
        old = before.level if before.columns is not None else None
        kept = old if old is not None and written == 0 else None
        values = {
            "load_id": load_id,
            "asset": self._spec.asset,
            "fingerprint": batch.fingerprint,
            "version": kept.version if kept else load_id,
            "changed": kept is None,
            "updated_at": kept.updated_at if kept else now,
            "data_time": self._data_time(con, gone(before, batch) if self._spec.write.disposition == "replace" else ()),
            "rows": publish.count_rows(con, self._target),
            "previous_rows": kept.previous_rows if kept else old and before.rows,
            "rows_in": batch.rows_in,
            "rows_loaded": written,
            "rows_rejected": batch.rejected,
            "samples": batch.samples,
            "files_taken": ledger.files_taken(batch, before, disposition=self._spec.write.disposition),
            "bytes": sum(file.size for file in batch.files),
            "finished_at": now,
        }
        files = batch.files if self._spec.write.disposition == "append" else ()
        ledger.record(con, self._schema, table=self._spec.table, values=values, files=files)
        self._quarantine(con, batch.refused, load_id)
        level = ledger.level_of(con, self._schema, self._spec.table)
        assert level is not None
        return level

    def _data_time(self, con: Any, gone: Sequence[Column]) -> datetime | None:
        """``gone``: columns that hold nothing any more."""
        column = self._spec.data_time_column
        if column is None:
            return None
        columns = [found for found in columns_of(con, *self._target) or () if found not in gone]
        found = expect_time(column, columns=columns, where=self.relation)
        return _max_time(con, self._target, found.in_table)

    def _quarantine(self, con: Any, refused: Sequence[Refused], load_id: str) -> None:
        if not refused:
            return
        target = (self._schema, f"{self._spec.table}{rejected.SUFFIX}")
        held = columns_of(con, *target) or ()
        rejected.expect_ours([column.name for column in held], relation=".".join(target))
        table, names = qualified(target), [identifier(column.name) for column in rejected.COLUMNS]
        described = ", ".join(f"{name} {column.type}" for name, column in zip(names, rejected.COLUMNS, strict=True))
        con.execute(f"CREATE TABLE IF NOT EXISTS {table} ({described})")
        rows = [[load_id, one.path, one.line, one.column, one.reason, one.raw] for one in refused]
        con.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES (?, ?, ?, ?, ?, ?)", rows)


def _max_time(con: Any, target: Sequence[str], column: str) -> datetime | None:
    newest = f"max({in_calendar(identifier(column))})::TIMESTAMPTZ"
    row = con.execute(f"SELECT {newest} FROM {qualified(target)}").fetchone()
    found = row[0] if row else None
    return found if isinstance(found, datetime) else None


def _token(state: TableState) -> tuple[object, ...]:
    return (state.level.load_id if state.level else None, state.columns, state.rows)


def _not_so(relation: str, error: Exception) -> ConfigError:
    """A foreign key that refers to it, or a column that is generated, of a table that freshet did not make."""
    said = str(error).partition(": ")[2].partition("\n")[0].strip().rstrip(".!")
    return ConfigError(
        "SchemaConflict",
        f"DuckDB does not let {relation} be written so ({said}): mend the table, or load into another.",
    )


def _dlt_failed(error: Exception, path: str) -> WorkloadError:
    cause: BaseException = error
    while (deeper := cause.__cause__ or cause.__context__) is not None:
        cause = deeper
    known = warehouse_error(Exception(str(cause)), path=path)
    if known.reason != "WarehouseFailed":
        return known
    return Unavailable(
        "LoadFailed",
        f"dlt could not load into {path} ({type(cause).__name__}): nothing was published; it is tried again; "
        "--debug shows the details.",
    )
