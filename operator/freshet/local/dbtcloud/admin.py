"""Paths that begin with ``/_``: how a test tells the stand-in what to do, and asks what really happened."""

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from freshet.local.dbtcloud.api import Api
from freshet.local.dbtcloud.envelope import ApiError, bad_request, success
from freshet.local.dbtcloud.graph import parse_graph
from freshet.local.dbtcloud.middleware import RequestLog
from freshet.local.dbtcloud.model import Environment, Job, Trigger
from freshet.local.dbtcloud.scripted import ScriptedExecutor
from freshet.local.dbtcloud.trigger import check_step
from freshet.local.dbtcloud.webhooks import Subscription, Webhooks

__all__ = ["Admin"]

T = TypeVar("T")
EVERYTHING = frozenset({"trigger", "job", "run_steps"})


class Order(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A run that somebody else starts (the schedule, a person, CI); `override` is what becomes of it."""

    trigger: Trigger
    job_id: int = 1
    override: dict[str, Any] = {}
    """``outcomes``, ``seconds`` and ``starting`` as in the graph, for this run alone (scripted executor)."""


class Admin:
    """The handlers, and the routes to them."""

    def __init__(self, *, api: Api, webhooks: Webhooks, log: RequestLog) -> None:
        self.api, self.webhooks, self.log = api, webhooks, log

    def routes(self) -> list[web.RouteDef]:
        """Every path."""
        return [
            web.get("/_health", self.health),
            web.get("/_requests", self.requests),
            web.delete("/_requests", self.forget_requests),
            web.get("/_faults", self.faults),
            web.post("/_faults", self.add_faults),
            web.delete("/_faults", self.clear_faults),
            web.get("/_runs", self.runs),
            web.post("/_runs", self.start_run),
            web.post("/_jobs", self.put_job),
            web.post("/_environments", self.put_environment),
            web.post("/_graph", self.put_graph),
            web.get("/_webhooks", self.deliveries),
            web.post("/_webhooks", self.subscribe),
            web.delete("/_webhooks", self.unsubscribe),
        ]

    async def health(self, _: web.Request) -> web.Response:
        return _ok({"ok": True})

    async def requests(self, _: web.Request) -> web.Response:
        return _ok(list(self.log.entries))

    async def forget_requests(self, _: web.Request) -> web.Response:
        self.log.entries.clear()
        return _ok([])

    async def faults(self, _: web.Request) -> web.Response:
        return _ok(self.api.faults.rules())

    async def add_faults(self, request: web.Request) -> web.Response:
        try:
            self.api.faults.add(await request.read())
        except (msgspec.MsgspecError, ValueError) as error:
            raise bad_request(str(error)) from error
        return _ok(self.api.faults.rules())

    async def clear_faults(self, _: web.Request) -> web.Response:
        self.api.faults.clear()
        return _ok([])

    async def runs(self, request: web.Request) -> web.Response:
        """Every run; with ``?id=`` one of them, its steps with their logs."""
        if (text := request.query.get("id")) is not None:
            return _ok([self.api.view(request, self.api.service.run(int(text)), EVERYTHING)])
        return _ok([self.api.view(request, run, EVERYTHING, logs=False) for run in self.api.service.runs.values()])

    async def start_run(self, request: web.Request) -> web.Response:
        order = _decode(await request.read(), Order)
        for step in order.trigger.steps_override or ():
            check_step(step)
        run = self.api.service.enqueue(job_id=order.job_id, trigger=order.trigger, override=order.override)
        self.api.scheduler.wake(run.job_id)
        return _ok(self.api.view(request, run, EVERYTHING))

    async def put_job(self, request: web.Request) -> web.Response:
        """Make a job, or change the named fields of one."""
        fields = _decode(await request.read(), dict[str, Any])
        jobs = self.api.service.settings.jobs
        earlier = msgspec.to_builtins(jobs[fields["id"]]) if fields.get("id") in jobs else {}
        job = _convert({"created_at": self.api.service.clock(), **earlier, **fields}, Job)
        jobs[job.id] = job
        self.api.service.store.save_settings(self.api.service.settings)
        return _ok(msgspec.to_builtins(job))

    async def put_environment(self, request: web.Request) -> web.Response:
        environment = _decode(await request.read(), Environment)
        self.api.service.settings.environments[environment.id] = environment
        self.api.service.store.save_settings(self.api.service.settings)
        return _ok(msgspec.to_builtins(environment))

    async def put_graph(self, request: web.Request) -> web.Response:
        executor = self.api.scheduler.executor
        if not isinstance(executor, ScriptedExecutor):
            raise ApiError(409, "Runs are real dbt here: start the stand-in with --executor scripted.", {})
        try:
            executor.graph = parse_graph(await request.read())
        except (msgspec.MsgspecError, ValueError) as error:
            raise bad_request(str(error)) from error
        return _ok({})

    async def deliveries(self, _: web.Request) -> web.Response:
        return _ok(self.webhooks.deliveries)

    async def subscribe(self, request: web.Request) -> web.Response:
        self.webhooks.subscriptions.append(_decode(await request.read(), Subscription))
        return _ok({})

    async def unsubscribe(self, _: web.Request) -> web.Response:
        self.webhooks.subscriptions.clear()
        return _ok({})


def _ok(data: Any) -> web.Response:
    return web.json_response(success(data))


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise bad_request(str(error)) from error


def _convert(fields: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise bad_request(str(error)) from error
