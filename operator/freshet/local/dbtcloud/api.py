"""The Administrative API v2: one handler per path, which reads the request, asks the service and frames the answer."""

from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from freshet.local.dbtcloud.artifacts import Artifacts
from freshet.local.dbtcloud.asked import id_of, nothing_but, query_of, without_body
from freshet.local.dbtcloud.envelope import ApiError, bad_request, not_found, success
from freshet.local.dbtcloud.faults import Faults
from freshet.local.dbtcloud.listing import ENVIRONMENTS, JOBS, RUNS, Kind, page, parse_query, parse_related
from freshet.local.dbtcloud.model import Run, Step
from freshet.local.dbtcloud.scheduler import Scheduler
from freshet.local.dbtcloud.service import Service
from freshet.local.dbtcloud.things import account_view, environment_view, job_view, related_job_view
from freshet.local.dbtcloud.trigger import parse_trigger
from freshet.local.dbtcloud.views import run_view, step_view, trigger_view

__all__ = ["Api"]

ACCOUNT = r"/api/v2/accounts/{account:\d+}"
PARTS = frozenset({"run_steps", "debug_logs"})


class Api:
    """The handlers, and the routes to them."""

    def __init__(self, *, service: Service, scheduler: Scheduler, faults: Faults) -> None:
        self.service, self.scheduler, self.faults = service, scheduler, faults
        self._artifacts = Artifacts(service=service, faults=faults)

    def routes(self) -> list[web.RouteDef]:
        """Every path; a slash more or less is a 404."""
        return [
            web.get(f"{ACCOUNT}/", self.account),
            web.get(f"{ACCOUNT}/environments/", self.environments),
            web.get(ACCOUNT + r"/environments/{id:\d+}/", self.environment),
            web.get(f"{ACCOUNT}/jobs/", self.jobs),
            web.get(ACCOUNT + r"/jobs/{id:\d+}/", self.job),
            web.post(ACCOUNT + r"/jobs/{id:\d+}/run/", self.trigger),
            web.post(ACCOUNT + r"/jobs/{id:\d+}/rerun/", self.rerun),
            web.get(f"{ACCOUNT}/runs/", self.runs),
            web.get(ACCOUNT + r"/runs/{id:\d+}/", self.run),
            web.post(ACCOUNT + r"/runs/{id:\d+}/cancel/", self.cancel),
            web.post(ACCOUNT + r"/runs/{id:\d+}/retry/", self.retry),
            web.get(ACCOUNT + r"/steps/{id:\d+}/", self.step),
            *self._artifacts.routes(ACCOUNT),
        ]

    async def account(self, request: web.Request) -> web.Response:
        self._plain(request)
        account, created_at = self.service.account_id, self.service.settings.created_at
        return _ok(account_view(account_id=account, queue_limit=self.service.queue_limit, created_at=created_at))

    async def environments(self, request: web.Request) -> web.Response:
        found = self.service.settings.environments.values()
        return self._list(request, ENVIRONMENTS, found, environment_view)

    async def environment(self, request: web.Request) -> web.Response:
        self._plain(request)
        return _ok(environment_view(self.service.environment(id_of(request)), account_id=self.service.account_id))

    async def jobs(self, request: web.Request) -> web.Response:
        return self._list(request, JOBS, self.service.settings.jobs.values(), job_view)

    async def job(self, request: web.Request) -> web.Response:
        self._plain(request)
        return _ok(job_view(self.service.job(id_of(request)), account_id=self.service.account_id))

    async def trigger(self, request: web.Request) -> web.Response:
        self._plain(request)
        job = self.service.job(id_of(request))
        if request.content_type != "application/json":
            raise ApiError(415, f'Unsupported media type "{request.content_type}" in request.', {})
        run = self.service.enqueue(job_id=job.id, trigger=parse_trigger(await request.read()))
        return self._started(request, run)

    async def rerun(self, request: web.Request) -> web.Response:
        self._plain(request)
        await without_body(request)
        return self._started(request, self.service.rerun(id_of(request)))

    async def retry(self, request: web.Request) -> web.Response:
        self._plain(request)
        await without_body(request)
        return self._started(request, self.service.retry(self.service.run(id_of(request))))

    async def cancel(self, request: web.Request) -> web.Response:
        self._plain(request)
        await without_body(request)
        run = self.service.run(id_of(request))
        if run.done:
            raise bad_request(f"Run {run.id} has already completed: {run.status.humanized}.")
        await self.scheduler.cancel(run)
        return _ok(self.view(request, run, frozenset({"trigger", "job"})))

    async def runs(self, request: web.Request) -> web.Response:
        newest = self.service.clock() - self.faults.seconds("list_lag")
        visible = (run for run in self.service.runs.values() if run.created_at <= newest)
        account = self.service.account_id
        query = parse_query(query_of(request, account=account), kind=RUNS, account_id=account)
        return web.json_response(page(query, query.select(visible), lambda run: self.view(request, run, query.related)))

    async def run(self, request: web.Request) -> web.Response:
        query = self._plain(request, "include_related")
        related = parse_related(query.get("include_related", "[]"))
        return _ok(self.view(request, self.service.run(id_of(request)), related))

    async def step(self, request: web.Request) -> web.Response:
        self._plain(request)
        run = self.service.run(id_of(request) // 100)
        step = next((step for step in run.steps if step.id == id_of(request)), None)
        if step is None:
            raise not_found()
        return _ok(self._step_view(run, step, logs=True))

    def view(self, request: web.Request, run: Run, related: frozenset[str], *, logs: bool = True) -> dict[str, Any]:
        """A run with what was asked for beside it; reading the logs of many costs time."""
        account, now = self.service.account_id, self.service.clock()
        base = f"{request.scheme}://{request.host}"
        reason = self.service.retry_reason(run)
        view = run_view(run, account_id=account, base_url=base, now=now, retry_reason=reason)
        if "trigger" in related:
            view["trigger"] = trigger_view(run)
        if "job" in related:
            view["job"] = related_job_view(self.service.job(run.job_id), account_id=account)
        if "environment" in related:
            view["environment"] = environment_view(self.service.environment(run.environment_id), account_id=account)
        if related & PARTS:
            view["run_steps"] = [self._step_view(run, step, logs=logs) for step in run.steps]
        return view

    def _step_view(self, run: Run, step: Step, *, logs: bool) -> dict[str, Any]:
        text = self.service.store.logs(run.id, step.index) if logs else None
        return step_view(step, run=run, account_id=self.service.account_id, now=self.service.clock(), logs=text)

    def _started(self, request: web.Request, run: Run) -> web.Response:
        """The answer to whatever made a new run."""
        view = self.view(request, run, frozenset({"trigger", "job"}))
        self.scheduler.wake(run.job_id)
        return _ok(view)

    def _plain(self, request: web.Request, *known: str) -> dict[str, str]:
        return nothing_but(request, *known, account=self.service.account_id)

    def _list(
        self, request: web.Request, kind: Kind, things: Iterable[Any], view: Callable[..., dict[str, Any]]
    ) -> web.Response:
        account = self.service.account_id
        query = parse_query(query_of(request, account=account), kind=kind, account_id=account)
        return web.json_response(page(query, query.select(things), lambda it: view(it, account_id=account)))


def _ok(data: Any) -> web.Response:
    return web.json_response(success(data))
