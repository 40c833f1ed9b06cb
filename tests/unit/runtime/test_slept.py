"""A machine that slept, or whose clock was set ahead, under a Lease: the machine's own election and queue, in time of
their own. Only the wall clock has gone on, so the Lease has run out; what is due is written within the second all the
same, and never without the Lease.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support import virtual

from freshet.api.view import Key
from freshet.runtime import errors
from freshet.runtime.lease import LeaseName
from freshet.runtime.machine import Machine
from freshet.runtime.options import Options

A = Key("Asset", "demo", "a")
HOUR = 3600.0


class Clock(virtual.Clock):
    """May be set ahead of the other one."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)


class Server:
    """One Lease, which is answered for after a while."""

    def __init__(self) -> None:
        self.holder, self.version, self.seconds = "", 0, 0.03
        self.fence = lambda: True

    async def json(self, method: str, path: str, *, body: Any = None, **_: Any) -> dict[str, Any]:
        await asyncio.sleep(self.seconds)
        if method == "PATCH":
            if body["metadata"]["resourceVersion"] != str(self.version):
                raise errors.Conflict("somebody was faster")
            self.take(body["spec"]["holderIdentity"])
        return {
            "metadata": {"resourceVersion": str(self.version)},
            "spec": {"holderIdentity": self.holder, "leaseDurationSeconds": 10},
        }

    def take(self, holder: str) -> None:
        self.taken = asyncio.get_running_loop().time()
        self.holder, self.version = holder, self.version + 1


class Writer:
    """Controllers whose only visit is one write, where the Lease lets them."""

    def __init__(self, *, server: Server, clock: Clock) -> None:
        self._server, self._clock, self.written, self.refused = server, clock, list[float](), 0
        self.set_back = self.start_listening = lambda: None

    async def synced(self) -> None: ...

    def woken(self, keys: object) -> None: ...

    async def reconcile(self, key: Key) -> None:
        if not self._server.fence():
            self.refused += 1
            raise errors.Unavailable("this replica does not hold the Lease")
        self.written.append(self._clock.monotonic())


@asynccontextmanager
async def acting(server: Server, clock: Clock) -> AsyncIterator[tuple[Machine, Writer]]:
    """A machine that holds the Lease."""
    lease, writer = LeaseName(namespace="here"), Writer(server=server, clock=clock)
    options = Options(lease=lease, identity="me", workers=2)
    machine = Machine(options=options, controllers=SimpleNamespace, metrics=lambda *_: tuple, clock=clock)
    parts: Any = server, writer
    machine.transport, machine._controllers = parts
    await machine._stand(options, 8080)
    await asyncio.sleep(1)
    assert server.fence()
    try:
        yield machine, writer
    finally:
        await machine._end(machine._tasks)


PHASES = [0.1, 0.9, 1.57, 1.7, 2.4]
"""Of its renewals; at one of these, one is on the way."""


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("gone", [8.0, HOUR])
def test_what_was_due_meanwhile_is_written_within_the_second(phase: float, gone: float) -> None:
    async def work() -> None:
        server, clock = Server(), Clock()
        async with acting(server, clock) as (machine, writer):
            machine.queue.set_wake(A, clock.now() + timedelta(seconds=gone / 2))
            await asyncio.sleep(phase)
            clock.ahead += gone
            awoke = clock.monotonic()
            assert not server.fence(), "nobody knows yet who holds it"
            await asyncio.sleep(6)
            assert [at - awoke < 1 for at in writer.written] == [True]
            assert server.holder == "me"

    virtual.run(work())


@pytest.mark.parametrize("phase", PHASES)
def test_what_was_refused_is_tried_again_as_soon_as_the_lease_is_renewed(phase: float) -> None:
    async def work() -> None:
        server, clock = Server(), Clock()
        async with acting(server, clock) as (machine, writer):
            machine.queue.set_wake(A, clock.now() + timedelta(seconds=HOUR / 2))
            await asyncio.sleep(phase)
            clock.ahead += HOUR
            server.seconds = 2.0
            await asyncio.sleep(6)
            assert writer.refused
            assert [at - server.taken < 0.01 for at in writer.written] == [True]

    virtual.run(work())


def test_who_was_replaced_meanwhile_writes_nothing() -> None:
    async def work() -> None:
        server, clock = Server(), Clock()
        async with acting(server, clock) as (machine, writer):
            machine.queue.set_wake(A, clock.now() + timedelta(seconds=HOUR / 2))
            server.take("another")
            clock.ahead += HOUR
            await asyncio.sleep(6)
            assert writer.refused
            assert not writer.written
            assert [task.get_name() for task in machine._tasks] == ["election"], "it stands by"

    virtual.run(work())
