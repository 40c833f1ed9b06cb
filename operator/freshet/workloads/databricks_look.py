"""What a Databricks table holds, and what freshet's record says of it, once what was cut off is taken in."""

from collections.abc import Mapping, Sequence

from freshet.workloads import databricks_ledger as ledger
from freshet.workloads.columns import Column
from freshet.workloads.databricks_catalog import columns_of
from freshet.workloads.databricks_incoming import Incoming
from freshet.workloads.databricks_recovery import finish
from freshet.workloads.databricks_sql import Sql, error_class
from freshet.workloads.inputs import InputFile
from freshet.workloads.ledger import LOAD_ID
from freshet.workloads.log import LOG
from freshet.workloads.spec import IngestSpec
from freshet.workloads.sql import qualified
from freshet.workloads.warehouse import Level, TableState

__all__ = ["Look"]


class Look:
    """At ``table`` of ``place`` (catalog, schema), in one session. All methods raise what the connector raises."""

    def __init__(
        self, sql: Sql, place: tuple[str, str], table: str, *, spec: IngestSpec, relation: str, incoming: Incoming
    ) -> None:
        self._sql, self._place, self._table = sql, place, table
        self._spec, self._relation, self._incoming = spec, relation, incoming

    @property
    def _target(self) -> tuple[str, str, str]:
        return (*self._place, self._table)

    def state(self) -> TableState:
        """Of ``append``, loads that were cut off before they were recorded are recorded by that."""
        all_columns = columns_of(self._sql, self._target, relation=self._relation)
        columns = tuple(column for column in all_columns or () if column.name != LOAD_ID)
        marked = len(columns) < len(all_columns or ())
        level, unrecorded, taken = self._recorded(columns=columns, marked=marked)
        if all_columns is None:
            return TableState(columns=None, level=level, rows=0)
        found = f"SELECT count(*), count({LOAD_ID if marked else 'NULL'}) FROM"
        rows, loaded = map(int, self._sql.ask(f"{found} {qualified(self._target, mark='`')}")[0])
        return TableState(
            columns=columns,
            level=level,
            rows=rows,
            taken=taken,
            marked=marked,
            loaded=loaded,
            unrecorded=unrecorded,
        )

    def finish(self, level: Level | None, unrecorded: frozenset[str], *, columns: Sequence[Column]) -> Level | None:
        """Take in those loads, whose rows are there. Returns the level then. Raises InputError."""
        level = finish(
            self._sql, self._target, level, unrecorded, spec=self._spec, relation=self._relation, columns=columns
        )
        if unrecorded:
            self._incoming.fence(self._sql)
        return level

    def _recorded(
        self, *, columns: Sequence[Column], marked: bool
    ) -> tuple[Level | None, frozenset[str], Mapping[str, InputFile]]:
        """The level, the loads that it is behind, and what ``append`` took: nothing where there is no ledger."""
        for is_last in (False, True):
            try:
                return self._read(columns=columns, marked=marked)
            except Exception as error:
                kind = error_class(error)
                if kind in ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND"):
                    break
                if kind != "UNRESOLVED_COLUMN" or is_last:
                    raise
                LOG.info("The record of loads is of an earlier freshet: it gets the columns that came since.")
                ledger.make_ledger(self._sql, self._place)
        return None, frozenset(), {}

    def _read(
        self, *, columns: Sequence[Column], marked: bool
    ) -> tuple[Level | None, frozenset[str], Mapping[str, InputFile]]:
        level = ledger.level_of(self._sql, self._place, self._table)
        unrecorded = ledger.came(self._sql, self._place, self._table) if marked else frozenset()
        if not marked or self._spec.write.disposition != "append":
            return level, unrecorded, {}
        level = self.finish(level, unrecorded, columns=columns)
        return level, frozenset(), ledger.taken_by(self._sql, self._place, self._table)
