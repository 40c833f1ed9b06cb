"""The files that runs leave: of a run's step, of a run (its last step's), of a job (its newest run's)."""

from pathlib import Path

from aiohttp import web

from freshet.local.dbtcloud.asked import id_of, nothing_but, query_of, step_of
from freshet.local.dbtcloud.envelope import not_found, success
from freshet.local.dbtcloud.faults import Faults
from freshet.local.dbtcloud.filters import refuse_unknown
from freshet.local.dbtcloud.listing import RUNS, parse_query
from freshet.local.dbtcloud.model import Run
from freshet.local.dbtcloud.service import Service

__all__ = ["Artifacts"]


class Artifacts:
    """The handlers, and the routes to them."""

    def __init__(self, *, service: Service, faults: Faults) -> None:
        self.service, self.faults = service, faults

    def routes(self, account: str) -> list[web.RouteDef]:
        """Every path below an account's."""
        return [
            web.get(account + r"/jobs/{id:\d+}/artifacts/{path:.+}", self.of_job),
            web.get(account + r"/runs/{id:\d+}/artifacts/", self.names),
            web.get(account + r"/runs/{id:\d+}/artifacts/{path:.+}", self.of_run),
        ]

    async def names(self, request: web.Request) -> web.Response:
        query = nothing_but(request, "step", account=self.service.account_id)
        targets = self._targets(self._finished(id_of(request)), step_of(query))
        found = ((path, target) for target in targets for path in target.rglob("*") if path.is_file())
        return web.json_response(success(sorted({path.relative_to(target).as_posix() for path, target in found})))

    async def of_run(self, request: web.Request) -> web.StreamResponse:
        query = nothing_but(request, "step", account=self.service.account_id)
        return _file(request, self._targets(self._finished(id_of(request)), step_of(query)))

    async def of_job(self, request: web.Request) -> web.StreamResponse:
        """Of the newest run that matches the filters and left any."""
        query = query_of(request, account=self.service.account_id)
        refuse_unknown(query, frozenset({"account_id", *RUNS.filters}))
        matching = parse_query({**query, "order_by": "-id"}, kind=RUNS, account_id=self.service.account_id)
        runs = matching.select(self.service.of_job(self.service.job(id_of(request)).id))
        run = next((run for run in runs if run.done and self._targets(run, None)), None)
        if run is None:
            raise not_found()
        return _file(request, self._targets(self._finished(run.id), None))

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


def _file(request: web.Request, targets: list[Path]) -> web.StreamResponse:
    """The newest of that name. Raises ApiError with status 404."""
    name = request.match_info["path"]
    for target in targets:
        path = (target / name).resolve()
        if path.is_relative_to(target.resolve()) and path.is_file():
            kind = "application/json" if path.suffix == ".json" else "application/octet-stream"
            return web.Response(body=path.read_bytes(), content_type=kind)
    raise not_found()
