"""The service's side of the process that has dbt imported (:mod:`.zygote`): commands go there, and it is kept alive."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

__all__ = ["WarmDbt"]

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL of a cancelled command."""


class WarmDbt:
    """Runs dbt commands, each in a process of its own that starts warm."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._pids: dict[int, asyncio.Future[int]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ready = asyncio.Event()
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Start the process; it gets ready while the service already answers."""
        async with self._starting:
            if self._reader is None or self._reader.done():
                await self._spawn()

    async def close(self) -> None:
        """End the process and its commands."""
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), GRACE)
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def run(self, argv: list[str], *, env: dict[str, str], cwd: Path, log: Path, wait_for: Path | None) -> int:
        """Run ``dbt <argv>``; its exit code. Cancelling ends it. Raises ConnectionError when the process died."""
        await self.start()
        await self._ready.wait()
        number = next(self._ids)
        loop = asyncio.get_running_loop()
        end = self._ends[number] = loop.create_future()
        pid = self._pids[number] = loop.create_future()
        order = {"id": number, "argv": argv, "env": env, "cwd": str(cwd), "log": str(log)}
        self._send({**order, "wait_for": str(wait_for) if wait_for else None})
        try:
            return await asyncio.shield(end)
        except asyncio.CancelledError:
            await self._kill(pid, end)
            raise
        finally:
            self._ends.pop(number, None)
            self._pids.pop(number, None)

    def _send(self, order: dict[str, Any]) -> None:
        if self._writer is None or self._reader is None or self._reader.done():
            raise ConnectionError("The process that runs dbt is gone.")
        self._writer.write(json.dumps(order).encode() + b"\n")

    async def _kill(self, pid: asyncio.Future[int], end: asyncio.Future[int]) -> None:
        """End a command's whole process group."""
        with contextlib.suppress(ConnectionError):
            group = await pid
            for sign, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, sign)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(end), patience)
                    return

    async def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        self._ready.clear()
        command = [sys.executable, "-m", "freshet.local.dbtcloud.zygote"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
        env["OPENBLAS_NUM_THREADS"] = "1"  # no threads before the fork
        self._process = await asyncio.create_subprocess_exec(*command, stdin=theirs.fileno(), env=env)
        theirs.close()
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._reader = asyncio.create_task(self._read(reader), name="warm dbt")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Hand each message to whom it concerns; at the end of file nobody is left waiting."""
        try:
            with contextlib.suppress(ConnectionError):
                while line := await reader.readline():
                    self._hear(json.loads(line))
        finally:
            self._ready.set()
            for future in (*self._pids.values(), *self._ends.values()):
                if not future.done():
                    future.set_exception(ConnectionError("The process that runs dbt died."))
                    future.exception()  # whether or not anybody asks

    def _hear(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            self._ready.set()
        elif "pid" in message:
            _settle(self._pids.get(message["id"]), message["pid"])
        else:
            _settle(self._ends.get(message["id"]), message["exit"])


def _settle(future: asyncio.Future[int] | None, value: int) -> None:
    if future is not None and not future.done():
        future.set_result(value)
