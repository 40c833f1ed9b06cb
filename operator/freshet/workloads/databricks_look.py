"""What a Databricks table holds, and what freshet's record says of it, once what was cut off is taken in."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from freshet.workloads import databricks_ledger as ledger
from freshet.workloads import databricks_strangers as strangers
from freshet.workloads.columns import Column
from freshet.workloads.databricks_catalog import columns_of
from freshet.workloads.databricks_incoming import Incoming
from freshet.workloads.databricks_recovery import finish
from freshet.workloads.databricks_sql import ABSENT, Sql, error_class
from freshet.workloads.ledger import LOAD_ID, untold
from freshet.workloads.log import LOG
from freshet.workloads.spec import IngestSpec
from freshet.workloads.sql import qualified
from freshet.workloads.warehouse import Level, TableState, owned, rival_of

__all__ = ["Look"]

_UNMARKED = "was made anew by others than freshet: its rows do not name the loads that wrote them"
_UNRECORDED = "has no record of its loads, and no row of it tells whether {path} was loaded"


class Look:
    """At ``table`` of ``place`` (catalog, schema), in one session. All methods raise what the connector raises."""

    def __init__(
        self,
        sql: Sql,
        place: tuple[str, str],
        table: str,
        *,
        spec: IngestSpec,
        relation: str,
        incoming: Incoming,
        told: str | None,
    ) -> None:
        """``told``: the version of the newest result."""
        self._sql, self._place, self._table = sql, place, table
        self._spec, self._relation, self._incoming, self._told = spec, relation, incoming, told

    @property
    def _target(self) -> tuple[str, str, str]:
        return (*self._place, self._table)

    def state(self) -> TableState:
        """Of ``append``, loads that were cut off before they were recorded are recorded by that."""
        all_columns = columns_of(self._sql, self._target, relation=self._relation)
        columns = tuple(column for column in all_columns or () if column.name != LOAD_ID)
        marked = len(columns) < len(all_columns or ())
        known = self._recorded(columns=columns, marked=marked)
        if all_columns is None:
            return TableState(columns=None, level=known.level, rows=0, own=known.own)
        known = self._counted(known)
        if known.untold or self._spec.write.disposition != "append":
            return known
        return replace(known, untold=untold(known.level, known.taken, rows=known.rows))

    def _counted(self, known: TableState) -> TableState:
        """Whose rows they are is asked where the answer counts: it takes more than a count."""
        if known.marked and (known.level is None or self._spec.write.disposition == "append"):
            rows, loaded, strange = strangers.counted(self._sql, self._place, self._table)
            if strange:  # it reads three tables, of which one may be older: another pod's rows, and not yet its note
                rows, loaded, strange = strangers.counted(self._sql, self._place, self._table)
            strange = rows if known.level is None and not loaded else strange
            return replace(known, rows=rows, loaded=loaded, strange=strange)
        found = f"SELECT count(*), count({LOAD_ID if known.marked else 'NULL'}) FROM"
        rows, loaded = map(int, self._sql.ask(f"{found} {qualified(self._target, mark='`')}")[0])
        return replace(known, rows=rows, loaded=loaded)

    def finish(self, level: Level | None, unrecorded: frozenset[str], *, columns: Sequence[Column]) -> Level | None:
        """Take in those loads, whose rows are there. Returns the level then. Raises InputError."""
        level = finish(
            self._sql,
            self._target,
            level,
            unrecorded,
            spec=self._spec,
            relation=self._relation,
            columns=columns,
            told=self._told,
        )
        if unrecorded:
            self._incoming.fence(self._sql)
        return level

    def _recorded(self, *, columns: tuple[Column, ...], marked: bool) -> TableState:
        """The level, the loads that it is behind, and what ``append`` took: nothing where there is no ledger.

        Where half of it is there, or rows name their loads, what is left may tell what was taken.
        """
        for is_last in (False, True):
            try:
                return self._read(columns=columns, marked=marked)
            except Exception as error:
                kind = error_class(error)
                if kind in ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND") and not marked:
                    break
                if kind not in ABSENT or is_last:
                    raise
                LOG.info("The record of loads lacks a table, or columns that came since an earlier freshet: made now.")
                ledger.make_ledger(self._sql, self._place)
        return TableState(columns=columns, level=None, rows=0, marked=marked)

    def _read(self, *, columns: tuple[Column, ...], marked: bool) -> TableState:
        where = (self._sql, self._place, self._table)
        level = ledger.level_of(*where)
        known = self._owned(TableState(columns=columns, level=level, rows=0, marked=marked))
        if not marked:
            return replace(known, untold=_UNMARKED if known.level else "")
        noted = ledger.pending(*where)
        unrecorded = ledger.came(*where, among=noted)
        known = replace(known, unrecorded=unrecorded, awaited=len(noted) > len(unrecorded))
        others = (rival_of(self._spec.asset, loaded_by=noted[load_id].asset) for load_id in sorted(unrecorded))
        rival = known.rival or next(filter(None, others), "")
        if self._spec.write.disposition != "append" or (rival and not self._spec.write.adopt):
            return replace(known, rival=rival)
        if level is None and not self._spec.write.adopt:
            path = strangers.perhaps_taken(*where, noted, came=unrecorded)
            if path is not None:  # to record the others would make it pass for one that never came
                return replace(known, untold=_UNRECORDED.format(path=path))
        level = self.finish(known.level, unrecorded, columns=columns)
        return replace(self._owned(replace(known, level=level)), unrecorded=frozenset(), taken=ledger.taken_by(*where))

    def _owned(self, state: TableState) -> TableState:
        level_of = partial(ledger.level_of, self._sql, self._place, self._table)
        return owned(state, asset=self._spec.asset, level_of=lambda asset: level_of(asset=asset))
