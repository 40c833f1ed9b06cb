"""Puts the stand-in together: settings in, an aiohttp application out, whose start and end are the service's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from aiohttp import web

from freshet.local.dbtcloud.admin import Admin
from freshet.local.dbtcloud.api import Api
from freshet.local.dbtcloud.dbt import DbtExecutor
from freshet.local.dbtcloud.executor import Executor
from freshet.local.dbtcloud.faults import Faults
from freshet.local.dbtcloud.graph import Graph
from freshet.local.dbtcloud.middleware import RequestLog, authentication, envelopes, fault_injection
from freshet.local.dbtcloud.model import Environment, Job
from freshet.local.dbtcloud.scheduler import Scheduler
from freshet.local.dbtcloud.scripted import ScriptedExecutor
from freshet.local.dbtcloud.service import Service
from freshet.local.dbtcloud.store import Settings, Store
from freshet.local.dbtcloud.times import Clock, system_clock
from freshet.local.dbtcloud.webhooks import Subscription, Webhooks

__all__ = ["Options", "build_app"]

BODY_LIMIT = 256 << 20
"""Graphs of many models are large."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the stand-in is to be. `graph`: runs are made up from it; None: they are dbt in `project` on `warehouse`."""

    state: Path
    token: str
    account: int
    job: Job
    schema: str
    queue_limit: int
    project: Path | None = None
    warehouse: Path | None = None
    graph: Graph | None = None
    webhook: Subscription | None = None


def build_app(options: Options) -> web.Application:
    """The application, with everything that it starts and ends."""
    faults, log = Faults(), RequestLog()

    def clock() -> float:
        return system_clock() + faults.seconds("clock_skew")

    environment = Environment(id=options.job.environment_id, schema=options.schema, created_at=clock())
    defaults = Settings(
        created_at=clock(), jobs={options.job.id: options.job}, environments={environment.id: environment}
    )
    store = Store(options.state)
    service = Service(
        account_id=options.account, store=store, clock=clock, queue_limit=options.queue_limit, defaults=defaults
    )
    webhooks = Webhooks(service=service, clock=clock)
    webhooks.subscriptions += [options.webhook] if options.webhook else []
    scheduler = Scheduler(service=service, executor=_executor(options, clock), notify=webhooks.notify)
    api = Api(service=service, scheduler=scheduler, faults=faults)

    async def run_service(_: web.Application) -> AsyncIterator[None]:
        await scheduler.executor.start()
        scheduler.start()
        yield
        await scheduler.close()
        await scheduler.executor.close()
        await webhooks.close()

    async def date(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(clock(), usegmt=True)

    injection = fault_injection(log=log, faults=faults, queue_limit=options.queue_limit)
    app = web.Application(middlewares=[injection, envelopes, authentication(options.token)], client_max_size=BODY_LIMIT)
    app.on_response_prepare.append(date)
    app.add_routes([*api.routes(), *Admin(api=api, webhooks=webhooks, log=log).routes()])
    app.cleanup_ctx.append(run_service)
    return app


def _executor(options: Options, clock: Clock) -> Executor:
    if options.graph is not None:
        return ScriptedExecutor(graph=options.graph, clock=clock)
    assert options.project is not None
    assert options.warehouse is not None
    return DbtExecutor(
        project=options.project, folder=options.state, warehouse=options.warehouse, account_id=options.account
    )
