"""The Administrative API v2: one handler per path, which reads the request, asks the service and frames the answer."""

from pathlib import Path
from typing import Any

from aiohttp import web

from freshet.local.dbtcloud.envelope import ApiError, bad_request, not_found, success
from freshet.local.dbtcloud.faults import Faults
from freshet.local.dbtcloud.listing import page, parse_related, parse_run_query
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
            web.get(ACCOUNT + r"/jobs/{id:\d+}/artifacts/{path:.+}", self.job_artifact),
            web.get(f"{ACCOUNT}/runs/", self.runs),
            web.get(ACCOUNT + r"/runs/{id:\d+}/", self.run),
            web.post(ACCOUNT + r"/runs/{id:\d+}/cancel/", self.cancel),
            web.post(ACCOUNT + r"/runs/{id:\d+}/retry/", self.retry),
            web.get(ACCOUNT + r"/runs/{id:\d+}/artifacts/", self.artifacts),
            web.get(ACCOUNT + r"/runs/{id:\d+}/artifacts/{path:.+}", self.artifact),
            web.get(ACCOUNT + r"/steps/{id:\d+}/", self.step),
        ]

    async def account(self, request: web.Request) -> web.Response:
        account = self._account(request)
        created_at = self.service.settings.created_at
        return _ok(account_view(account_id=account, queue_limit=self.service.queue_limit, created_at=created_at))

    async def environments(self, request: web.Request) -> web.Response:
        account = self._account(request)
        found = self.service.settings.environments.values()
        return _list([environment_view(environment, account_id=account) for environment in found])

    async def environment(self, request: web.Request) -> web.Response:
        account = self._account(request)
        return _ok(environment_view(self.service.environment(_id(request)), account_id=account))

    async def jobs(self, request: web.Request) -> web.Response:
        account = self._account(request)
        return _list([job_view(job, account_id=account) for job in self.service.settings.jobs.values()])

    async def job(self, request: web.Request) -> web.Response:
        account = self._account(request)
        return _ok(job_view(self.service.job(_id(request)), account_id=account))

    async def trigger(self, request: web.Request) -> web.Response:
        self._account(request)
        job = self.service.job(_id(request))
        if request.content_type != "application/json":
            raise ApiError(415, f'Unsupported media type "{request.content_type}" in request.', {})
        run = self.service.enqueue(job_id=job.id, trigger=parse_trigger(await request.read()))
        return self._started(request, run)

    async def rerun(self, request: web.Request) -> web.Response:
        self._account(request)
        return self._started(request, self.service.rerun(_id(request)))

    async def retry(self, request: web.Request) -> web.Response:
        self._account(request)
        return self._started(request, self.service.retry(self.service.run(_id(request))))

    async def cancel(self, request: web.Request) -> web.Response:
        self._account(request)
        run = self.service.run(_id(request))
        if run.done:
            raise bad_request(f"Run {run.id} has already completed: {run.status.humanized}.")
        await self.scheduler.cancel(run)
        return _ok(self.view(request, run, frozenset({"trigger", "job"})))

    async def runs(self, request: web.Request) -> web.Response:
        account = self._account(request)
        query = parse_run_query(_query(request), account_id=account)
        newest = self.service.clock() - self.faults.seconds("list_lag")
        visible = (run for run in self.service.runs.values() if run.created_at <= newest)
        return web.json_response(page(query, query.select(visible), lambda run: self.view(request, run, query.related)))

    async def run(self, request: web.Request) -> web.Response:
        self._account(request)
        query = _query(request)
        if unknown := set(query) - {"include_related"}:
            raise bad_request(f"Additional properties are not allowed ({', '.join(sorted(unknown))} was unexpected)")
        related = parse_related(query.get("include_related", "[]"))
        return _ok(self.view(request, self.service.run(_id(request)), related))

    async def step(self, request: web.Request) -> web.Response:
        self._account(request)
        run = self.service.run(_id(request) // 100)
        step = next((step for step in run.steps if step.id == _id(request)), None)
        if step is None:
            raise not_found()
        return _ok(self._step_view(run, step, logs=True))

    async def artifacts(self, request: web.Request) -> web.Response:
        self._account(request)
        run = self._finished(_id(request))
        targets = self._targets(run, _step(request))
        names = {
            path.relative_to(target).as_posix() for target in targets for path in target.rglob("*") if path.is_file()
        }
        return _ok(sorted(names))

    async def artifact(self, request: web.Request) -> web.StreamResponse:
        self._account(request)
        run = self._finished(_id(request))
        return self._file(request, self._targets(run, _step(request)))

    async def job_artifact(self, request: web.Request) -> web.StreamResponse:
        self._account(request)
        job = self.service.job(_id(request))
        run = next((run for run in self.service.of_job(job.id) if run.done and self._targets(run, None)), None)
        if run is None:
            raise not_found()
        return self._file(request, self._targets(self._finished(run.id), None))

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

    def _account(self, request: web.Request) -> int:
        """The account's id. Raises ApiError with status 404 for another's, which the token cannot see."""
        if int(request.match_info["account"]) != self.service.account_id:
            raise not_found()
        return self.service.account_id

    def _finished(self, run_id: int) -> Run:
        """A run whose artifacts are in. Raises ApiError with status 404."""
        run = self.service.run(run_id)
        late = self.faults.seconds("late_artifacts")
        if run.finished_at is None or self.service.clock() - run.finished_at < late:
            raise not_found()
        return run

    def _targets(self, run: Run, step: int | None) -> list[Path]:
        """The folders of a run's artifacts, the last step's first; of one step where it is asked for."""
        indices = [one.index for one in reversed(run.steps)] if step is None else [step]
        folders = (self.service.store.step_folder(run.id, index) / "target" for index in indices)
        return [folder for folder in folders if folder.is_dir()]

    def _file(self, request: web.Request, targets: list[Path]) -> web.StreamResponse:
        """The newest of that name. Raises ApiError with status 404."""
        name = request.match_info["path"]
        for target in targets:
            path = (target / name).resolve()
            if path.is_relative_to(target.resolve()) and path.is_file():
                kind = "application/json" if path.suffix == ".json" else "application/octet-stream"
                return web.Response(body=path.read_bytes(), content_type=kind)
        raise not_found()


def _ok(data: Any) -> web.Response:
    return web.json_response(success(data))


def _list(data: list[dict[str, Any]]) -> web.Response:
    count = len(data)
    extra = {"filters": {"limit": 100, "offset": 0}, "order_by": "id"}
    return web.json_response(success(data, {**extra, "pagination": {"count": count, "total_count": count}}))


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


def _step(request: web.Request) -> int | None:
    text = request.query.get("step")
    if text is not None and not text.isdigit():
        raise bad_request(f"step: '{text}' is not of type 'integer'")
    return None if text is None else int(text)


def _query(request: web.Request) -> dict[str, str]:
    """The query string; a name that comes twice is one list."""
    names = set(request.query)
    return {name: ",".join(request.query.getall(name)) for name in sorted(names)}
