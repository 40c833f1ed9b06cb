"""What the operator knows of the cluster: typed views, the newest of each, and who wants to hear of changes.

Watch events, lists and the answers to own writes all come in through ``ingest``; whichever is newer holds.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from freshet.api.asset import Asset
from freshet.api.names import LABEL_ASSET, LABEL_PIPELINE
from freshet.api.pipeline import Pipeline
from freshet.api.view import InvalidObject, Key, Object, parse
from freshet.api.workload import CronJob, Job, Pod
from freshet.runtime import logs
from freshet.runtime.clock import Clock, SystemClock
from freshet.runtime.store import Index, Store

__all__ = ["KINDS", "Cache", "Listener"]

logger = logging.getLogger(__name__)

Listener = Callable[[str, Object | None, Object | None], None]
KINDS: dict[str, type[Object]] = {"Pipeline": Pipeline, "Asset": Asset, "CronJob": CronJob, "Job": Job, "Pod": Pod}
Group = tuple[str, str]


class Cache:
    """Five stores and their indexes. Not thread-safe, but ``list(store)`` may be taken from any thread."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._jobs_of: Index[Job, Group] = Index(by=_label(LABEL_ASSET))
        self._pods_of: Index[Pod, Group] = Index(by=_owners)
        self._assets_of: Index[Asset, Group] = Index(by=_pipeline_of)
        self._cronjobs_of: Index[CronJob, Group] = Index(by=_label(LABEL_PIPELINE))
        self.pipelines: Store[Pipeline] = Store(kind="Pipeline")
        self.assets: Store[Asset] = Store(kind="Asset", indexes=[self._assets_of])
        self.cronjobs: Store[CronJob] = Store(kind="CronJob", indexes=[self._cronjobs_of])
        self.jobs: Store[Job] = Store(kind="Job", indexes=[self._jobs_of])
        self.pods: Store[Pod] = Store(kind="Pod", indexes=[self._pods_of])
        self._stores: dict[str, Store[Any]] = {
            store.kind: store for store in (self.pipelines, self.assets, self.cronjobs, self.jobs, self.pods)
        }
        self._listeners: list[Listener] = []
        self._version_seen: dict[Key, float] = {}
        self._refused: dict[str, int] = {}

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener(kind, old, new)`` on each real change; it must be quick and must not wait."""
        self._listeners.append(listener)

    def store(self, kind: str) -> Store[Any]:
        """The store of a kind."""
        return self._stores[kind]

    def jobs_of(self, namespace: str, asset: str) -> list[Job]:
        """Jobs that carry the asset's label."""
        return self._jobs_of[(namespace, asset)]

    def pods_of(self, job_uid: str) -> list[Pod]:
        """Pods that the Job with this uid owns."""
        return self._pods_of[("", job_uid)]

    def assets_of(self, namespace: str, pipeline: str) -> list[Asset]:
        """Assets that name the Pipeline."""
        return self._assets_of[(namespace, pipeline)]

    def cronjobs_of(self, namespace: str, pipeline: str) -> list[CronJob]:
        """CronJobs that carry the Pipeline's label."""
        return self._cronjobs_of[(namespace, pipeline)]

    def seen_at(self, key: Key) -> float | None:
        """When (monotonic seconds) an Asset's version was seen to move; None: not since the operator started."""
        return self._version_seen.get(key)

    def ingest(self, raw: dict[str, Any], *, kind: str, deleted: bool = False) -> None:
        """Take in an object as the API sends it. One that is no news costs next to nothing."""
        meta = raw["metadata"]
        key, uid = Key(kind, meta.get("namespace", ""), meta["name"]), meta.get("uid", "")
        if deleted:
            self.forget(key, uid)
        elif self._stores[kind].is_news(key, uid=uid, resource_version=meta.get("resourceVersion", "")):
            self._parse(key, raw)

    def forget(self, key: Key, uid: str) -> None:
        """The object with this uid is gone."""
        self._refused.pop(uid, None)
        old = self._stores[key.kind].delete(key, uid)
        if old is not None:
            self._version_seen.pop(key, None)
            self._tell(key.kind, old, None)

    def _parse(self, key: Key, raw: dict[str, Any]) -> None:
        try:
            new = parse(raw, type=KINDS[key.kind])
        except InvalidObject as error:
            self._refuse(key, raw["metadata"], error)
            return
        old = self._stores[key.kind].put(new)
        if isinstance(new, Asset) and isinstance(old, Asset) and old.status.version != new.status.version:
            self._version_seen[key] = self._clock.monotonic()
        self._tell(key.kind, old, new)

    def _refuse(self, key: Key, meta: dict[str, Any], error: InvalidObject) -> None:
        """Say so once per generation; an older state that could be read is not true any more."""
        uid, generation = meta.get("uid", ""), int(meta.get("generation", 0))
        if self._refused.get(uid) != generation:
            with logs.about(key):
                logger.warning("%s cannot be read and is left alone: %s", key, error)
            self._refused[uid] = generation
        store = self._stores[key.kind]
        old = store.evict(key)
        if old is not None:
            self._tell(key.kind, old, None)

    def _tell(self, kind: str, old: Object | None, new: Object | None) -> None:
        for listener in self._listeners:
            try:
                listener(kind, old, new)
            except Exception:
                logger.exception("A listener failed on a change of %s %s", kind, (new or old or kind))


def _label(name: str) -> Callable[[Object], Iterator[Group]]:
    def groups(obj: Object) -> Iterator[Group]:
        if value := obj.metadata.labels.get(name):
            yield obj.namespace, value

    return groups


def _owners(pod: Object) -> Iterator[Group]:
    for owner in pod.metadata.owner_references:
        yield "", owner.uid


def _pipeline_of(asset: Asset) -> Iterator[Group]:
    if asset.spec.pipeline:
        yield asset.namespace, asset.spec.pipeline
