"""One asset: observe, let the core decide, write what changed, launch what is due."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from freshet.api import conditions
from freshet.api.asset import Asset
from freshet.api.conditions import find
from freshet.api.view import Key
from freshet.controllers.launch import CannotBuild, Launcher
from freshet.controllers.observe import Observer
from freshet.controllers.tell import Teller
from freshet.controllers.tidy import Tidier
from freshet.controllers.world import World, dbt_key
from freshet.core.case import Trouble
from freshet.core.decide import decide
from freshet.core.observed import Decision, Observed
from freshet.core.situation import Due
from freshet.runtime import errors, logs

__all__ = ["AssetReconciler"]

AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The API server refused a Job. Holds for one generation of the spec; ``until`` None: only a new spec helps."""

    generation: int
    trouble: Trouble
    until: datetime | None


class AssetReconciler:
    """Level-triggered: called with a key whenever anything about that asset may have changed."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._observer = Observer(world=world)
        self._launcher = Launcher(world=world)
        self._teller = Teller(world=world)
        self._tidier = Tidier(world=world)
        self._refusals: dict[Key, Refusal] = {}

    async def reconcile(self, key: Key) -> None:
        """One visit does one thing: take in what ended, or say what is under way, or launch what is due."""
        asset = self._world.cache.assets.get(key)
        if asset is None or asset.metadata.deletion_timestamp is not None:
            self._forget(key)
            return
        logs.note(pipeline=asset.spec.pipeline, run=_newest_run(asset))
        await self._check_template(key, asset)
        observed = await self._observer.observe(asset, trouble=self._trouble(key, asset))
        decision = decide(observed)
        self._note(key, asset, decision)
        if decision.due is not None and not decision.recorded:
            await self._start(key, asset, decision, decision.due)
        else:
            await self._write(asset, decision)
            if decision.due is not None:
                self._world.queue.add(key)
        self._taken_in(key, asset, observed)
        self._wake(key, observed, decision)

    def set_back(self) -> None:
        """The clock was: what was refused is tried again, and Events are asked for anew."""
        self._refusals.clear()
        self._observer.obstacles.set_back()

    def _note(self, key: Key, asset: Asset, decision: Decision) -> None:
        """A model's job is driven by which of its models are due."""
        if asset.kind != "DbtCloud" or not asset.spec.pipeline:
            return
        due = self._world.due.setdefault(Key("Pipeline", asset.namespace, asset.spec.pipeline), set())
        if decision.due is not None:
            due.add(asset.name)
        elif asset.name in due:
            due.discard(asset.name)
            self._world.queue.add(dbt_key(asset.namespace, asset.spec.pipeline))

    def _forget(self, key: Key) -> None:
        self._refusals.pop(key, None)
        for pipeline, due in self._world.due.items():
            if pipeline.namespace == key.namespace:
                due.discard(key.name)
        self._world.queue.set_wake(key, None)

    def _trouble(self, key: Key, asset: Asset) -> Trouble | None:
        refusal = self._refusals.get(key)
        if refusal is None:
            return None
        over = refusal.until is not None and self._world.clock.now() >= refusal.until
        if refusal.generation != asset.metadata.generation or over:
            self._refusals.pop(key, None)
            return None
        return refusal.trouble

    async def _start(self, key: Key, asset: Asset, decision: Decision, due: Due) -> None:
        if asset.kind == "DbtCloud":
            self._world.queue.add(dbt_key(asset.namespace, asset.spec.pipeline or ""), urgent=True)
            await self._write(asset, decision)
            return
        try:
            await self._launcher.launch(asset=asset, due=due, policy=decision.policy)
        except CannotBuild as error:
            self._refuse(key, asset, error.trouble, until=self._world.clock.now() + AGAIN)
        except errors.Refused as error:
            self._refuse(key, asset, _refused(asset, error), until=None if error.invalid else self._again())
        else:
            self._teller.launched(asset, due)

    def _refuse(self, key: Key, asset: Asset, trouble: Trouble, *, until: datetime | None) -> None:
        self._refusals[key] = Refusal(generation=asset.metadata.generation, trouble=trouble, until=until)
        self._world.queue.add(key)

    def _again(self) -> datetime:
        return self._world.clock.now() + AGAIN

    async def _check_template(self, key: Key, asset: Asset) -> None:
        """A user's template is checked by a dry run once per generation, so that a mistake shows before it is due."""
        if asset.kind != "Job" or key in self._refusals:
            return
        ready = find(asset.status.conditions, type=conditions.READY)
        if ready is not None and ready.observed_generation == asset.metadata.generation:
            return
        try:
            await self._launcher.check(asset=asset, policy=decide(_bare(asset, self._world)).policy)
        except errors.Refused as error:
            self._refuse(key, asset, _refused(asset, error), until=None if error.invalid else self._again())

    async def _write(self, asset: Asset, decision: Decision) -> None:
        changed = await self._world.write_status(asset, decision.status)
        if changed:
            self._teller.changed(asset, decision)
        await self._tidier.tidy(asset, decision.status)

    def _taken_in(self, key: Key, asset: Asset, observed: Observed) -> None:
        """What came by dbt Cloud is recorded: its run may be cleared."""
        if key in self._world.inbox:
            self._world.taken_in(key, observed.ended)
            for pipeline in {asset.spec.pipeline or "", *(run.tests_of or "" for run in observed.ended)} - {""}:
                self._world.queue.add(dbt_key(asset.namespace, pipeline), urgent=True)

    def _wake(self, key: Key, observed: Observed, decision: Decision) -> None:
        times = [decision.wake_at]
        refusal = self._refusals.get(key)
        if refusal is not None:
            times.append(refusal.until)
        if observed.active is not None and observed.active.executor == "Job":
            times.append(self._observer.obstacles.again(observed.active.id))
        when = min((at for at in times if at is not None), default=None)
        self._world.queue.set_wake(key, when, urgent=when == decision.wake_at)


def _newest_run(asset: Asset) -> str | None:
    """The one that lines about the asset are about, unless they say otherwise: under way, or the last that ended."""
    run, last = asset.status.run, asset.status.last_run
    return (run.id or run.name) if run is not None else last.id if last is not None else None


def _bare(asset: Asset, world: World) -> Observed:
    return Observed(asset=asset, pipeline=world.pipeline_of(asset), upstreams={}, now=world.clock.now())


def _refused(asset: Asset, error: errors.Refused) -> Trouble:
    if asset.kind == "Job" and error.invalid:
        message = f"spec.materialize.job.template: {error.message}"
        return Trouble(reason=conditions.INVALID_JOB_TEMPLATE, message=message)
    return Trouble(reason=conditions.WRITE_REFUSED, message=error.message, passing=not error.invalid)
