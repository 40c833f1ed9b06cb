"""Loads into Databricks, exactly once without transactions (docs/loads.md, "Databricks").

Rows are brought into a table of this load's own and counted, one atomic statement publishes them, what is in the table
then is read back, and only then the load is recorded. Every step may be lost, repeated or cut off: the next look finds
out from the rows themselves.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from freshet.workloads import databricks_ledger as ledger
from freshet.workloads import databricks_publish as publish
from freshet.workloads import databricks_strangers as strangers
from freshet.workloads.columns import Column, snake
from freshet.workloads.databricks_aside import Aside
from freshet.workloads.databricks_catalog import add_columns, make_schema
from freshet.workloads.databricks_errors import incomplete, sorted_out
from freshet.workloads.databricks_incoming import Incoming
from freshet.workloads.databricks_look import Look
from freshet.workloads.databricks_publish import Publishing
from freshet.workloads.databricks_recovery import UPDATED, disposition_of, previous
from freshet.workloads.databricks_sql import Sql, connection_options, open_sql
from freshet.workloads.databricks_types import expect_known, stored, to_databricks
from freshet.workloads.errors import AnswerLost, TableMoved, WorkloadError
from freshet.workloads.ledger import LOAD_ID, files_taken
from freshet.workloads.names import expect_time, unfound
from freshet.workloads.published import publishing
from freshet.workloads.spec import Databricks, IngestSpec
from freshet.workloads.warehouse import Batch, Level, Outcome, TableState, doubled, gone, new, next_load_id

__all__ = ["DatabricksWarehouse"]

_LIFE = timedelta(days=1)
"""So long, and twice its Job's deadline, a load may still publish, for all that is known."""
_SETTINGS = {"TIMEZONE": "UTC"}
"""A session of another zone would read another moment from a time without one, and from a 9999-12-31 none at all
(https://docs.databricks.com/aws/en/sql/language-manual/parameters/timezone)."""


class DatabricksWarehouse:
    """One table of one Databricks schema (``warehouse.Warehouse``)."""

    def __init__(self, *, spec: IngestSpec, where: Databricks, told: str | None = None) -> None:
        """``told``: the version of the newest result."""
        self._spec = spec
        self._told = told
        self._where = where
        self._table = spec.table.lower()
        self._options = connection_options(os.environ, timeout=spec.timeout, settings=_SETTINGS)

    @property
    def relation(self) -> str:
        catalog = [self._where.catalog] if self._where.catalog else []
        return ".".join([*catalog, self._where.schema, self._spec.table])

    def stored(self, kind: str) -> str:
        return stored(kind)

    @property
    def _adds_to_others(self) -> bool:
        return self._spec.write.adopt and self._spec.write.disposition == "append"

    def inspect(self) -> TableState:
        """Also takes in what a load that was cut off has left."""
        with self._open() as (sql, place):
            return self._look(sql, place, self._incoming(place)).state()

    def tidy(self) -> None:
        with self._open() as (sql, place):
            self._incoming(place).tidy(sql)
            if self._adds_to_others:
                strangers.accept(sql, place, self._table)
            self._forget_lost(sql, place, ledger.pending(sql, place, self._table), published=False)

    def data_time(self, *, expected: TableState) -> datetime | None:
        column, columns = self._spec.data_time_column, expected.columns or ()
        if column is None:
            return None
        expect_time(column, columns=columns, where=self.relation)
        with self._open() as (sql, place):
            found = publish.newest(sql, (*place, self._table), column, columns=columns)
            if _token(self._look(sql, place, self._incoming(place)).state()) != _token(expected):
                raise TableMoved
            return found

    def load(self, *, batch: Batch, expected: TableState, folder: Path) -> Outcome:
        expect_known(batch.columns)
        with self._open() as (sql, place):
            incoming = self._incoming(place)
            make_schema(sql, place)
            ledger.make_ledger(sql, place)
            incoming.fence(sql)
            self._expect_time(expected, batch)
            self._aside(sql, place).expect_ours(batch)
            try:
                self._bring(sql, incoming, batch, folder)
                incoming.fence(sql)
                # Who looked before that fence might publish an older input over what came meanwhile.
                before = self._look(sql, place, incoming).state()
                if _token(before) != _token(expected):
                    raise TableMoved
                return self._publish(sql, place, incoming, batch, before, folder)
            finally:
                incoming.drop(sql)

    def _incoming(self, place: tuple[str, str]) -> Incoming:
        pipeline = f"freshet_{snake(self._spec.asset or self._spec.table)}"
        return Incoming(place=place, table=self._table, pipeline=pipeline)

    def _look(self, sql: Sql, place: tuple[str, str], incoming: Incoming) -> Look:
        return Look(
            sql, place, self._table, spec=self._spec, relation=self.relation, incoming=incoming, told=self._told
        )

    def _aside(self, sql: Sql, place: tuple[str, str]) -> Aside:
        target, incoming = (*place, self._table), self._incoming(place)
        return Aside(sql, target, relation=self.relation, incoming=incoming, options=self._options)

    @contextmanager
    def _open(self) -> Iterator[tuple[Sql, tuple[str, str]]]:
        """A session and (catalog, schema). What goes wrong inside is sorted: moved, lost, or a sentence."""
        is_awake = False
        try:
            with open_sql(self._options) as sql:
                catalog = self._where.catalog or str(sql.ask("SELECT current_catalog()")[0][0])
                is_awake = True
                yield sql, (catalog.lower(), self._where.schema.lower())
        except (WorkloadError, TableMoved, AnswerLost):
            raise
        except Exception as error:
            found = sorted_out(error, relation=self.relation, host=str(self._options["server_hostname"]))
            # Where nothing was asked nothing is lost; the connector has been patient for as long as it may.
            raise (found.error if isinstance(found, AnswerLost) and not is_awake else found) from error

    def _expect_time(self, before: TableState, batch: Batch) -> None:
        """Raises ConfigError while nothing is published: what is read back then is a time."""
        if self._spec.data_time_column is not None:
            columns = self._columns_after(before, batch)
            expect_time(self._spec.data_time_column, columns=columns, where=self.relation)

    def _columns_after(self, before: TableState, batch: Batch) -> list[Column]:
        kept = () if self._spec.write.disposition == "replace" else before.columns or ()
        return [*{column.known_as: column for column in (*batch.columns, *kept)}.values()]

    def _bring(self, sql: Sql, incoming: Incoming, batch: Batch, folder: Path) -> None:
        arrived = incoming.bring(
            sql, path=batch.path, rows=batch.rows, columns=batch.columns, folder=folder, options=self._options
        )
        if arrived != batch.rows:
            raise AnswerLost(incomplete(f"{arrived:,} of {batch.rows:,} rows arrived beside {self.relation}"))

    def _publish(
        self, sql: Sql, place: tuple[str, str], incoming: Incoming, batch: Batch, before: TableState, folder: Path
    ) -> Outcome:
        target, aside, came = (*place, self._table), self._aside(sql, place), before.unrecorded
        before, load_id = self._named(sql, place, incoming, batch, before)
        others = ledger.pending(sql, place, self._table)
        it = Publishing(
            incoming=incoming.table,
            target=target,
            columns=batch.columns,
            load_id=load_id,
            expected=batch.rows,
            unless=others.keys() - came - {load_id} if before.marked else (),
        )
        self._expect_keys(sql, it, batch, before)
        disposition = self._spec.write.disposition
        if before.level is not None and not before.marked:  # gone, or made anew by hand
            ledger.forget(sql, place, self._table, last=before.level.load_id)
        asset = self._spec.asset
        ledger.note(sql, place, self._table, load_id=load_id, asset=asset, disposition=disposition, batch=batch)
        aside.put(batch, load_id, folder, again=load_id in others)
        with publishing():
            self._change(sql, it, batch, before)
            rows, written = publish.rows_of(sql, target, load_id)
            if before.columns is None and not written:
                self._never_came(sql, place, aside, load_id)
            self._prove(sql, it, batch, written=written, rows=rows)
        aside.keep(batch, load_id, folder)
        if before.strange and self._adds_to_others:  # sooner it might publish nothing
            strangers.accept(sql, place, self._table)
        level = self._record(sql, place, batch, before, load_id=load_id, rows=rows, written=written)
        others.pop(load_id, None)
        self._forget_lost(sql, place, others, published=written > 0)
        ledger.settle(sql, place, self._table)
        if before.level is not None and disposition == "replace":  # not sooner: until here it may publish nothing
            ledger.forget(sql, place, self._table, last=before.level.load_id)
        grown = [file.path for file in batch.files if file.path in before.taken]
        ledger.forget_older(sql, place, self._table, load_id=load_id, paths=grown)
        awaited = bool(others and ledger.pending(sql, place, self._table))
        return Outcome(level=level, changed=level.version == load_id, written=written, awaited=awaited)

    def _expect_keys(self, sql: Sql, it: Publishing, batch: Batch, before: TableState) -> None:
        """Raises InputError where a row would be written over several, and ConfigError where none would be found."""
        key = batch.table_key
        if not key or not {column.in_table for column in before.columns or ()}.issuperset(key):
            return
        if unfilled := publish.unfilled(sql, it, key=key):
            raise unfound(unfilled, where=self._spec.csv.path)
        if publish.held_twice(sql, it, key=key):
            raise doubled(self.relation, key=batch.key)

    def _change(self, sql: Sql, it: Publishing, batch: Batch, before: TableState) -> None:
        """The one statement that readers see."""
        disposition = self._spec.write.disposition
        if before.columns is None:
            publish.create(sql, it)
        elif disposition == "replace":
            empty = [(column.in_table, to_databricks(column.type)) for column in gone(before, batch)]
            publish.overwrite(sql, it, empty=empty, same=_same_columns(before, batch.columns))
        else:
            add_columns(sql, it.target, _new(before, batch))
            if disposition == "append":
                publish.append(sql, it, loaded=before.loaded)
            else:
                publish.merge(sql, it, key=batch.table_key)

    def _never_came(self, sql: Sql, place: tuple[str, str], aside: Aside, load_id: str) -> NoReturn:
        """Another load has made the table meanwhile: this one, which would have, can come no more."""
        aside.discard([load_id])
        ledger.forget_lost(sql, place, self._table, load_ids=[load_id])
        raise TableMoved

    def _forget_lost(
        self, sql: Sql, place: tuple[str, str], others: Mapping[str, ledger.Noted], *, published: bool
    ) -> None:
        """What was said of loads that never published, and their bad rows, when nothing of theirs can come any more."""
        if not others:
            return
        aside = self._aside(sql, place)
        aside.discard(sorted(self._kept_out(sql, place, others, published=published)))
        life = _LIFE + timedelta(seconds=2 * (self._spec.timeout or 0))
        lost = ledger.lost(sql, place, self._table, before=datetime.now(UTC) - life)
        if lost:
            aside.discard(lost)
            ledger.forget_lost(sql, place, self._table, load_ids=lost)

    def _kept_out(
        self, sql: Sql, place: tuple[str, str], others: Mapping[str, ledger.Noted], *, published: bool
    ) -> set[str]:
        """Those whose bad rows may go before that, by how each writes itself.

        Another load of ``append``, which has ``published`` or taken the same file, keeps such a one out. A ``replace``
        that comes late is itself replaced where this source replaces. A ``merge`` may come late.
        """
        by: dict[str, set[str]] = {}
        for load_id, noted in others.items():
            by.setdefault(disposition_of(noted, self._spec), set()).add(load_id)
        disposition, appends = self._spec.write.disposition, by.get("append", set())
        found = by.get("replace", set()) if disposition == "replace" else set()
        if appends and not (published and disposition == "append"):
            appends = appends.intersection(ledger.overtaken(sql, place, self._table))
        return found | appends

    def _named(
        self, sql: Sql, place: tuple[str, str], incoming: Incoming, batch: Batch, before: TableState
    ) -> tuple[TableState, str]:
        """The state to load onto, and the load's id. The same load, cut off, is done again; others are recorded."""
        load_id = next_load_id(batch, before)
        others = before.unrecorded - {load_id}
        if not others:
            return before, load_id
        look = self._look(sql, place, incoming)
        level = look.finish(before.level, before.unrecorded, columns=before.columns or ())
        before = replace(before, level=level, unrecorded=frozenset())
        return before, next_load_id(batch, before)

    def _prove(self, sql: Sql, it: Publishing, batch: Batch, *, written: int, rows: int) -> None:
        """Raises AnswerLost where the table does not hold what was published."""
        if self._spec.write.disposition == "merge":
            lost = publish.missing(sql, it, key=batch.table_key)
            if lost:
                raise AnswerLost(incomplete(f"{self.relation} lacks {lost:,} of {batch.rows:,} rows"))
            if written > batch.rows:
                raise doubled(self.relation, key=batch.key, done=UPDATED)
        elif written != batch.rows or (self._spec.write.disposition == "replace" and rows != batch.rows):
            raise AnswerLost(incomplete(f"{self.relation} holds {written:,} of {batch.rows:,} rows"))

    def _record(
        self,
        sql: Sql,
        place: tuple[str, str],
        batch: Batch,
        before: TableState,
        *,
        load_id: str,
        rows: int,
        written: int,
    ) -> Level:
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
            "data_time": publish.newest(
                sql,
                (*place, self._table),
                self._spec.data_time_column,
                columns=self._columns_after(before, batch),
            ),
            "rows": rows,
            "previous_rows": kept.previous_rows if kept else previous(old, told=self._told),
            "rows_in": batch.rows_in,
            "rows_loaded": written,
            "rows_rejected": batch.rejected,
            "samples": batch.samples,
            "files_taken": files_taken(batch, before, disposition=self._spec.write.disposition),
            "bytes": sum(file.size for file in batch.files),
            "finished_at": now,
        }
        return ledger.record(sql, place, table=self._table, values=values, last=before.level)


def _new(before: TableState, batch: Batch) -> list[tuple[str, str]]:
    found = [(column.in_table, to_databricks(column.type)) for column in new(before, batch)]
    return found if before.marked else [*found, (LOAD_ID, "STRING")]


def _same_columns(before: TableState, columns: tuple[Column, ...]) -> bool:
    held = {column.known_as: column.type for column in before.columns or ()}
    return before.marked and all(held.get(column.known_as) == stored(column.type) for column in columns)


def _token(state: TableState) -> tuple[object, ...]:
    return (state.level.load_id if state.level else None, state.columns, state.rows, state.unrecorded)
