"""One pod from its binding to its deletion.

A worker runs what the pod says, and ends early for one of three reasons: the pod is deleted, its deadline passes,
or it has vanished from the API server. Its status is computed anew from the containers after each change; nothing
else is remembered.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from freshet.local.node.container import ContainerRunner
from freshet.local.node.host import Host, PodFolder
from freshet.local.node.kube import ApiError, Json, Unreachable
from freshet.local.node.logs import LogWriter
from freshet.local.node.mounting import PodVolumes
from freshet.local.node.records import ContainerRecord, from_status
from freshet.local.node.sources import Sources
from freshet.local.node.status import Verdict, pod_status
from freshet.local.node.support import NO_EPHEMERAL, UNSUPPORTED, notes, refusal
from freshet.local.node.writer import StatusWriter, pod_path

__all__ = ["PodWorker"]

log = logging.getLogger(__name__)

DEFAULT_GRACE = 30.0
DEADLINE = Verdict(reason="DeadlineExceeded", message="Pod was active on the node longer than the specified deadline")
PAUSE = 0.5


class PodWorker:
    """``run`` is the pod's life; ``update`` tells of a new version of it, ``vanish`` that it is gone."""

    def __init__(self, *, host: Host, pod: Json) -> None:
        self._host = host
        self._pod = pod
        self._folder = PodFolder.of(pod, root=host.root)
        self._volumes = PodVolumes(host=host, pod=pod, folder=self._folder)
        self._writer = StatusWriter(kube=host.kube, pod=pod)
        self._init = self._runners("initContainers", init=True)
        self._main = self._runners("containers", init=False)
        self._started_at = _time(pod.get("status", {}).get("startTime")) or host.clock()
        self._verdict: Verdict | None = None
        self._ending = False
        self._vanished = False
        self._change = asyncio.Event()
        self._work_task: asyncio.Task[None] | None = None

    @property
    def uid(self) -> str:
        return str(self._pod["metadata"]["uid"])

    @property
    def is_done(self) -> bool:
        """Whether nothing of it will run any more."""
        return (self._pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")

    def update(self, pod: Json) -> None:
        known = {each["name"] for each in self._pod["spec"].get("ephemeralContainers") or ()}
        self._pod = self._volumes.pod = pod
        self._change.set()
        new = [each for each in pod["spec"].get("ephemeralContainers") or () if each["name"] not in known]
        for container in new:
            self._host.events.warning(pod, UNSUPPORTED, NO_EPHEMERAL, container=container["name"])
        if new:
            self._publish()

    def vanish(self) -> None:
        self._vanished = True
        self._change.set()

    def log_of(self, *, container: str, previous: bool) -> tuple[Path, LogWriter | None]:
        """The output's file, and its writer while it grows. Raises ``LookupError`` with a sentence."""
        name = self._pod["metadata"]["name"]
        runner = next((each for each in (*self._init, *self._main) if each.record.name == container), None)
        if runner is None:
            raise LookupError(f"container {container!r} is not valid for pod {name!r}")
        number = runner.record.restarts - (1 if previous else 0)
        path = self._folder.log(container, restarts=number)
        if number < 0 or (previous and not path.exists()):
            raise LookupError(f"previous terminated container {container!r} in pod {name!r} not found")
        if not path.exists():
            reason = runner.record.state.as_json().get("waiting", {}).get("reason", "its log is gone")
            raise LookupError(f"container {container!r} in pod {name!r} is waiting to start: {reason}")
        return path, None if previous else runner.writer

    async def run(self) -> None:
        """Return once the pod is gone."""
        writer = asyncio.create_task(self._writer.run())
        try:
            if not self.is_done:
                await self._live()
            await self._until(lambda: self._vanished or self._is_deleted)
            if not self._vanished:
                await self._writer.flushed()
                await self._delete()
                await self._until(lambda: self._vanished)  # a finalizer may keep it, and its logs, a little longer
        finally:
            writer.cancel()
            await self.kill()
        await asyncio.to_thread(shutil.rmtree, self._folder.path, ignore_errors=True)

    async def kill(self) -> None:
        """End all processes now."""
        await asyncio.gather(*(runner.kill() for runner in (*self._init, *self._main)))

    async def wind_down(self) -> None:
        """The agent ends: ask all containers to end, and return once they have and the status says so."""
        active = (*self._init, *self._main)
        for runner in active:
            runner.stop(reason="the node agent ends")
        if self._work_task is not None and any(runner.is_running for runner in active):
            await asyncio.wait({self._work_task})
        await self._writer.flushed()

    def _runners(self, key: str, *, init: bool) -> list[ContainerRunner]:
        status = self._pod.get("status") or {}
        known = {
            each["name"]: each for each in status.get("initContainerStatuses" if init else "containerStatuses") or ()
        }
        return [
            self._runner(spec, known=known.get(spec["name"]), init=init) for spec in self._pod["spec"].get(key) or ()
        ]

    def _runner(self, spec: Json, *, known: Json | None, init: bool) -> ContainerRunner:
        waiting = ContainerRecord(name=spec["name"], image=spec["image"], init=init)
        record = from_status(waiting, known, now=self._host.clock())
        return ContainerRunner(volumes=self._volumes, spec=spec, record=record, changed=self._publish)

    @property
    def _is_deleted(self) -> bool:
        return "deletionTimestamp" in self._pod["metadata"]

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._change.clear()
            await self._change.wait()

    def _publish(self) -> None:
        self._writer.put(
            pod_status(
                pod=self._pod,
                init=[runner.record for runner in self._init],
                main=[runner.record for runner in self._main],
                started_at=self._started_at,
                now=self._host.clock(),
                verdict=self._verdict,
                ending=self._ending,
            )
        )

    async def _live(self) -> None:
        """Run the pod; returns when all has ended, for whatever reason."""
        self._publish()
        work = self._work_task = asyncio.create_task(self._work())
        cut = asyncio.create_task(self._cut())
        try:
            await asyncio.wait({work, cut}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await self._end(work)
            await _result_of(work, self)
        finally:
            cut.cancel()
            work.cancel()

    async def _work(self) -> None:
        sentence = refusal(self._pod)
        if sentence:
            self.fail(Verdict(reason=UNSUPPORTED, message=sentence))
            return
        self._say_notes()
        sources: Sources | None = await self._volumes.mount()
        refresh = asyncio.create_task(self._volumes.refresh())
        try:
            for runner in self._init:
                if not runner.record.succeeded:
                    await runner.run(sources)
                    sources = None
                if not runner.record.succeeded:
                    return
            await asyncio.gather(*(runner.run(sources) for runner in self._main))
        finally:
            refresh.cancel()
            self._publish()

    def _say_notes(self) -> None:
        sentence = notes(self._pod)
        if sentence and not (self._pod.get("status") or {}).get("startTime"):
            self._host.events.normal(self._pod, "NotEnforced", sentence)

    def fail(self, verdict: Verdict) -> None:
        """The pod as a whole has failed."""
        self._verdict = verdict
        self._host.events.warning(self._pod, verdict.reason, verdict.message)
        self._publish()

    async def _cut(self) -> None:
        """Return when the pod must end before its work does."""
        seconds = self._pod["spec"].get("activeDeadlineSeconds")
        left = None
        if seconds is not None:
            left = (self._started_at + timedelta(seconds=seconds) - self._host.clock()).total_seconds()
        try:
            await asyncio.wait_for(self._until(lambda: self._vanished or self._is_deleted), left)
        except TimeoutError:
            self.fail(DEADLINE)

    async def _end(self, work: "asyncio.Task[None]") -> None:
        """SIGTERM to all containers, SIGKILL after the grace period, which a later deletion may shorten."""
        self._ending = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        active = (*self._init, *self._main)
        for runner in active:
            runner.stop()
        if not any(runner.is_running for runner in active):
            work.cancel()
        while not work.done():
            left = began + self._grace() - loop.time()
            if self._vanished or left <= 0:
                await self.kill()
                break
            self._change.clear()
            changed = asyncio.create_task(self._change.wait())
            await asyncio.wait({work, changed}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
        await asyncio.wait({work})
        self._publish()

    def _grace(self) -> float:
        metadata, spec = self._pod["metadata"], self._pod["spec"]
        seconds = metadata.get("deletionGracePeriodSeconds") if self._is_deleted else None
        if seconds is None:
            seconds = spec.get("terminationGracePeriodSeconds")
        return float(DEFAULT_GRACE if seconds is None else seconds)

    async def _delete(self) -> None:
        """Tell the API server that nothing of the pod is left here."""
        body: Json = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        while not self._vanished:
            try:
                await self._host.kube.delete(pod_path(self._pod), body)
            except Unreachable as error:
                log.info("deleting %s: %s", pod_path(self._pod), error)
                await asyncio.sleep(PAUSE)
                continue
            except ApiError as error:
                self._vanished = error.status in (404, 409)  # gone, or another pod of that name
                if not self._vanished:
                    log.warning("deleting %s is refused: %s", pod_path(self._pod), error)
            return


async def _result_of(work: "asyncio.Task[None]", worker: PodWorker) -> None:
    """A failure of the agent itself is the pod's failure, with its sentence."""
    try:
        await work
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
    except Exception as error:
        log.exception("pod %s", worker.uid)
        await worker.kill()
        worker.fail(Verdict(reason="NodeAgentError", message=f"The node agent failed: {error}"))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
