"""What one dbt Cloud run means for one asset. Pure: what is known of the run goes in, an Ended for the core comes out.

Ours: the asset is one that the run was for; where results are silent, the run's own status decides, since the need must
not be forgotten. Somebody else's: only what the results say of this very table counts, and a failure is told but is no
attempt of ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from freshet.api.asset import Asset, Check, Consumed, Outcome
from freshet.api.pipeline import DbtRun, Pipeline
from freshet.controllers.dbt_members import unique_id_of
from freshet.core.nodes import plain_relation
from freshet.core.outcome import Ended
from freshet.core.situation import definition_of, some
from freshet.dbtcloud import foreign, model
from freshet.dbtcloud.outcomes import NodeResult, same_relation
from freshet.dbtcloud.results import BUILDS, RETRY, StepResults, TestNode, command_of, settle, test_name

__all__ = ["SUSPENDED", "TIMEOUT", "Known", "foreign_run", "own_run", "passed_run", "strangers"]

OUTCOMES: dict[str, Outcome] = {
    "Success": "Succeeded",
    "PartialSuccess": "Succeeded",
    "Error": "Failed",
    "Skipped": "Skipped",
    "NoOp": "Unchanged",
    "Reused": "Unchanged",
    "Cancelled": "Cancelled",
    "Unknown": "Failed",
}
COUNTED = ("Succeeded", "Failed", "Unchanged")
"""Outcomes of somebody else's run that say something of a table."""
FELL = ("Error", "Skipped")
TIMEOUT, SUSPENDED = "Timeout", "Suspended"
"""First words of the reason for which we cancel a run."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A run that ended, what its steps say, and a look at the assets around."""

    pipeline: Pipeline
    run: model.Run
    steps: StepResults | None
    now: datetime
    tests: Mapping[str, TestNode] | None
    """The manifest's tests; None where there is no manifest."""
    find: Callable[[str], Asset | None]
    live: Callable[[str], datetime | None]
    skew: timedelta = timedelta(0)
    """How far the run's times are ahead of ours."""
    meant: frozenset[str] = frozenset()
    """The assets that it was for, where it is a run of ours."""

    @property
    def version(self) -> str:
        """A run's id names the versions that it made."""
        return str(self.run.id)

    def built(self, name: str) -> bool:
        """Did this run build that asset? Without any results, what it was for follows its own status."""
        if self.steps is None:
            return name in self.meant and self.run.succeeded
        asset = self.find(name)
        node = self.node(asset) if asset is not None else None
        return node is not None and node.built

    def node(self, asset: Asset) -> NodeResult | None:
        """What the results say of it."""
        return self.steps.nodes.get(unique_id_of(asset)) if self.steps else None


def own_run(known: Known, asset: Asset, intent: DbtRun) -> Ended:
    """The part of a run of ours that was for this asset."""
    unique_id = unique_id_of(asset)
    node = settle(results=known.steps, run=known.run, expected=[unique_id])[unique_id]
    if not known.run.cancelled and not _is_named(known, node) and _fell_above(known, asset):
        node = replace(node, outcome="Skipped")
    outcome, message = _own_outcome(known, asset, node, intent)
    return _ended(
        known,
        asset,
        node,
        outcome=outcome,
        message=message or known.run.message,
        cause=intent.cause_for(asset.name),
        attempt=intent.attempts.get(asset.name, 1),
        url=intent.url,
        looked_at=_at_launch(known, asset, intent),
        trigger=intent.triggers.get(asset.name),
        tick=intent.ticks.get(asset.name),
        definition=intent.definitions.get(asset.name) or definition_of(asset, known.pipeline),
        options=intent.options,
    )


def strangers(steps: StepResults | None, *, run: model.Run, expected: Sequence[str]) -> str:
    """What the results of a run that succeeded leave open, in one line: words not known, models left out."""
    if steps is None or not run.succeeded:
        return ""
    words: dict[str, list[str]] = {}
    for node in {**settle(results=steps, run=run, expected=expected), **steps.nodes}.values():
        if node.outcome == "Unknown":
            words.setdefault(untold(node), []).append(node.unique_id)
    return "; ".join(f"{some(names)}: {text}" for text, names in sorted(words.items()))


def passed_run(known: Known, asset: Asset, intent: DbtRun) -> Ended | None:
    """A view that was not built: it shows what its upstreams have now, if one of them was built."""
    if not any(known.built(name) or name in intent.passed for name in asset.spec.upstreams):
        return None
    node = NodeResult(unique_id=unique_id_of(asset), outcome="Success", finished_at=known.run.finished_at)
    ended = _ended(
        known,
        asset,
        node,
        outcome="Succeeded",
        message="a view: it shows what its upstreams have, without a run",
        cause=intent.cause_for(asset.name),
        url=intent.url,
        looked_at=_at_launch(known, asset, intent),
        definition=intent.definitions.get(asset.name),
        passed=True,
    )
    # Not the run's own id: discovery takes what a run built for built with that run's code.
    return replace(ended, id=f"view-{known.version}")


def foreign_run(known: Known, asset: Asset) -> Ended | None:
    """What somebody else's run did to this table or found out about it; None where it says nothing."""
    node, checks = known.node(asset), _checks(known, asset)
    outcome = OUTCOMES[node.outcome] if node is not None else None
    if node is None or outcome not in COUNTED or node.outcome == "Unknown" or _elsewhere(node, asset):
        return _only_checks(known, asset, checks) if checks and node is None else None
    return _ended(
        known,
        asset,
        node,
        outcome=outcome,
        message=node.message or known.run.message,
        cause=known.run.cause or "started elsewhere",
        url=known.run.href,
        looked_at=_before(known, asset),
        definition=definition_of(asset, known.pipeline),
        foreign=True,
    )


def _ended(known: Known, asset: Asset, node: NodeResult, *, outcome: Outcome, **more: Any) -> Ended:
    run = known.run
    return Ended(
        id=known.version,
        outcome=outcome,
        executor="DbtCloud",
        finished_at=run.finished_at or known.now,
        started_at=run.started_at or run.created_at,
        version=known.version if outcome == "Succeeded" or node.outcome == "Reused" else None,
        seconds=node.seconds,
        rows=node.rows_affected,
        relation=plain_relation(node.relation) or asset.status.relation,
        checks=_checks(known, asset),
        declared=_declared(known, asset),
        retested=known.steps is not None and known.steps.tested,
        **more,
    )


def untold(node: NodeResult) -> str:
    """What is said of a result that cannot be read as one."""
    said = f"the status {node.status!r}, which freshet does not know" if node.status else "no status"
    return f"dbt gave {said}: it counts as a look that left the table as it was"


def _own_outcome(known: Known, asset: Asset, node: NodeResult, intent: DbtRun) -> tuple[Outcome, str]:
    """Only the asset's own failure is one: what we cancelled for its time is, what never began to build is not."""
    if known.run.cancelled and node.outcome in ("Cancelled", "Skipped", "Unknown"):
        return _cancelled(known, asset, intent)
    if node.outcome == "Unknown" and known.run.succeeded:
        return "Unchanged", untold(node)
    if not _is_named(known, node) and OUTCOMES[node.outcome] == "Failed" and _never_began(known.run):
        return "Interrupted", f"{known.run.message}; dbt was not started for this model"
    return OUTCOMES[node.outcome], node.message


def _cancelled(known: Known, asset: Asset, intent: DbtRun) -> tuple[Outcome, str]:
    """What did not come to its end. Of a run that took too long, only what could have begun is at fault: what has
    another model of the run above it that was not done, or tests that failed, never did.
    """
    why = f"{known.run.message}: {intent.cancelled}" if intent.cancelled else known.run.message
    if not intent.cancelled:
        return "Cancelled", why
    if not intent.cancelled.startswith(TIMEOUT):
        return "Interrupted", why
    if _is_behind(known, asset, intent):
        return "Skipped", f"{why}; it had not begun, since what it reads was not done"
    return "Failed", why


def _is_behind(known: Known, asset: Asset, intent: DbtRun) -> bool:
    above = [upstream for name in asset.spec.upstreams if (upstream := known.find(name)) is not None]
    return any(_is_undone(known, upstream, intent) for upstream in above)


def _is_undone(known: Known, asset: Asset, intent: DbtRun) -> bool:
    """A model of the run of which nothing good is told; a view that is not built is as far as what it shows."""
    if asset.name in intent.passed:
        return _is_behind(known, asset, intent)
    if asset.name not in intent.assets:
        return False
    node = known.node(asset)
    tests = (check for check in _checks(known, asset) if check.severity == "error" and not check.passed)
    return node is None or not node.considered or any(tests)


def _fell_above(known: Known, asset: Asset) -> bool:
    """Has what it waits for failed in this run? dbt v2 leaves out what failed, and what it skips for that."""
    above = [upstream for name in asset.spec.upstreams if name in known.meant and (upstream := known.find(name))]
    nodes = [known.node(upstream) for upstream in above]
    return known.steps is not None and any(_fell(known, node) for node in nodes)


def _fell(known: Known, node: NodeResult | None) -> bool:
    untold = node is None or node.outcome == "Unknown"
    return (untold and not known.run.succeeded) or (node is not None and node.outcome in FELL)


def _is_named(known: Known, node: NodeResult) -> bool:
    return known.steps is not None and node.unique_id in known.steps.nodes


def _never_began(run: model.Run) -> bool:
    """Did it fail before a command that builds could run to its end (a clone, a profile, an earlier step)?"""
    if run.run_steps is None:
        return False
    builds = [step for step in run.run_steps if command_of(step.name) in BUILDS | {RETRY}]
    return not builds or any(not step.ran for step in builds)


def _at_launch(known: Known, asset: Asset, intent: DbtRun) -> dict[str, Consumed]:
    """What upstreams had at launch; one that this very run built (or passed on) was read anew."""
    seen = {
        name: Consumed(version=version, data_time=_data_time(known, name, version))
        for name, version in intent.versions.get(asset.name, {}).items()
    }
    for name in asset.spec.upstreams:
        if known.built(name) or (name in intent.passed and _passed(known, name, intent)):
            seen[name] = Consumed(version=known.version, data_time=known.live(name))
    return seen


def _passed(known: Known, name: str, intent: DbtRun) -> bool:
    asset = known.find(name)
    ups = asset.spec.upstreams if asset else ()
    return any(known.built(up) or (up in intent.passed and _passed(known, up, intent)) for up in ups)


def _before(known: Known, asset: Asset) -> dict[str, Consumed]:
    """What upstreams had before somebody else's run started; what is not known any more is left out: due again."""
    seen = {}
    for name in asset.spec.upstreams:
        upstream = known.find(name)
        built_in_run = known.version if known.built(name) else None
        version = foreign.consumed_version(
            history=_history(upstream), started_at=_started(known, upstream), built_in_run=built_in_run
        )
        if version is not None:
            seen[name] = Consumed(version=version, data_time=_data_time(known, name, version))
    return seen


def _started(known: Known, upstream: Asset | None) -> datetime | None:
    """When the run started, by the clock that the upstream's times are of."""
    started, theirs = known.run.started_at, upstream is not None and upstream.kind == "DbtCloud"
    return started if started is None or theirs else started - known.skew


def _history(asset: Asset | None) -> list[tuple[str, datetime]]:
    """Versions with the times at which they were made."""
    if asset is None:
        return []
    status = asset.status
    items = [(item.version, item.finished_at) for item in status.history]
    now = (status.version, status.last_updated_at)
    return [(version, at) for version, at in (*items, now) if version is not None and at is not None]


def _data_time(known: Known, name: str, version: str) -> datetime | None:
    upstream = known.find(name)
    if upstream is None:
        return None
    if upstream.status.version == version or version == known.version:
        return known.live(name)
    return next((item.data_time for item in upstream.status.history if item.version == version), None)


def _elsewhere(node: NodeResult, asset: Asset) -> bool:
    """Is this about another table, of another schema or database?"""
    return same_relation(node.relation, asset.status.relation) is False


def _only_checks(known: Known, asset: Asset, checks: tuple[Check, ...]) -> Ended:
    return Ended(
        id=known.version,
        outcome="Unchanged",
        executor="DbtCloud",
        finished_at=known.run.finished_at or known.now,
        checks=checks,
        declared=_declared(known, asset),
        checks_only=True,
    )


def _declared(known: Known, asset: Asset) -> frozenset[str] | None:
    """The names of the asset's tests in the manifest; None where there is no manifest."""
    if known.tests is None:
        return None
    unique_id = unique_id_of(asset)
    return frozenset(test_name(key) for key, test in known.tests.items() if unique_id in test.nodes)


def _checks(known: Known, asset: Asset) -> tuple[Check, ...]:
    """The tests of this model, as its checks."""
    unique_id = unique_id_of(asset)
    found = [check for check in (known.steps.checks if known.steps else ()) if unique_id in check.nodes]
    return tuple(
        Check(name=c.name, passed=c.passed, severity=c.severity, message=c.message, at=c.at)
        for c in sorted(found, key=lambda c: c.name)
    )
