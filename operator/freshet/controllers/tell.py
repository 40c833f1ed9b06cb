"""Tell people and Prometheus what happened: Events and log lines on transitions, counters, propagation latency."""

import logging
from collections.abc import Iterator

from freshet.api import conditions
from freshet.api.asset import Asset, AssetStatus, Rejected
from freshet.api.conditions import Condition, find
from freshet.api.view import Key
from freshet.controllers.world import World
from freshet.core.ahead import CHECK, UNREADABLE
from freshet.core.lineage import key_of
from freshet.core.observed import Decision
from freshet.core.outcome import Ended
from freshet.core.situation import Due
from freshet.runtime import logs, telemetry

__all__ = ["Teller", "observe_duration", "sentence", "transitions"]

logger = logging.getLogger(__name__)

WORTH_AN_EVENT = ("Succeeded", "Failed", "Cancelled", "Interrupted")
WORTH_TELLING = {
    conditions.FRESH: ("True", "False", "Unknown"),
    conditions.FAILING: ("True",),
    conditions.CHECKS_PASSED: ("False",),
    conditions.STALLED: ("True",),
}
"""Conditions, and the states whose beginning is told: that runs succeed again is told by what they built."""
NOT_YET = {conditions.FAILING: "False", conditions.CHECKS_PASSED: "True", conditions.STALLED: "False"}
"""What holds before the first look."""


class Teller:
    """Remembers, per asset, when the upstream version was seen that it has not launched for yet."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    def launched(self, asset: Asset, due: Due) -> None:
        """A run was started: how long after the newest of its upstreams' versions was seen?"""
        seen = [self._world.cache.seen_at(Key("Asset", asset.namespace, name)) for name in due.versions]
        times = [at for at in seen if at is not None]
        if times and due.trigger == asset.status.last_handled_trigger:
            telemetry.trigger_latency.observe(max(0.0, self._world.clock.monotonic() - max(times)))

    def changed(self, asset: Asset, decision: Decision) -> None:
        """The status was written."""
        for run in decision.recorded:
            if not run.adopted and run.tests_of is None:
                self._ended(asset, run)
        after = decision.status.run
        if after is not None and after.id and (asset.status.run is None or asset.status.run.id != after.id):
            logs.note(run=after.id)
            logger.info("RunInFlight: %s", after.cause or "started elsewhere")
        for type, reason, message in transitions(asset.status, decision.status):
            self._world.tell(asset, type=type, reason=reason, message=message or f"{key_of(asset)} is {reason}")

    def _ended(self, asset: Asset, run: Ended) -> None:
        telemetry.runs_total.labels(executor=run.executor, outcome=run.outcome).inc()
        observe_duration(asset, run)
        logs.note(run=run.id)
        if run.outcome in WORTH_AN_EVENT:
            built = run.outcome == "Succeeded"
            reason = "Materialized" if built else f"Run{run.outcome}"
            self._world.tell(asset, type="Normal" if built else "Warning", reason=reason, message=sentence(run))
        if run.rejected is not None and run.rejected.rows:
            self._world.tell(asset, type="Warning", reason="RowsRejected", message=bad_rows(run.rejected))


def sentence(run: Ended) -> str:
    """What came of it, why it was started, how long it took."""
    seconds = run.duration
    more = [run.cause, f"{seconds:.1f} s" if seconds is not None and seconds >= 0 else ""]
    around = "; ".join(part for part in more if part)
    told = (run.message or f"run {run.id} {run.outcome.lower()}").removesuffix(".")
    return f"{told} ({around})" if around else told


def bad_rows(rejected: Rejected) -> str:
    """How many there are, and where the first of them are; never what they held."""
    places = [
        f"line {one.line}{f', column {one.column}' if one.column else ''}: {one.reason}" for one in rejected.samples
    ]
    count = "1 row was bad" if rejected.rows == 1 else f"{rejected.rows:,} rows were bad"
    return f"{count} ({'; '.join(places)})" if places else count


def transitions(before: AssetStatus, after: AssetStatus) -> Iterator[tuple[str, str, str]]:
    """(type, reason, message) of the Events that a change is worth; of conditions, a first look is worth none."""
    for kind, worth in WORTH_TELLING.items():
        old, new = find(before.conditions, type=kind), find(after.conditions, type=kind)
        if new is None or new.status not in worth or new.reason == conditions.MISSING:
            continue
        if _word(new) != (_word(old) if old else NOT_YET.get(kind, _word(new))):
            good = kind == conditions.FRESH and _word(new) == "True"
            yield "Normal" if good else "Warning", "Fresh" if good else new.reason, new.message
    yield from _unready(before, after)
    yield from _ahead(before, after)


def _unready(before: AssetStatus, after: AssetStatus) -> Iterator[tuple[str, str, str]]:
    """What it names is gone, or Kubernetes refuses its Job, if that is not told by now. At the first look, what was
    applied together may still be on its way.
    """
    old, new = (find(it.conditions, type=conditions.READY) for it in (before, after))
    if old is None or new is None or new.status != "False" or new.reason == old.reason:
        return
    told = (find(after.conditions, type=type) for type in (conditions.STALLED, conditions.FRESH))
    if all(it is None or it.reason != new.reason for it in told):
        yield "Warning", new.reason, new.message


def _ahead(before: AssetStatus, after: AssetStatus) -> Iterator[tuple[str, str, str]]:
    """Of a data time that was to come, or cannot be read: said once, until another one is told."""
    for name, reason in ((CHECK, "DataTimeAhead"), (UNREADABLE, "DataTimeUnreadable")):
        known, told = (
            [check for check in it.checks if check.name == name and not check.passed] for it in (before, after)
        )
        if told and not known:
            yield "Warning", reason, told[0].message


def _word(condition: Condition) -> str:
    """Its status, but that data past its warning is neither as it should be nor stale."""
    return condition.reason if condition.reason == conditions.AGING else condition.status


def observe_duration(asset: Asset, run: Ended) -> None:
    """The duration (a dbt Cloud model's own, not its run's), with the run as an exemplar (128 characters at most, names
    of labels included).
    """
    if run.duration is not None and run.outcome in ("Succeeded", "Failed"):
        seconds = max(0.0, run.duration)
        exemplar = {"run": run.id[:48], "asset": asset.name}
        telemetry.run_duration.labels(executor=run.executor).observe(seconds, exemplar=exemplar)
