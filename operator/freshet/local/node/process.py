"""One running container: its launcher, its output, and its end.

The launcher's standard input is the container's life line: closing it, or the agent's death, ends every process of
the container.
"""

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from freshet.local.node.kube import Json
from freshet.local.node.launchers import Launcher, Launchers
from freshet.local.node.logs import LogWriter
from freshet.local.node.plan import ProcessPlan, plain_view

__all__ = ["ContainerProcess", "Isolation", "StartError"]

CHUNK = 65536
KILL_PATIENCE = 3.0
DRAIN_PATIENCE = 2.0


class StartError(Exception):
    """The container's program could not be started; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """Whether containers get a private view here (Linux namespaces), found out once by trying."""

    namespaces: bool
    why_not: str = ""


class ContainerProcess:
    """Use ``await ContainerProcess.start(...)``, then ``wait``; ``terminate`` and ``kill`` at any time."""

    def __init__(
        self, *, process: asyncio.subprocess.Process, log: LogWriter, readers: list[asyncio.Task[None]]
    ) -> None:
        self._process = process
        self._log = log
        self._readers = readers

    @classmethod
    async def start(
        cls,
        *,
        plan: ProcessPlan,
        hostname: str,
        folder: Path,
        termination_log: Path,
        log: LogWriter,
        isolation: Isolation,
        launchers: Launchers,
    ) -> "ContainerProcess":
        """Start the program; returns once it runs. Raises ``StartError``."""
        request = _request(plan, hostname=hostname, folder=folder, termination_log=termination_log, isolation=isolation)
        launcher = await launchers.take()
        process = launcher.process
        readers = [_reader(process.stdout, log, "stdout"), _reader(process.stderr, log, "stderr")]
        container = cls(process=process, log=log, readers=readers)
        try:
            error = await _handshake(launcher, request={**request, "report": launcher.report})
        except BaseException:
            await container.kill()
            raise
        if error:
            await container.wait()
            raise StartError(error)
        return container

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """The exit code (128 + n for signal n), once all output has been written."""
        code = await self._process.wait()
        _, late = await asyncio.wait(self._readers, timeout=DRAIN_PATIENCE)
        for reader in late:
            reader.cancel()
        if not self._log.finished:
            self._log.close()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """SIGTERM to the container's process group."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    async def kill(self) -> None:
        """End every process of the container now."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), KILL_PATIENCE)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


def _request(plan: ProcessPlan, *, hostname: str, folder: Path, termination_log: Path, isolation: Isolation) -> Json:
    common = {
        "argv": plan.argv,
        "cwd": plan.cwd,
        "hostname": hostname,
        "dropCapabilities": plan.drop_capabilities,
        "noNewPrivileges": plan.no_new_privileges,
    }
    if not isolation.namespaces:
        env, missing = plain_view(plan, termination_log=termination_log)
        if missing:
            raise StartError(
                f"cannot mount {', '.join(missing)}: this machine refuses private mounts to this user "
                f"({isolation.why_not}); use a hostPath that equals its mountPath, or allow user namespaces"
            )
        return {**common, "env": env, "view": None}
    root = folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    mounts = [{"source": m.source, "path": m.path, "readOnly": m.read_only} for m in plan.mounts]
    view = {"root": str(root), "mounts": mounts, "keep": plan.keep, "readOnlyRoot": plan.read_only_root}
    return {**common, "env": dict(plan.env), "view": view}


def _reader(stream: asyncio.StreamReader | None, log: LogWriter, name: str) -> asyncio.Task[None]:
    assert stream is not None
    return asyncio.create_task(_copy(stream, log, name))


async def _copy(stream: asyncio.StreamReader, log: LogWriter, name: str) -> None:
    while data := await stream.read(CHUNK):
        log.feed(name, data)


async def _handshake(launcher: Launcher, *, request: Json) -> str:
    """Send the plan; the launcher's complaint, or nothing once the program runs."""
    stdin, report = launcher.process.stdin, os.fdopen(launcher.reading, "rb")
    assert stdin is not None
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, report)
    try:
        stdin.write(json.dumps(request).encode() + b"\n")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await stdin.drain()
        answer = await reader.read()
    finally:
        transport.close()
    return str(json.loads(answer)["error"]) if answer else ""
