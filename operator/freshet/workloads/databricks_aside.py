"""The bad rows of a load beside its table: set aside before it publishes, kept while its rows are there or may come."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freshet.workloads.databricks_catalog import columns_of
from freshet.workloads.databricks_errors import incomplete
from freshet.workloads.databricks_incoming import Incoming
from freshet.workloads.databricks_quarantine import clear, discard, held, quarantine
from freshet.workloads.databricks_sql import Sql
from freshet.workloads.errors import AnswerLost
from freshet.workloads.rejected import SUFFIX, expect_ours
from freshet.workloads.warehouse import Batch

__all__ = ["Aside"]


class Aside:
    """Of ``target``, in one session."""

    def __init__(
        self, sql: Sql, target: tuple[str, str, str], *, relation: str, incoming: Incoming, options: Any
    ) -> None:
        self._sql, self._target, self._relation = sql, target, relation
        self._incoming, self._options = incoming, options
        self._rejected = (*target[:2], f"{target[2]}{SUFFIX}")

    def expect_ours(self, batch: Batch) -> None:
        """Raises WorkloadError where another table stands in their place; asks nothing where no row is bad."""
        if batch.refused:
            relation = f"{self._relation}{SUFFIX}"
            held = columns_of(self._sql, self._rejected, relation=relation) or ()
            expect_ours([column.name for column in held], relation=relation)

    def put(self, batch: Batch, load_id: str, folder: Path, *, again: bool = False) -> None:
        """Once per load: they may be written again by whoever finishes it. Raises AnswerLost.

        ``again``: an earlier try of the load may have set others aside, onto a table of other columns.
        """
        if not batch.refused:
            if again:
                clear(self._sql, self._rejected, load_id=load_id)
            return
        arrived = quarantine(
            self._sql,
            self._incoming,
            self._rejected,
            load_id=load_id,
            refused=batch.refused,
            folder=folder / "rejected",
            options=self._options,
            again=again,
        )
        if arrived != len(batch.refused):
            what = f"{arrived:,} of {len(batch.refused):,} bad rows arrived beside {self._relation}"
            raise AnswerLost(incomplete(what))

    def keep(self, batch: Batch, load_id: str, folder: Path) -> None:
        """Another pod may have taken this load for one that never published, and its bad rows out, while it did."""
        if batch.refused and held(self._sql, self._rejected, load_id=load_id) != len(batch.refused):
            self.put(batch, load_id, folder)

    def discard(self, load_ids: Sequence[str]) -> None:
        """Of loads that never came."""
        if load_ids:
            discard(self._sql, self._rejected, load_ids=load_ids, of=self._target)
