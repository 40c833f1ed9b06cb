"""Tell people and Prometheus what happened: Events on transitions, counters, propagation latency."""

from freshet.api import conditions
from freshet.api.asset import Asset
from freshet.api.conditions import find
from freshet.api.view import Key
from freshet.controllers.world import World
from freshet.core.automation import Due
from freshet.core.decide import Decision
from freshet.core.lineage import key_of
from freshet.core.outcome import Ended
from freshet.runtime import telemetry

__all__ = ["Teller", "observe_duration"]

WORTH_AN_EVENT = ("Succeeded", "Failed", "Cancelled", "Interrupted")


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
            self._ended(asset, run)
        self._freshness(asset, decision)

    def _ended(self, asset: Asset, run: Ended) -> None:
        if run.adopted:
            return
        telemetry.runs_total.labels(executor=run.executor, outcome=run.outcome).inc()
        observe_duration(asset, run)
        if run.outcome not in WORTH_AN_EVENT:
            return
        built = run.outcome == "Succeeded"
        reason = "Materialized" if built else f"Run{run.outcome}"
        message = run.message or f"run {run.id} {run.outcome.lower()}"
        self._world.kube.emit(asset, type="Normal" if built else "Warning", reason=reason, message=message)

    def _freshness(self, asset: Asset, decision: Decision) -> None:
        before = find(asset.status.conditions, type=conditions.FRESH)
        after = find(decision.status.conditions, type=conditions.FRESH)
        if after is None or before is None or before.status == after.status or after.reason == conditions.MISSING:
            return
        kind = "Normal" if after.status == "True" else "Warning"
        word = "Fresh" if after.status == "True" else after.reason
        self._world.kube.emit(asset, type=kind, reason=word, message=after.message or f"{key_of(asset)} is {word}")


def observe_duration(asset: Asset, run: Ended) -> None:
    """The duration, with the run as an exemplar (128 characters at most, names of labels included)."""
    if run.started_at is not None and run.outcome in ("Succeeded", "Failed"):
        seconds = max(0.0, (run.finished_at - run.started_at).total_seconds())
        exemplar = {"run": run.id[:48], "asset": asset.name}
        telemetry.run_duration.labels(executor=run.executor).observe(seconds, exemplar=exemplar)
