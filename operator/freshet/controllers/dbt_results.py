"""From a dbt Cloud run that ended to what it means for each asset that it was for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freshet.api.asset import Asset, Check, Consumed, Outcome
from freshet.api.pipeline import DbtRun, Pipeline
from freshet.api.view import Key
from freshet.controllers.world import World
from freshet.core.automation import definition_of
from freshet.core.outcome import Ended
from freshet.dbtcloud import errors, model
from freshet.dbtcloud.client import DbtCloud
from freshet.dbtcloud.results import Missing, StepResults, artifact_steps, merge, parse, settle
from freshet.runtime import telemetry

__all__ = ["Results", "Rewards"]

OUTCOMES: dict[str, Outcome] = {
    "Success": "Succeeded",
    "PartialSuccess": "Failed",
    "Error": "Failed",
    "Skipped": "Skipped",
    "NoOp": "Unchanged",
    "Reused": "Unchanged",
    "Cancelled": "Cancelled",
    "Unknown": "Failed",
}


@dataclass(frozen=True, kw_only=True)
class Results:
    """What the run's steps say. ``complete``: nothing more is due to come."""

    complete: bool
    steps: StepResults | None = None


class Rewards:
    """Fetches results and hands them to the assets' reconcilers through the inbox."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    async def fetch(self, client: DbtCloud, run: model.Run) -> Results:
        """Read run_results.json of each step that ran. What is not there yet leaves the results incomplete."""
        steps: list[tuple[int | None, str | None]] = list(artifact_steps(run)) or [(None, None)]
        pages = []
        for step, command in steps:
            try:
                raw = await client.get_artifact(run_id=run.id, path="run_results.json", step=step)
            except errors.NotFound:
                continue
            except errors.ServerError:
                return Results(complete=False)
            page = parse(raw, command=command)
            if isinstance(page, Missing):
                return Results(complete=False)
            pages.append(page)
        return Results(complete=bool(pages), steps=merge(pages) if pages else None)

    def deliver(self, pipeline: Pipeline, intent: DbtRun, run: model.Run, results: Results | None) -> list[str]:
        """Hand over what is not recorded yet; returns the names of the assets that have yet to take it in."""
        waiting = []
        for name in intent.assets:
            key = Key("Asset", pipeline.namespace, name)
            asset = self._world.cache.assets.get(key)
            if asset is None or asset.kind != "DbtCloud" or _recorded(asset, str(run.id)):
                continue
            ended = self._ended(pipeline, asset, intent, run, results)
            self._world.inbox[key] = [ended]
            self._world.queue.add(key)
            waiting.append(name)
        return waiting

    def _ended(
        self, pipeline: Pipeline, asset: Asset, intent: DbtRun, run: model.Run, results: Results | None
    ) -> Ended:
        unique_id = _unique_id(asset)
        steps = results.steps if results else None
        node = settle(results=steps, run=run, expected=[unique_id])[unique_id]
        outcome, message = OUTCOMES[node.outcome], node.message or run.message
        if outcome == "Succeeded":
            telemetry.dbt_cloud_models_built_total.inc()
        versions = intent.versions.get(asset.name, {})
        return Ended(
            id=str(run.id),
            outcome=outcome,
            executor="DbtCloud",
            finished_at=run.finished_at or self._world.clock.now(),
            started_at=run.started_at or run.created_at,
            url=intent.url,
            cause=intent.cause,
            attempt=intent.attempts.get(asset.name, 1),
            message=message,
            looked_at=self._looked_at(asset, intent, run, versions, steps),
            version=str(run.id),
            rows=node.rows_affected,
            relation=_relation(node.relation) or asset.status.relation,
            checks=_checks(steps, unique_id),
            trigger=intent.triggers.get(asset.name),
            definition=definition_of(asset, pipeline),
        )

    def _looked_at(
        self, asset: Asset, intent: DbtRun, run: model.Run, versions: dict[str, str], steps: StepResults | None
    ) -> dict[str, Consumed]:
        """What upstreams had at launch; one that this very run built was read anew."""
        seen = {
            name: Consumed(version=version, data_time=self._at(asset, name, version))
            for name, version in versions.items()
        }
        for name in set(asset.spec.upstreams).intersection(intent.assets):
            upstream = self._world.cache.assets.get(Key("Asset", asset.namespace, name))
            if upstream is not None and _was_built(upstream, steps):
                seen[name] = Consumed(
                    version=str(run.id), data_time=self._world.graph.live(Key("Asset", asset.namespace, name))
                )
        return seen

    def _at(self, asset: Asset, name: str, version: str) -> datetime | None:
        key = Key("Asset", asset.namespace, name)
        upstream = self._world.cache.assets.get(key)
        if upstream is not None and upstream.status.version == version:
            return self._world.graph.live(key)
        history: Any = upstream.status.history if upstream else ()
        return next((item.data_time for item in history if item.version == version), None)


def _unique_id(asset: Asset) -> str:
    node = asset.spec.materialize.dbt_cloud
    return node.unique_id if node else ""


def _checks(steps: StepResults | None, unique_id: str) -> tuple[Check, ...]:
    """The tests of this model, as its checks."""
    found = [check for check in (steps.checks if steps else ()) if unique_id in check.nodes]
    return tuple(
        Check(name=c.name, passed=c.passed, severity=c.severity, message=c.message, at=c.at)
        for c in sorted(found, key=lambda c: c.name)
    )


def _was_built(upstream: Asset, steps: StepResults | None) -> bool:
    result = steps.nodes.get(_unique_id(upstream)) if steps else None
    return result is not None and result.outcome == "Success"


def _relation(name: str | None) -> str | None:
    """``schema.table`` without quotes and catalog, as counts take it."""
    if not name:
        return None
    parts = [part.strip('"`') for part in name.split(".")]
    return ".".join(parts[-2:])


def _recorded(asset: Asset, run_id: str) -> bool:
    last = asset.status.last_run
    return (last is not None and last.id == run_id) or any(item.id == run_id for item in asset.status.history)
