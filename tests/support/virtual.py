"""Hours in a second: the whole operator's controllers on a loop whose time passes whenever nobody has anything to do.

Everything is as in production but its two ends: the API server keeps objects in memory (:class:`Store`), and for dbt
Cloud a test's own httpx transport answers. So every pause, timeout and backoff takes its whole time, by our own clock.
"""

import asyncio
import copy
import itertools
import json
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.secrecy import KNOWN

from freshet.controllers import APART, Controllers
from freshet.controllers.world import dbt_key
from freshet.dbtcloud.webhook import WebhookEvent
from freshet.runtime import errors
from freshet.runtime.cache import Cache
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings

__all__ = ["START", "Clock", "Operator", "Store", "run"]

START = datetime(2026, 11, 24, 12, tzinfo=UTC)


class _Selector(selectors.SelectSelector):
    """Waits for nobody: what it was to wait has passed already."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.passed += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._time = _Selector()
        super().__init__(self._time)

    def time(self) -> float:
        return self._time.passed


def run(work: Coroutine[Any, Any, None]) -> None:
    """Carry it out in time of its own. What it begins must end by itself: no sockets, no threads."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(work)


class Clock:
    """The loop's time, and the wall clock that goes with it."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Store:
    """The API server as far as models on external assets need it: it outlives an :class:`Operator`."""

    acts = True

    def __init__(self, *, secrets: dict[str, dict[str, bytes]]) -> None:
        self.events: list[tuple[str, str, str]] = []
        self.leaks: list[str] = []
        self.secrets, self._versions = secrets, itertools.count(1)
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.cache: Cache | None = None

    def put(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Create an object."""
        metadata = {"name": name, "namespace": "team", "uid": f"uid-{name}", "generation": 1, "annotations": {}}
        stamped = {**metadata, "creationTimestamp": START.isoformat()}
        self._keep(kind, {"metadata": stamped, "spec": spec, "status": {}})

    def respecify(self, kind: str, name: str, **spec: Any) -> None:
        """Change fields of an object's spec."""
        found = copy.deepcopy(self._objects[kind, name])
        found["spec"] |= spec
        found["metadata"]["generation"] += 1
        self._keep(kind, found)

    def annotate(self, name: str, **notes: str) -> None:
        """Annotate an Asset."""
        found = copy.deepcopy(self._objects["Asset", name])
        found["metadata"]["annotations"] |= {f"freshet.dev/{key}": value for key, value in notes.items()}
        self._keep("Asset", found)

    def status(self, kind: str, name: str) -> dict[str, Any]:
        """The status of an object."""
        return dict(self._objects[kind, name]["status"])

    def condition(self, kind: str, name: str, type: str) -> dict[str, Any]:
        """One of its conditions."""
        return next((dict(it) for it in self.status(kind, name).get("conditions", []) if it["type"] == type), {})

    def objects(self) -> list[tuple[str, dict[str, Any]]]:
        """All of them, for a cache that begins."""
        return [(kind, found) for (kind, _), found in self._objects.items()]

    async def patch_status(self, obj: Any, *, patch: dict[str, Any]) -> None:
        """As the real one."""
        found = copy.deepcopy(self._objects[type(obj).__name__, obj.name])
        if found["metadata"]["resourceVersion"] != obj.metadata.resource_version:
            raise errors.Conflict("the object has been changed")
        found["status"] = _merged(found["status"], patch)
        self._keep(type(obj).__name__, found)

    async def read_secret(self, *, namespace: str, name: str) -> dict[str, bytes] | None:
        """As the real one."""
        return self.secrets.get(name)

    def emit(self, obj: Any, *, type: str, reason: str, message: str) -> None:
        """Keep the Event."""
        self._look(f"Event {reason} of {obj.name}", message)
        self.events.append((obj.name, reason, message))

    def _look(self, what: str, said: str) -> None:
        """Every version and every Event: none may show a secret, however soon another follows."""
        self.leaks += [f"{what} shows {leak}" for leak in KNOWN.leaks(said)]

    def _keep(self, kind: str, found: dict[str, Any]) -> None:
        found["metadata"]["resourceVersion"] = str(next(self._versions))
        self._look(f"{kind} {found['metadata']['name']}", json.dumps(found))
        self._objects[kind, found["metadata"]["name"]] = found
        if self.cache is not None:
            self.cache.ingest(copy.deepcopy(found), kind=kind)


def _merged(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7386."""
    merged = {key: value for key, value in old.items() if key not in patch}
    for key, value in patch.items():
        if isinstance(value, dict):
            known = old.get(key)
            merged[key] = _merged(known if isinstance(known, dict) else {}, value)
        elif value is not None:
            merged[key] = value
    return merged


class Operator:
    """Controllers at work from ``async with`` on; the end of the block is a crash."""

    def __init__(self, *, store: Store, clock: Clock | None = None) -> None:
        self._store, self._clock = store, clock or Clock()

    async def __aenter__(self) -> "Operator":
        cache, queue = Cache(clock=self._clock), WorkQueue(clock=self._clock, apart=APART)
        kube: Any = self._store
        made = Controllers(cache=cache, kube=kube, queue=queue, clock=self._clock, settings=Settings())
        made.start_listening()
        self._store.cache = cache
        for kind, found in self._store.objects():
            cache.ingest(copy.deepcopy(found), kind=kind)
        await made.synced()
        self._controllers = made
        self._work = asyncio.create_task(queue.run(workers=4, reconcile=made.reconcile, set_back=made.set_back))
        return self

    def poke(self, pipeline: str, *, run: int) -> None:
        """As a genuine webhook does that tells of the end of that run."""
        event = WebhookEvent(event_id=f"end-of-{run}", type="job.run.completed", at=self._clock.now(), run_id=run)
        self._controllers._dbt.poke(dbt_key("team", pipeline), event)

    async def __aexit__(self, *_: object) -> None:
        self._store.cache = None
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        await self._controllers.close()
        assert not self._store.leaks, "; ".join(self._store.leaks)
