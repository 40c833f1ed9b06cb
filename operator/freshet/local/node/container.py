"""Run one container of a pod to its last end: start, watch, note how it ended, start again as the policy says."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from freshet.local.node.env import ConfigError
from freshet.local.node.health import watch_health
from freshet.local.node.host import PodFolder
from freshet.local.node.kube import Json, KubeError
from freshet.local.node.logs import LogWriter, tail_bytes
from freshet.local.node.mounting import PodVolumes
from freshet.local.node.plan import Facts, ProcessPlan, plan_container
from freshet.local.node.probes import parse
from freshet.local.node.process import ContainerProcess, StartError
from freshet.local.node.records import ContainerRecord, Running, Terminated, Waiting
from freshet.local.node.restarts import BackOff, is_restarted
from freshet.local.node.sources import Sources
from freshet.local.node.termination import read_message

__all__ = ["ContainerRunner"]

CONFIG_PAUSE = 2.0
KEPT_LOGS = 2


@dataclass(kw_only=True)
class ContainerRunner:
    """``changed`` is called after each change of ``record``."""

    volumes: PodVolumes
    spec: Json
    record: ContainerRecord
    changed: Callable[[], None]
    writer: LogWriter | None = None
    _backoff: BackOff = field(default_factory=BackOff)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _killed: bool = False
    _process: ContainerProcess | None = None
    _is_starting: bool = False

    def __post_init__(self) -> None:
        self._backoff = BackOff(first=self.volumes.host.restart_delay, restarts=self.record.restarts)

    @property
    def folder(self) -> PodFolder:
        return self.volumes.folder

    @property
    def is_running(self) -> bool:
        """Whether there is, or is about to be, a process."""
        return self._process is not None or self._is_starting

    async def run(self, sources: Sources | None) -> None:
        """Return when the container will not be started again. ``sources`` may be used for the first start."""
        ended = self.record.ended
        while True:
            if ended is not None:
                if not self._is_restarted(ended):
                    return
                await self._pause(ended)
                sources = None
            if self._stopping.is_set():
                return
            ended = await self._once(sources)

    def stop(self, *, reason: str | None = None) -> None:
        """Ask the container to end, and start it no more."""
        if self._process is not None and not self._stopping.is_set():
            text = f"Stopping container {self.record.name}" + (f": {reason}" if reason else "")
            self._event("Normal", "Killing", text)
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()

    async def kill(self) -> None:
        """End it now."""
        self._killed = True
        self._stopping.set()
        if self._process is not None:
            await self._process.kill()

    def _is_restarted(self, ended: Terminated) -> bool:
        policy = self.volumes.pod["spec"].get("restartPolicy", "Always")
        again = is_restarted(policy=policy, exit_code=ended.exit_code, init=self.record.init)
        return again and not self._stopping.is_set()

    def _set(self, **changes: object) -> None:
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]
        self.changed()

    def _event(self, kind: str, reason: str, message: str) -> None:
        events, pod = self.volumes.host.events, self.volumes.pod
        send = events.normal if kind == "Normal" else events.warning
        send(pod, reason, message, container=self.record.name)

    async def _pause(self, ended: Terminated) -> None:
        ran_for = (ended.finished_at - ended.started_at).total_seconds()
        self._backoff = self._backoff.after(ran_for=ran_for)
        delay = self._backoff.delay
        if delay:
            name, pod = self.record.name, self.volumes.pod["metadata"]["name"]
            text = f"back-off {delay:g}s restarting failed container={name} pod={pod}"
            self._set(state=Waiting(reason="CrashLoopBackOff", message=text), last=ended)
            self._event("Warning", "BackOff", f"Back-off restarting failed container {name} in pod {pod}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
        if self._stopping.is_set():
            self._set(state=ended)
            return
        self._set(last=ended, restarts=self.record.restarts + 1)

    async def _once(self, sources: Sources | None) -> Terminated | None:
        """One start to its end; ``None`` if asked to stop before."""
        plan = await self._plan(sources)
        if plan is None:
            return None
        number, started_at = self.record.restarts, self.volumes.host.clock()
        container_id = f"local://{self.volumes.pod['metadata']['uid']}/{self.record.name}/{number}"
        try:
            self._process = await self._start(plan, number=number)
        except StartError as error:
            self._event("Warning", "Failed", f"Error: {error}")
            ended = self._ended(128, started_at=started_at, container_id=container_id)
            ended = replace(ended, reason="StartError", message=str(error))
        else:
            code = await self._watch(self._process, plan, container_id=container_id, started_at=started_at)
            ended = self._ended(code, started_at=started_at, container_id=container_id)
        self._process = None
        self._set(state=ended, ready=False, started=False, container_id=container_id)
        return ended

    async def _plan(self, sources: Sources | None) -> ProcessPlan | None:
        """The process to start, once what its configuration refers to is there."""
        while not self._stopping.is_set():
            try:
                return self._planned(sources or await self.volumes.sources())
            except (ConfigError, KubeError) as error:
                self._set(state=Waiting(reason="CreateContainerConfigError", message=str(error)))
                self._event("Warning", "Failed", f"Error: {error}")
            sources = None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), CONFIG_PAUSE)
        return None

    def _planned(self, sources: Sources) -> ProcessPlan:
        host = self.volumes.host
        server = urlsplit(host.kube.host)
        facts = Facts(
            volumes=self.volumes.places,
            allocatable=host.allocatable,
            api_host=server.hostname or "127.0.0.1",
            api_port=str(server.port or 443),
        )
        message = self.folder.message(self.record.name, restarts=self.record.restarts)
        return plan_container(
            pod=self.volumes.pod, container=self.spec, sources=sources, facts=facts, termination_log=message
        )

    async def _start(self, plan: ProcessPlan, *, number: int) -> ContainerProcess:
        name = self.record.name
        self.folder.container(name).mkdir(parents=True, exist_ok=True)
        message = self.folder.message(name, restarts=number)
        message.touch()
        message.chmod(0o666)
        self._forget(number - KEPT_LOGS)
        self.writer = LogWriter(self.folder.log(name, restarts=number))
        self._is_starting = True
        try:
            return await self._launch(plan, message=message)
        finally:
            self._is_starting = False

    async def _launch(self, plan: ProcessPlan, *, message: Path) -> ContainerProcess:
        host = self.volumes.host
        assert self.writer is not None
        async with host.starts:
            return await ContainerProcess.start(
                plan=plan,
                hostname=plan.env["HOSTNAME"],
                folder=self.folder.container(self.record.name),
                termination_log=message,
                log=self.writer,
                isolation=host.isolation,
                launchers=host.launchers,
            )

    def _forget(self, number: int) -> None:
        for path in self.folder.container(self.record.name).glob(f"{number}.*"):
            path.unlink(missing_ok=True)

    async def _watch(
        self, process: ContainerProcess, plan: ProcessPlan, *, container_id: str, started_at: datetime
    ) -> int:
        """Say that it runs, watch its health, and return its exit code."""
        if self._killed:
            await process.kill()
        elif self._stopping.is_set():
            process.terminate()
        ready = parse(self.spec, kind="readinessProbe") is None
        started = parse(self.spec, kind="startupProbe") is None
        running = Running(started_at=started_at)
        self._set(state=running, ready=ready and started, started=started, container_id=container_id)
        self._event("Normal", "Started", f"Started container {self.record.name}")
        health = asyncio.create_task(self._health(process, plan))
        try:
            return await process.wait()
        finally:
            health.cancel()

    async def _health(self, process: ContainerProcess, plan: ProcessPlan) -> None:
        execute = partial(self._execute, plan)
        async for verdict in watch_health(self.spec, session=self.volumes.host.session, execute=execute):
            if verdict.event:
                self._event("Warning", "Unhealthy", verdict.event)
            if verdict.is_failed:
                self._event("Normal", "Killing", f"Container {self.record.name} failed its probe, will be restarted")
                process.terminate()
                await asyncio.sleep(self.volumes.pod["spec"].get("terminationGracePeriodSeconds") or 0)
                await process.kill()
            elif (verdict.ready, verdict.started) != (self.record.ready, self.record.started):
                self._set(ready=verdict.ready, started=verdict.started)

    async def _execute(self, plan: ProcessPlan, command: tuple[str, ...]) -> tuple[int, str]:
        """A command beside the container, with its view: the exit code and the output."""
        host, folder = self.volumes.host, self.folder.container(self.record.name) / "probe"
        folder.mkdir(exist_ok=True)
        log = folder / "log"
        log.unlink(missing_ok=True)
        try:
            async with host.starts:
                process = await ContainerProcess.start(
                    plan=replace(plan, argv=command),
                    hostname=plan.env["HOSTNAME"],
                    folder=folder,
                    termination_log=self.folder.message(self.record.name, restarts=self.record.restarts),
                    log=LogWriter(log),
                    isolation=host.isolation,
                    launchers=host.launchers,
                )
        except StartError as error:
            return 128, str(error)
        try:
            code = await process.wait()
        finally:
            await process.kill()
        return code, tail_bytes(log).decode(errors="replace")

    def _ended(self, code: int, *, started_at: datetime, container_id: str) -> Terminated:
        name, number = self.record.name, self.record.restarts
        message = read_message(
            file=self.folder.message(name, restarts=number),
            policy=self.spec.get("terminationMessagePolicy") or "File",
            exit_code=code,
            log_tail=tail_bytes(self.folder.log(name, restarts=number)),
            containers=len(self.volumes.pod["spec"]["containers"]),
        )
        return Terminated(
            exit_code=code,
            reason="Completed" if code == 0 else "Error",
            started_at=started_at,
            finished_at=self.volumes.host.clock(),
            message=message,
            container_id=container_id,
        )
