"""From a dbt Cloud run that ended to what it means for each asset that it was for."""

from dataclasses import dataclass, field
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
from freshet.dbtcloud.results import NodeResult, Outcomes, read_results
from freshet.runtime import telemetry

__all__ = ["Results", "Rewards"]

OUTCOMES: dict[str, Outcome] = {
    "Success": "Succeeded",
    "PartialSuccess": "Failed",
    "Error": "Failed",
    "Skipped": "Skipped",
    "NoOp": "Unchanged",
    "Reused": "Unchanged",
}


@dataclass(frozen=True, kw_only=True)
class Results:
    """Per node what the run came to. ``complete``: nothing more is due to come."""

    complete: bool
    nodes: dict[str, NodeResult] = field(default_factory=dict)
    checks: dict[str, tuple[Check, ...]] = field(default_factory=dict)


class Rewards:
    """Fetches results and hands them to the assets' reconcilers through the inbox."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    async def fetch(self, client: DbtCloud, run: model.Run) -> Results:
        """Read run_results.json of each step that ran. What is not there yet leaves the results incomplete."""
        steps = [step.index for step in run.run_steps or () if step.ran and step.index is not None]
        pages: list[Outcomes] = []
        for step in steps or [None]:
            try:
                pages.append(read_results(await client.get_artifact(run_id=run.id, path="run_results.json", step=step)))
            except errors.NotFound:
                continue
            except errors.ServerError:
                return Results(complete=False)
        return _merged(pages)

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
        unique_id = asset.spec.materialize.dbt_cloud.unique_id if asset.spec.materialize.dbt_cloud else ""
        node = results.nodes.get(unique_id) if results else None
        outcome, message = _outcome(node, run, known=bool(results and results.complete and results.nodes))
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
            looked_at=self._looked_at(asset, intent, run, versions, results),
            version=str(run.id),
            rows=node.rows if node else None,
            relation=_relation(node) or asset.status.relation,
            checks=results.checks.get(unique_id, ()) if results else (),
            trigger=intent.triggers.get(asset.name),
            definition=definition_of(asset, pipeline),
        )

    def _looked_at(
        self, asset: Asset, intent: DbtRun, run: model.Run, versions: dict[str, str], results: Results | None
    ) -> dict[str, Consumed]:
        """What upstreams had at launch; one that this very run built was read anew."""
        seen = {
            name: Consumed(version=version, data_time=self._at(asset, name, version))
            for name, version in versions.items()
        }
        for name in set(asset.spec.upstreams).intersection(intent.assets):
            upstream = self._world.cache.assets.get(Key("Asset", asset.namespace, name))
            if upstream is not None and _was_built(upstream, results):
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


def _merged(pages: list[Outcomes]) -> Results:
    nodes: dict[str, NodeResult] = {}
    checks: dict[str, dict[str, Check]] = {}
    for page in pages:
        if page.builds:
            nodes |= page.nodes
        for test in page.tests:
            for unique_id in test.models:
                check = Check(
                    name=test.name, passed=test.passed, severity=test.severity, message=test.message, at=test.at
                )
                checks.setdefault(unique_id, {})[test.name] = check
    flat = {unique_id: tuple(found.values()) for unique_id, found in checks.items()}
    return Results(complete=bool(pages), nodes=nodes, checks=flat)


def _outcome(node: NodeResult | None, run: model.Run, *, known: bool) -> tuple[Outcome, str]:
    if node is not None and node.outcome in OUTCOMES:
        return OUTCOMES[node.outcome], node.message or run.message
    if run.cancelled:
        return "Cancelled", run.message
    if node is not None:
        return ("Succeeded" if run.succeeded else "Failed"), node.message or run.message
    if run.succeeded and known:
        return "Failed", f"{run.message}, but it did not build this model: check spec.materialize.dbtCloud.uniqueId"
    return ("Succeeded" if run.succeeded else "Failed"), run.message


def _was_built(upstream: Asset, results: Results | None) -> bool:
    node = upstream.spec.materialize.dbt_cloud
    result = results.nodes.get(node.unique_id) if results and node else None
    return result is not None and result.outcome == "Success"


def _relation(node: NodeResult | None) -> str | None:
    """``schema.table`` without quotes and catalog, as counts take it."""
    if node is None or not node.relation_name:
        return None
    parts = [part.strip('"`') for part in node.relation_name.split(".")]
    return ".".join(parts[-2:])


def _recorded(asset: Asset, run_id: str) -> bool:
    last = asset.status.last_run
    return (last is not None and last.id == run_id) or any(item.id == run_id for item in asset.status.history)
