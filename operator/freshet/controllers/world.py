"""What every reconciler is given: the cache to read, the API to write, the queue to come back, the clock."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key, Object, to_json
from freshet.controllers.parses import Parses
from freshet.core.lineage import Graph, key_of
from freshet.core.nodes import Described
from freshet.core.outcome import Ended
from freshet.core.patch import merge_patch
from freshet.core.situation import Waiting
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.project import Manifest
from freshet.runtime.cache import Cache
from freshet.runtime.clock import Clock
from freshet.runtime.kube import Kube
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

__all__ = ["World", "counters_key", "dbt_key", "discovery_key", "pipeline_key"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class World:
    """``inbox`` holds what dbt Cloud runs mean for an asset until its reconciler has taken it in; ``due`` which models
    of a Pipeline are due, as their reconcilers found, and ``held`` why such a one is not run yet; ``manifests`` the
    newest manifest of each Pipeline's project, as discovery read it: for exact selectors, tests and views;
    ``explored`` the Pipelines whose project discovery has looked for in this process, whatever it found, and
    ``reachable`` those whose dbt Cloud answers;
    ``tested`` which of a project's sources an Asset is, by the Asset's name: their tests are its checks;
    ``described`` what it says of each Asset; ``ran`` a Pipeline's runs that count, for discovery to look at; ``parses``
    the projects that discovery wants parsed, and ``making`` those whose Assets it is making: a run is planned for all.
    """

    cache: Cache
    kube: Kube
    queue: WorkQueue
    clock: Clock
    settings: Settings
    graph: Graph = field(default_factory=Graph)
    inbox: dict[Key, list[Ended]] = field(default_factory=dict)
    due: dict[Key, set[str]] = field(default_factory=dict)
    held: dict[Key, Waiting] = field(default_factory=dict)
    manifests: dict[Key, Manifest] = field(default_factory=dict)
    explored: set[Key] = field(default_factory=set)
    reachable: set[Key] = field(default_factory=set)
    tested: dict[Key, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    described: dict[Key, Described] = field(default_factory=dict)
    ran: dict[Key, list[Run]] = field(default_factory=dict)
    making: set[Key] = field(default_factory=set)
    parses: Parses = field(default_factory=Parses)

    def pipeline_of(self, asset: Asset) -> Pipeline | None:
        """The Pipeline that an asset names, if it exists."""
        name = asset.spec.pipeline
        return self.cache.pipelines.get(Key("Pipeline", asset.namespace, name)) if name else None

    def newest(self, pipeline: Pipeline) -> Pipeline:
        """The Pipeline as it is known now; as it was where it is gone."""
        return self.cache.pipelines.get(pipeline_key(pipeline, pipeline.name)) or pipeline

    def hand_over(self, key: Key, ended: Ended) -> None:
        """Something ended that an asset has yet to take in: its reconciler is woken."""
        waiting = self.inbox.setdefault(key, [])
        if all((known.id, known.tests_of) != (ended.id, ended.tests_of) for known in waiting):
            waiting.append(ended)
        self.queue.add(key, urgent=True)

    def taken_in(self, key: Key, runs: Collection[Ended]) -> None:
        """These were looked at, so that nobody needs them any more."""
        left = [ended for ended in self.inbox.get(key, ()) if ended not in runs]
        if left:
            self.inbox[key] = left
        else:
            self.inbox.pop(key, None)

    def forget(self, key: Key) -> None:
        """The asset is gone, and with it what it was told: at once, since another may be made before its visit."""
        self.inbox.pop(key, None)
        self.described.pop(key, None)

    def discover(self, pipeline: Pipeline, run: Run) -> None:
        """A run that counts has ended: let discovery look at what it left."""
        key = discovery_key(pipeline.namespace, pipeline.name)
        self.ran.setdefault(key, []).append(run)
        self.queue.add(key)

    def explore(self, key: Key) -> None:
        """Discovery (its key) knows the project as well as it can: what waits for its tests need wait no longer."""
        pipeline = Key("Pipeline", key.namespace, key.name)
        if pipeline not in self.explored:
            self.explored.add(pipeline)
            self.queue.add(dbt_key(key.namespace, key.name), urgent=True)

    def reach(self, key: Key, answers: bool) -> None:
        """Whether dbt Cloud answers the Pipeline whose job has this key: discovery asks it only then."""
        pipeline = Key("Pipeline", key.namespace, key.name)
        if not answers:
            self.reachable.discard(pipeline)
        elif pipeline not in self.reachable:
            self.reachable.add(pipeline)
            self.queue.add(discovery_key(key.namespace, key.name))

    def lost(self, key: Key) -> None:
        """The Pipeline of that name is gone, or its project is another."""
        pipeline = Key("Pipeline", key.namespace, key.name)
        self.explored.discard(pipeline)

    def unlearn(self, key: Key) -> None:
        """The Pipeline whose discovery has this key has no project any more: nor are there tests of it."""
        pipeline = Key("Pipeline", key.namespace, key.name)
        for table in (self.manifests, self.tested):
            table.pop(pipeline, None)
        for asset in self.cache.assets:
            if asset.namespace == key.namespace and any(check.pipeline == key.name for check in asset.status.checks):
                self.queue.add(key_of(asset))

    def is_explored(self, pipeline: Pipeline) -> bool:
        """Is known which tests its models and sources have, as well as it can be?

        What ends while a project is looked at for the first time counts with what is adopted, or not at all.
        """
        spec = pipeline.spec.dbt_cloud
        if spec is None or not pipeline.discovers:
            return True
        ignored = spec.discovery.adopt is False and pipeline.status.dbt_cloud.manifest is None
        return ignored or pipeline_key(pipeline, pipeline.name) in self.explored

    def tell(self, obj: Asset | Pipeline, *, type: str, reason: str, message: str) -> None:
        """A line in the log, and the same as an Event."""
        message = " ".join(message.split())  # what a user's own Job says may have many lines
        logger.log(logging.INFO if type == "Normal" else logging.WARNING, "%s: %s", reason, message)
        self.kube.emit(obj, type=type, reason=reason, message=message)

    async def write_status(self, obj: Asset | Pipeline, status: object) -> bool:
        """One PATCH with what differs; False where nothing does. Raises what Kube.patch_status raises."""
        patch = merge_patch(old=to_json(obj.status), new=to_json(status))
        if not patch:
            return False
        await self.kube.patch_status(obj, patch=patch)
        return True


def pipeline_key(obj: Object, name: str) -> Key:
    """The key of a Pipeline in the same namespace."""
    return Key("Pipeline", obj.namespace, name)


def dbt_key(namespace: str, pipeline: str) -> Key:
    """The key under which a Pipeline's dbt Cloud job is driven."""
    return Key("DbtCloud", namespace, pipeline)


def discovery_key(namespace: str, pipeline: str) -> Key:
    """The key under which a Pipeline's models are discovered; World.discover adds it to the queue."""
    return Key("Discovery", namespace, pipeline)


def counters_key(namespace: str, pipeline: str) -> Key:
    """The key under which a Pipeline's counters are written, at most once a second."""
    return Key("Counters", namespace, pipeline)
