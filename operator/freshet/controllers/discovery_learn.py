"""What is known of tables that freshet did not build: versions for Assets at first sight, and for external ones later.

At first sight a table that dbt has built counts as it is, so that applying a Pipeline over a project that is up to date
runs nothing. An external Asset gets its versions from ``dbt source freshness`` or from the runs that build it; where
nothing says how recent it is, it has the version ``unobserved``, and its data counts as static.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from freshet.api.asset import Asset, Check, Consumed
from freshet.api.pipeline import Pipeline
from freshet.controllers.dbt_tests import results_by_node, shown
from freshet.controllers.discovery_plan import UNOBSERVED
from freshet.core.nodes import plain_relation
from freshet.core.outcome import Ended
from freshet.core.situation import definition_of
from freshet.dbtcloud.adoption import Adopted, Built, adopt, newest
from freshet.dbtcloud.found import Found
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.outcomes import CheckResult
from freshet.dbtcloud.results import StepResults
from freshet.dbtcloud.sources import SourceState

__all__ = ["Learned", "adopted", "external", "source_checks"]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """``results`` of runs, newest first; ``states`` of sources, each with the run that looked."""

    results: tuple[tuple[Run, StepResults], ...] = ()
    states: Mapping[str, tuple[SourceState, Run]] = field(default_factory=dict)

    @cached_property
    def built(self) -> dict[str, Built]:
        """Unique id → its newest version."""
        return newest((run.id, steps) for run, steps in reversed(self.results))

    @property
    def fed(self) -> frozenset[str]:
        """Unique ids of which something is known."""
        return frozenset((*self.states, *self.built))

    def run(self, version: str) -> Run | None:
        """The run that made a version."""
        return next((run for run, _ in self.results if str(run.id) == version), None)

    def checks(self, *nodes: str, pipeline: str | None = None) -> tuple[Check, ...]:
        """The newest result of each test of these nodes; ``pipeline``: they are sources of its project."""
        found = (result for node in nodes for result in self._tests.get(node, ()))
        return shown(found, of=nodes, pipeline=pipeline)

    @cached_property
    def _tests(self) -> Mapping[str, list[CheckResult]]:
        return results_by_node(check for _, steps in self.results for check in steps.checks)


def adopted(
    *, found: Found, learned: Learned, assets: Mapping[str, Asset], pipeline: Pipeline, fresh: frozenset[str]
) -> dict[str, Ended]:
    """Asset → the run that made its table, for each model at first sight. ``assets``: those of the namespace."""
    others = {name: known for name, asset in assets.items() if name not in fresh and (known := _known(asset))}
    others |= {name: Built(version=run.version or "", at=run.updated_at) for name, run in _first(found, learned, fresh)}
    taken = adopt(found=found, built=learned.built, others=others)
    return {
        name: _ended(assets[name], each, learned, pipeline=pipeline, relation=found.assets[name].relation)
        for name, each in taken.items()
        if name in fresh and name in assets
    }


def external(*, found: Found, learned: Learned, fresh: frozenset[str], at: datetime) -> dict[str, Ended]:
    """Asset → what is known of it now, for external ones."""
    outside = {name: desired.unique_id for name, desired in found.assets.items() if desired.kind == "External"}
    known = {name: run for name, key in outside.items() if (run := _observed(key, learned)) is not None}
    return {name: _unobserved(at) for name in outside if name in fresh} | known


def source_checks(learned: Learned, sources: Collection[str], *, pipeline: str) -> Ended | None:
    """What is known of the tests of the sources that an Asset is; None: nothing."""
    checks = learned.checks(*sources, pipeline=pipeline)
    if not checks:
        return None
    run = learned.results[0][0]
    assert run.finished_at is not None
    return Ended(
        id=str(run.id), outcome="Unchanged", executor="DbtCloud", finished_at=run.finished_at, checks=checks,
        tests_of=pipeline, checks_only=True, adopted=True,
    )  # fmt: skip


def _first(found: Found, learned: Learned, fresh: frozenset[str]) -> list[tuple[str, Ended]]:
    """The versions that external Assets are about to get."""
    at = datetime.min
    return list(external(found=found, learned=learned, fresh=fresh, at=at).items())


def _known(asset: Asset) -> Built | None:
    status = asset.status
    return Built(version=status.version, at=status.last_updated_at) if status.version is not None else None


def _ended(asset: Asset, known: Adopted, learned: Learned, *, pipeline: Pipeline, relation: str | None) -> Ended:
    built, node, run = known.built, known.built.result, learned.run(known.built.version)
    assert node is not None
    assert run is not None
    assert run.finished_at is not None
    return Ended(
        id=built.version,
        outcome="Succeeded",
        executor="DbtCloud",
        started_at=node.started_at,
        finished_at=node.finished_at or run.finished_at,
        url=run.href,
        cause="built before freshet saw it",
        message=run.message,
        looked_at={name: Consumed(version=version) for name, version in known.considered.items()},
        consumed={name: Consumed(version=version) for name, version in known.consumed.items()},
        version=built.version,
        seconds=node.seconds,
        rows=node.rows_affected,
        relation=plain_relation(node.relation or relation),
        checks=learned.checks(node.unique_id),
        definition=definition_of(asset, pipeline),
        adopted=True,
    )


def _observed(unique_id: str, learned: Learned) -> Ended | None:
    if (known := learned.states.get(unique_id)) is not None:
        return _looked(*known)
    built = learned.built.get(unique_id)
    run = learned.run(built.version) if built is not None else None
    if built is None or run is None or run.finished_at is None:
        return None
    at = built.at or run.finished_at
    return Ended(
        id=built.version, outcome="Succeeded", executor="External", finished_at=at, updated_at=at, data_time=at,
        version=built.version, url=run.href, cause="built by another run of dbt", message=run.message,
    )  # fmt: skip


def _looked(state: SourceState, run: Run) -> Ended:
    """dbt asked the source when it was last loaded; the same answer again is no new version."""
    assert run.finished_at is not None
    message = f"dbt found it loaded at {state.data_time:%Y-%m-%d %H:%M:%SZ}"
    return Ended(
        id=str(run.id), outcome="Succeeded", executor="External", finished_at=state.checked_at or run.finished_at,
        updated_at=state.data_time, data_time=state.data_time, version=state.version, url=run.href,
        cause="dbt source freshness", message=message,
    )  # fmt: skip


def _unobserved(at: datetime) -> Ended:
    message = (
        "nothing says how recent it is: run dbt source freshness in a job, map the source by discovery.sources, "
        "or annotate this Asset with freshet.dev/materialized"
    )
    return Ended(
        id=UNOBSERVED, outcome="Succeeded", executor="External", finished_at=at, version=UNOBSERVED,
        cause="the dbt project reads it", message=message, adopted=True,
    )  # fmt: skip
