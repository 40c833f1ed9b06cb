"""What a container's probes say over time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from freshet.local.node.kube import Json
from freshet.local.node.probes import Execute, Probe, parse

__all__ = ["Health", "watch_health"]


@dataclass(frozen=True, kw_only=True)
class Health:
    """``event``: something to tell; ``is_failed``: the container must be started anew."""

    ready: bool
    started: bool
    event: str | None = None
    is_failed: bool = False


@dataclass(frozen=True, kw_only=True)
class _Result:
    kind: str
    error: str | None
    decided: bool | None
    """True after enough successes, False after enough failures, in a row."""


async def watch_health(container: Json, *, session: aiohttp.ClientSession, execute: Execute) -> AsyncIterator[Health]:
    """Health after each probe that says something new; ends at once if there are no probes to run."""
    probes = {kind: parse(container, kind=f"{kind}Probe") for kind in ("startup", "readiness", "liveness")}
    started, ready = probes["startup"] is None, probes["readiness"] is None
    if probes["startup"] is not None:
        async for result in _results({"startup": probes["startup"]}, session=session, execute=execute):
            event = _event(result)
            if result.decided is False:
                yield Health(ready=False, started=False, event=event, is_failed=True)
                return
            if result.decided:
                break
            yield Health(ready=False, started=False, event=event)
        started = True
        yield Health(ready=ready, started=True)
    later = {kind: probe for kind in ("readiness", "liveness") if (probe := probes[kind]) is not None}
    async for result in _results(later, session=session, execute=execute):
        if result.kind == "readiness" and result.decided is not None:
            ready = result.decided
        failed = result.kind == "liveness" and result.decided is False
        yield Health(ready=ready and not failed, started=started, event=_event(result), is_failed=failed)


def _event(result: _Result) -> str | None:
    return f"{result.kind.capitalize()} probe failed: {result.error}" if result.error else None


async def _results(
    probes: dict[str, Probe], *, session: aiohttp.ClientSession, execute: Execute
) -> AsyncIterator[_Result]:
    if not probes:
        return
    queue: asyncio.Queue[_Result] = asyncio.Queue()
    tasks = [
        asyncio.create_task(_repeat(kind, probe, queue=queue, session=session, execute=execute))
        for kind, probe in probes.items()
    ]
    try:
        while True:
            yield await queue.get()
    finally:
        for task in tasks:
            task.cancel()


async def _repeat(
    kind: str, probe: Probe, *, queue: asyncio.Queue[_Result], session: aiohttp.ClientSession, execute: Execute
) -> None:
    passed = failed = 0
    await asyncio.sleep(probe.delay)
    while True:
        error = await probe.check(session, execute)
        passed, failed = (0, failed + 1) if error else (passed + 1, 0)
        decided = True if passed >= probe.successes else False if failed >= probe.failures else None
        queue.put_nowait(_Result(kind=kind, error=error, decided=decided))
        await asyncio.sleep(probe.period)
