"""The parts of a running operator, put together: what starts in which order, what ends, and is it well."""

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from aiohttp import web

from freshet.api.view import Key
from freshet.runtime import errors, starting, telemetry
from freshet.runtime.cache import Cache
from freshet.runtime.clock import Clock, SystemClock
from freshet.runtime.config import load_access
from freshet.runtime.forward import Forwarder
from freshet.runtime.http import HttpServer, MetricChunks
from freshet.runtime.kube import Kube
from freshet.runtime.lease import Election, LeaseName
from freshet.runtime.options import Options
from freshet.runtime.queue import WorkQueue
from freshet.runtime.source import Source
from freshet.runtime.transport import Transport

__all__ = ["Controllers", "Machine", "Pages"]

logger = logging.getLogger(__name__)

STUCK_SECONDS = 600.0
FIRST_SECONDS = 5.0
"""What is urgent at the start goes before the watches for so long at most."""
QUEUE, SETTLE = "queue", "settle"


class Controllers(Protocol):
    """What the machine drives; freshet.controllers has the real ones."""

    def start_listening(self) -> None: ...

    async def synced(self) -> None: ...

    def set_back(self) -> None: ...

    def woken(self, keys: Sequence[Key]) -> None: ...

    async def reconcile(self, key: Key) -> None: ...

    async def close(self) -> None: ...


Pages = Callable[[Cache, Kube, Any, Options], Mapping[str, web.Application]]
"""From the cache, the API and the controllers to what is served beside the metrics, by the prefix of its paths."""


class Machine:
    """One operator in this process.

    ``controllers`` makes the reconcilers from the parts; ``metrics`` their metrics; ``pages`` what else is served;
    ``apart`` are the kinds of keys whose visits may hang on a service (:class:`.queue.WorkQueue`).
    """

    def __init__(
        self,
        *,
        options: Options,
        controllers: Callable[..., Any],
        metrics: Callable[[Cache, Any], MetricChunks],
        pages: Pages | None = None,
        apart: frozenset[str] = frozenset(),
        clock: Clock | None = None,
    ) -> None:
        self.options = options
        self.clock = clock or SystemClock()
        self.cache = Cache(clock=self.clock)
        self.queue = WorkQueue(clock=self.clock, apart=apart)
        self._make_controllers, self._make_metrics, self._make_pages = controllers, metrics, pages
        self._tasks: list[asyncio.Task[None]] = []
        self._election: Election | None = None
        self._forwarder = Forwarder(address=self._others_address, tells=self._tells)
        self._http = HttpServer(
            unhealthy=self.unhealthy, unready=self.unready, middlewares=[self._forwarder.middleware()]
        )
        self._controllers: Controllers | None = None
        self._looked = asyncio.Event()

    async def open(self) -> None:
        """Connect, and see that there is something to watch. Raises CannotStart."""
        self.transport = Transport(access=await load_access(kubeconfig=self.options.kubeconfig))
        self.kube = Kube(transport=self.transport, cache=self.cache)
        self.source = Source(kube=self.kube, cache=self.cache, namespaces=self.options.namespaces)
        try:
            await starting.check(kube=self.kube, namespaces=self.options.namespaces)
        except errors.CannotStart:
            await self.kube.close()
            raise

    async def start(self) -> None:
        """Listen on the port, list, and begin to reconcile as soon as it is this replica's turn. Raises CannotStart."""
        options = self.options
        controllers: Any = self._make_controllers(
            cache=self.cache, kube=self.kube, queue=self.queue, clock=self.clock, settings=options.settings
        )
        self._controllers = controllers
        metrics = self._make_metrics(self.cache, controllers)
        self._http.add_metrics(lambda: metrics() if self._tells() else ())
        pages = self._make_pages(self.cache, self.kube, controllers, options) if self._make_pages else {}
        for prefix, app in pages.items():
            self._http.mount(prefix, app)
        port = await self._http.start(port=options.port, host=options.host, port_file=options.port_file)
        logger.info("Serving /metrics, /healthz and /readyz on port %d", port)
        controllers.start_listening()
        await starting.patiently(self.source.load)
        gc.freeze()  # what was listed stays: no collection shall walk it while what is late waits
        self._spawn(self.source.keep_looking(), "second looks")
        await self._stand(options, port)
        # kopf's own list, which begins when this returns, keeps the loop busy for seconds at ten thousand objects.
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self._first_things()

    async def _stand(self, options: Options, port: int) -> None:
        """Act, or take part in the election of the one that does."""
        if options.lease is None:
            await self._act()
            return
        self._election = self._candidacy(options, options.lease, port)
        self.transport.fence = lambda: self._election is None or self._election.holds
        self._spawn(self._election.run(), "election")

    async def _first_things(self) -> None:
        if self._election is not None:
            await self._election.tried.wait()
        if self.kube.acts:
            await self._looked.wait()
            await self.queue.calmed()

    def _candidacy(self, options: Options, lease: LeaseName, port: int) -> Election:
        return Election(
            transport=self.transport,
            clock=self.clock,
            lease=lease,
            identity=options.identity,
            address=f"{options.pod_ip or options.host or '127.0.0.1'}:{port}",
            begin=self._act,
            end=self._stand_by,
            again=self.queue.hasten,
        )

    async def stop(self) -> None:
        """End everything; safe to call when the start failed half way."""
        telemetry.leader.set(0)
        await self._end(self._tasks)
        if self._election is not None:
            await self._election.release()
        await self._forwarder.close()
        await self._http.close()
        if self._controllers is not None:
            await self._controllers.close()
        await self.kube.close()

    def unready(self) -> str | None:
        """Why not to rely on this replica yet."""
        opened = hasattr(self, "source")
        return None if opened and self.source.synced.is_set() else "the first list is not complete"

    def unhealthy(self) -> str | None:
        """Why this process should be started again."""
        ended = [task.get_name() for task in self._tasks if task.done() and task.get_name() != SETTLE]
        if ended:
            return f"ended unexpectedly: {', '.join(ended)}"
        if self.queue.oldest_visit() > STUCK_SECONDS:
            return f"a visit has taken {self.queue.oldest_visit():.0f} s"
        return None

    async def _act(self) -> None:
        """This replica's turn has begun: look at everything once, and at what changes from now on."""
        assert self._controllers is not None
        self._spawn(self._work(self._controllers), QUEUE)
        telemetry.leader.set(1)

    async def _work(self, controllers: Controllers) -> None:
        await controllers.synced()
        self._looked.set()
        self._spawn(self._settle(), SETTLE)
        await self.queue.run(
            workers=self.options.workers,
            reconcile=controllers.reconcile,
            set_back=controllers.set_back,
            woken=controllers.woken,
            set_ahead=self._slept,
        )

    def _slept(self) -> None:
        if self._election is not None:
            self._election.renew_now()

    async def _stand_by(self) -> None:
        """It has ended: what is under way is dropped, as a crash would. Watches go on, so that the cache stays warm."""
        telemetry.leader.set(0)
        await self._end([task for task in self._tasks if task.get_name() in (QUEUE, SETTLE)])

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        ending = list(tasks)
        self._tasks = [task for task in self._tasks if task not in ending]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _tells(self) -> bool:
        """Is what this replica knows of assets to be shown? Also while the API server is away, by the last that acted;
        not by one that is about to stand for election.
        """
        return self.options.lease is None or (self._election is not None and self._election.tells)

    def _others_address(self) -> str | None:
        return None if self._election is None or self._election.holds else self._election.holder_address

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work, name=name))

    async def _settle(self) -> None:
        """What the first pass left behind stays for good: the garbage collector need not walk it again and again."""
        await self.queue.drained()
        gc.collect()
        gc.freeze()
        logger.info("All %d assets of %d pipelines reconciled", len(self.cache.assets), len(self.cache.pipelines))
