"""Loads into any destination that dlt ships and that speaks SQL, by dlt's own append, replace and merge.

What is in the table is counted before a load is reported, and what the same input has loaded is not loaded again. There
is no promise beyond that: two loads at once, or one that is cut off and whose input changes meanwhile, may leave rows
twice (docs/loads.md, "Other destinations").
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import filterfalse
from pathlib import Path
from typing import Any

from freshet.workloads import dlt_ledger as ledger
from freshet.workloads import dlt_rows, ownership
from freshet.workloads.columns import Column, snake
from freshet.workloads.dlt_destination import Place, normalized, opened
from freshet.workloads.dlt_fits import expect_fit
from freshet.workloads.dlt_keys import held_twice
from freshet.workloads.dlt_newest import ask_newest
from freshet.workloads.dlt_types import expect_known, from_dlt, moment, stored
from freshet.workloads.errors import AnswerLost, ConfigError, TableMoved, Unavailable
from freshet.workloads.ledger import LOAD_ID
from freshet.workloads.log import LOG
from freshet.workloads.names import expect_time
from freshet.workloads.published import publishing
from freshet.workloads.rejected import expect_ours, is_ours
from freshet.workloads.shortened import short_name
from freshet.workloads.spec import Dlt, IngestSpec
from freshet.workloads.warehouse import Batch, Outcome, TableState, doubled, next_load_id, owned

__all__ = ["DltWarehouse"]


class DltWarehouse:
    """One table at one destination of dlt's (``warehouse.Warehouse``)."""

    def __init__(self, *, spec: IngestSpec, where: Dlt) -> None:
        self._spec = spec
        self._where = where
        self._name = f"freshet_{snake(spec.asset or spec.table)}"
        self._table = normalized(spec.table)
        self._rejected = dlt_rows.rejected(self._table)
        self._seen: str | None = None

    @property
    def relation(self) -> str:
        """As it is called there, once it was looked at: a long name is cut by the destination's own limit."""
        return self._seen or f"{normalized(self._where.schema)}.{normalized(self._spec.table)}"

    def stored(self, kind: str) -> str:
        return stored(kind)

    def inspect(self) -> TableState:
        with opened(self._where, name=self._name, what=self._what, relation=self.relation) as place:
            return self._state(place)

    def tidy(self) -> None:
        """Nothing lies beside the table: dlt loads into it."""

    def data_time(self, *, expected: TableState) -> datetime | None:
        with opened(self._where, name=self._name, what=self._what, relation=self.relation) as place:
            found = self._data_time(place)
            if _token(self._state(place)) != _token(expected):
                raise TableMoved
            return found

    def load(self, *, batch: Batch, expected: TableState, folder: Path) -> Outcome:
        expect_known(batch.columns)
        try:
            with opened(self._where, name=self._name, what=self._what, relation=self.relation) as place:
                return self._load(place, batch, expected, folder)
        except Unavailable as error:
            raise AnswerLost(error) from error

    def _load(self, place: Place, batch: Batch, expected: TableState, folder: Path) -> Outcome:
        before = self._state(place)
        if _token(before) != _token(expected):
            raise TableMoved
        self._expect_types(batch, before)
        self._expect_time(batch, before)
        if batch.refused:
            expect_ours(place.columns(self._rejected), relation=f"{place.schema}.{place.table(self._rejected)}")
        load_id = next_load_id(batch, before)
        self._expect_recorded(place, load_id, before)
        expect_fit(place, batch, table=self._table, folder=folder)
        self._expect_keys(place, batch, before, folder)
        self._clear(place, load_id, before)
        resources = dlt_rows.resources(place, self._spec, batch, table=self._table, load_id=load_id)
        with publishing():
            place.run(resources, file_format=dlt_rows.file_format(place, self._spec))
            rows, written = self._rows(place, load_id)
            if written != batch.rows:
                raise self._incomplete(self.relation, written, batch.rows)
            self._expect_aside(place, batch, load_id)
        self._record(place, batch, before, load_id=load_id, rows=rows)
        level = ledger.level_of(place, self._table)
        if level is None or level.load_id != load_id:
            raise TableMoved
        return Outcome(level=level, changed=level.version == load_id, written=written)

    @property
    def _what(self) -> str:
        return f"the load of {self.relation}"

    def _state(self, place: Place) -> TableState:
        self._seen = f"{place.schema}.{place.table(self._table)}"
        columns, level_of = place.columns(self._table), partial(ledger.level_of, place, self._table)
        state = owned(
            TableState(columns=None, level=level_of(), rows=0, named=place.column),
            asset=self._spec.asset,
            level_of=lambda asset: level_of(asset=asset),
        )
        if not columns:
            return state
        appends, marked = self._spec.write.disposition == "append", LOAD_ID in columns
        return replace(
            state,
            columns=_typed(columns, filter(place.writes, columns)),
            unwritten=_typed(columns, filterfalse(place.writes, columns)),
            rows=int(place.ask(f"SELECT count(*) FROM {place.named(self._table)}")[0][0]),
            taken=ledger.taken_by(place, self._table) if appends else {},
            marked=marked,
            unrecorded=ledger.unrecorded(place, self._table) if marked and not appends else frozenset(),
        )

    def _expect_types(self, batch: Batch, before: TableState) -> None:
        """dlt adds columns and changes none."""
        held = {column.name: column.type for column in before.columns or ()}
        for column in batch.columns:
            if held.get(column.known_as, stored(column.type)) != stored(column.type):
                raise ConfigError(
                    "SchemaConflict",
                    f"Column {column.name} is {held[column.known_as]} in {self.relation}, but csv.schema says"
                    f" {column.type}: mend csv.schema, or drop the table to load it anew.",
                )

    def _expect_time(self, batch: Batch, before: TableState) -> None:
        """Raises ConfigError while nothing is published: what is read back then is a time."""
        if self._spec.data_time_column is not None:
            name = short_name(self._spec.data_time_column, named=before.named)
            kept = () if self._spec.write.disposition == "replace" else (*(before.columns or ()), *before.unwritten)
            columns = {column.known_as: replace(column, type=stored(column.type)) for column in batch.columns}
            columns |= {column.known_as: column for column in kept}
            expect_time(name, columns=[*columns.values()], where=self.relation)

    def _expect_recorded(self, place: Place, load_id: str, before: TableState) -> None:
        """Raises ConfigError where the record alone was dropped: nobody knows which files are in the table.

        Rows of this very load may be there: they are taken out.
        """
        if before.marked and before.level is None and self._spec.write.disposition == "append":
            others = _count(place, self._table, mark=LOAD_ID, load_id=load_id, operator="<>")
            ownership.expect_ours(self._spec, replace(before, loaded=others), relation=self.relation)

    def _expect_keys(self, place: Place, batch: Batch, before: TableState, folder: Path) -> None:
        """Raises InputError where a row would be written over several."""
        held = {column.in_table for column in before.columns or ()}
        can_be = self._spec.write.disposition == "merge" and held.issuperset(batch.table_key)
        if can_be and held_twice(place, batch, of=place.named(self._table), folder=folder):
            raise doubled(self.relation, key=batch.key)

    def _clear(self, place: Place, load_id: str, before: TableState) -> None:
        """Rows of this very load, which was cut off before it was recorded."""
        if before.marked and self._spec.write.disposition == "append":
            _take_out(place, self._table, mark=LOAD_ID, load_id=load_id)
        if is_ours(place.columns(self._rejected)):
            _take_out(place, self._rejected, mark="load_id", load_id=load_id)

    def _rows(self, place: Place, load_id: str) -> tuple[int, int]:
        """All rows, and those that this load wrote."""
        mark = place.quoted(LOAD_ID)
        found = place.ask(
            f"SELECT count(*), sum(CASE WHEN {mark} = %s THEN 1 ELSE 0 END) FROM {place.named(self._table)}", load_id
        )
        return int(found[0][0]), int(found[0][1] or 0)

    def _expect_aside(self, place: Place, batch: Batch, load_id: str) -> None:
        """Raises Unavailable where not all bad rows are beside the table."""
        if batch.refused:
            held = _count(place, self._rejected, mark="load_id", load_id=load_id)
            if held != len(batch.refused):
                raise self._incomplete(f"{place.schema}.{place.table(self._rejected)}", held, len(batch.refused))

    def _incomplete(self, table: str, written: int, rows: int) -> Unavailable:
        return Unavailable(
            "LoadIncomplete",
            f"{table} holds {written:,} of {rows:,} rows: nothing is reported as loaded; it is tried again.",
        )

    def _record(self, place: Place, batch: Batch, before: TableState, *, load_id: str, rows: int) -> None:
        now, disposition = datetime.now(UTC), self._spec.write.disposition
        kept = before.level if before.columns is not None and batch.rows == 0 else None
        values = {
            "load_id": load_id,
            "asset": self._spec.asset,
            "fingerprint": batch.fingerprint,
            "version": kept.version if kept else load_id,
            "updated_at": kept.updated_at if kept else now,
            "data_time": self._data_time(place),
            "rows": rows,
            "previous_rows": before.rows if before.columns is not None and before.level else None,
            "rows_in": batch.rows_in,
            "rows_loaded": batch.rows,
            "rows_rejected": batch.rejected,
            "samples": batch.samples,
            "bytes": sum(file.size for file in batch.files),
            "finished_at": now,
            "made_anew": before.columns is None or disposition == "replace",
        }
        files = batch.files if disposition == "append" else ()
        others = before.unrecorded - {load_id}
        ledger.record(place, table=self._table, values=values, files=files, before=others)

    def _data_time(self, place: Place) -> datetime | None:
        column = self._spec.data_time_column
        if column is None:
            return None
        held = place.columns(self._table)
        columns = _typed(held, [*filter(place.writes, held), *filterfalse(place.writes, held)])
        own = expect_time(short_name(column, named=place.column), columns=columns, where=self.relation)
        quoted = place.quoted(own.name) if place.writes(own.name) else place.relation([(own.name, True)])
        _, found = ask_newest(place, of=place.named(self._table), column=quoted)
        return moment(found, column=column)


def _typed(held: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> tuple[Column, ...]:
    """Those of a table's columns, but for the one that is ours."""
    return tuple(Column(name=name, type=from_dlt(held[name])) for name in names if name != LOAD_ID)


def _take_out(place: Place, table: str, *, mark: str, load_id: str) -> None:
    """DELETE only where there is something: not every destination has it."""
    if _count(place, table, mark=mark, load_id=load_id):
        LOG.info("An earlier try of this load was cut off: its rows are taken out of %s first.", table)
        place.ask(f"DELETE FROM {place.named(table)} WHERE {place.quoted(mark)} = %s", load_id)


def _count(place: Place, table: str, *, mark: str, load_id: str, operator: str = "=") -> int:
    """The rows of one load, or (``<>``) those of all others."""
    found = place.ask(f"SELECT count(*) FROM {place.named(table)} WHERE {place.quoted(mark)} {operator} %s", load_id)
    return int(found[0][0])


def _token(state: TableState) -> tuple[object, ...]:
    return (state.level.load_id if state.level else None, state.columns, state.rows, state.unrecorded)
