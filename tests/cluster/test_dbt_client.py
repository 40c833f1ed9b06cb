"""Client, run protocol and results against the stand-in: a process that behaves as dbt Cloud does."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.dbtcloud import DbtCloudStandIn

from freshet.dbtcloud import errors, protocol
from freshet.dbtcloud.actions import Abandon, Action, Finish, Look, Poll, Post, RecordId, Wait, WriteIntent
from freshet.dbtcloud.client import DbtCloud, RunQuery, TriggerRequest
from freshet.dbtcloud.marker import cause_of, new_token
from freshet.dbtcloud.memory import Intent, Memory
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.outcomes import NodeResult
from freshet.dbtcloud.results import StepResults, merge, parse, settle
from freshet.dbtcloud.retry import RetryPolicy
from freshet.dbtcloud.search import find_runs
from freshet.dbtcloud.selection import Node, steps
from freshet.dbtcloud.steps import artifact_steps

GRAPH = {"models": [{"name": "a", "tests": [{"name": "not_null_a_id"}]}, {"name": "b", "upstreams": ["a"]}]}
A = Node(unique_id="model.kaizen_wars.a", fqn=("kaizen_wars", "a"))
B = Node(unique_id="model.kaizen_wars.b", fqn=("kaizen_wars", "b"))
QUICK = protocol.Settings(
    slack=timedelta(seconds=2),
    post_timeout=timedelta(seconds=2),
    list_lag=timedelta(seconds=1),
    clock_skew=timedelta(0),
    look_every=timedelta(seconds=0.2),
    poll_every=timedelta(seconds=0.05),
    results_first=timedelta(seconds=0.05),
)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtCloudStandIn]:
    with DbtCloudStandIn(folder=tmp_path_factory.mktemp("dbt"), executor="scripted", graph=GRAPH) as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(process: DbtCloudStandIn) -> Iterator[DbtCloudStandIn]:
    process.forget_requests()
    yield process
    process.clear_faults()


def connect(stand_in: DbtCloudStandIn, **more: Any) -> DbtCloud:
    settings: dict[str, Any] = {"token": stand_in.token, "deadline": 2.0, "retry": RetryPolicy(first=0.05)}
    return DbtCloud(host=stand_in.url, account_id=stand_in.account, **{**settings, **more})


@dataclass
class Pipeline:
    """The smallest controller: one need, one intent that outlives its process, and Memory that does not."""

    client: DbtCloud
    recorded: Intent | None = None
    wanted: bool = True
    memory: Memory = field(default_factory=Memory)
    done: list[dict[str, NodeResult]] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    crash_at: type | None = None
    """Forget everything that is not recorded, once, after this action."""

    async def run(self) -> None:
        """Until the need is met or given up."""
        async with asyncio.timeout(60):
            while self.wanted or self.recorded is not None:
                now = datetime.now(UTC)
                self.memory = self.memory.seen(self.recorded, now=now)
                action = protocol.decide(
                    intent=self.recorded,
                    memory=self.memory,
                    wanted=self.wanted,
                    now=now,
                    settings=QUICK,
                    new_token=new_token(now=now, random=os.urandom(5)),
                )
                await self.carry_out(action)
                if self.crash_at is not None and isinstance(action, self.crash_at):
                    self.memory, self.crash_at = Memory(), None

    async def carry_out(self, action: Action) -> None:
        now = datetime.now(UTC)
        match action:
            case WriteIntent(token=token, at=at):
                self.recorded = Intent(token=token, at=at)
                self.memory = self.memory.wrote(self.recorded, now=now)
            case Post(token=token, not_after=not_after):
                await self.post(token=token, not_after=not_after)
            case Look(token=token, since=since):
                await self.look(token=token, since=since)
            case RecordId(run_id=run_id, duplicates=()):
                assert self.recorded is not None
                self.recorded = Intent(token=self.recorded.token, at=self.recorded.at, id=str(run_id))
            case Poll(run_id=run_id):
                self.memory = self.memory.polled(await self.client.get_run(run_id=run_id), now=now)
            case Finish(run_id=run_id):
                await self.finish(run_id)
            case Abandon(reason=reason):
                self.abandoned.append(reason)
                self.recorded, self.wanted = None, False
            case Wait(until=until):
                await asyncio.sleep(max(0.0, (until - now).total_seconds()))
            case _:
                self.memory = self.memory.fetched(now=now, complete=True)

    async def post(self, *, token: str, not_after: datetime) -> None:
        self.memory = self.memory.posting()
        request = TriggerRequest(
            cause=cause_of(sentence="a moved", token=token),
            steps_override=steps(command="dbt build {select}", nodes=[A, B]),
        )
        try:
            run = await self.client.trigger_run(job_id=1, request=request, not_after=not_after)
        except errors.DbtCloudError as error:
            self.memory = self.memory.unsent(error, now=datetime.now(UTC))
        else:
            self.memory = self.memory.sent(run_id=run.id)

    async def look(self, *, token: str, since: datetime) -> None:
        began = datetime.now(UTC)
        try:
            runs = await find_runs(self.client, job_id=1, token=token, since=since)
        except errors.DbtCloudError:
            self.memory = self.memory.look_failed(began=began)
        else:
            self.memory = self.memory.looked(began=began, run_ids=tuple(run.id for run in runs))

    async def finish(self, run_id: int) -> None:
        run = await self.client.get_run(run_id=run_id)
        found = await read_results(self.client, run=run)
        self.done.append(settle(results=found, run=run, expected=[A.unique_id, B.unique_id]))
        self.recorded, self.wanted = None, False


async def read_results(client: DbtCloud, *, run: Run) -> StepResults:
    """Every step's results as one."""
    found = []
    for index, command in artifact_steps(run):
        raw = await client.get_artifact(run_id=run.id, path="run_results.json", step=index)
        step = parse(raw, command=command)
        assert isinstance(step, StepResults)
        found.append(step)
    return merge(found)


def ours(stand_in: DbtCloudStandIn, *, after: int) -> list[dict[str, Any]]:
    return [run for run in stand_in.runs()[after:] if "[freshet:" in run["trigger"]["cause"]]


FAULTS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "the answer is lost": [{"action": "lose", "method": "POST", "path": "/run/", "times": 1}],
    "nothing arrives": [{"action": "drop", "method": "POST", "path": "/run/", "times": 2}],
    "502": [{"action": "status", "status": 502, "method": "POST", "path": "/run/", "times": 1}],
    "429": [{"action": "rate_limit", "retry_after": 1, "method": "POST", "path": "/run/", "times": 1}],
    "HTML, but done": [{"action": "html", "handle": True, "method": "POST", "path": "/run/", "times": 1}],
    "half an answer": [{"action": "truncate", "method": "POST", "path": "/run/", "times": 1}],
    "lost, and the list lags": [
        {"action": "lose", "method": "POST", "path": "/run/", "times": 1},
        {"action": "list_lag", "seconds": 1.0},
    ],
    "lost, and looking fails": [
        {"action": "lose", "method": "POST", "path": "/run/", "times": 1},
        {"action": "status", "status": 503, "method": "GET", "path": "/runs/$", "times": 6},
    ],
    "clocks differ": [
        {"action": "lose", "method": "POST", "path": "/run/", "times": 1},
        {"action": "clock_skew", "seconds": -90},
    ],
}


@pytest.mark.parametrize("name", FAULTS)
async def test_one_need_is_one_run_whatever_is_lost(stand_in: DbtCloudStandIn, name: str) -> None:
    before = len(stand_in.runs())
    stand_in.faults(FAULTS[name])
    async with connect(stand_in) as client:
        pipeline = Pipeline(client=client)
        await pipeline.run()
    assert len(ours(stand_in, after=before)) == 1
    assert [{key: node.outcome for key, node in done.items()} for done in pipeline.done] == [
        {A.unique_id: "Success", B.unique_id: "Success"}
    ]


@pytest.mark.parametrize("action", [WriteIntent, Post, RecordId, Poll], ids=lambda action: action.__name__)
async def test_one_need_is_one_run_wherever_the_process_dies(stand_in: DbtCloudStandIn, action: type) -> None:
    before = len(stand_in.runs())
    async with connect(stand_in) as client:
        pipeline = Pipeline(client=client, crash_at=action)
        await pipeline.run()
    assert len(ours(stand_in, after=before)) == 1
    assert len(pipeline.done) == 1


async def test_a_wrong_token_is_given_up_with_one_request(stand_in: DbtCloudStandIn) -> None:
    async with connect(stand_in, token="wrong") as client:
        pipeline = Pipeline(client=client)
        await pipeline.run()
    assert pipeline.abandoned == ["AuthenticationFailed"]
    assert len(stand_in.requests(method="POST")) == 1


async def test_the_list_is_understood(stand_in: DbtCloudStandIn) -> None:
    run = stand_in.start_foreign(cause="nightly")
    stand_in.wait(run["id"])
    day = timedelta(days=1)
    now = datetime.now(UTC)
    query = RunQuery(job_id=1, statuses=(10, 20, 30), created=(now - day, now + day), finished=(now - day, now + day))
    async with connect(stand_in) as client:
        page = await client.list_runs(query=query)
        assert page.runs[0].id == run["id"]
        assert (page.runs[0].cause, page.runs[0].job, page.unreadable) == ("nightly", 1, 0)
        assert page.runs[0].created_at is not None
        assert page.runs[0].created_at.tzinfo is UTC
        assert (await client.get_job(job_id=1)).execute_steps == ("dbt build",)


async def test_results_and_checks_come_home(stand_in: DbtCloudStandIn) -> None:
    run = stand_in.start_foreign()
    stand_in.wait(run["id"])
    async with connect(stand_in) as client:
        found = await read_results(client, run=await client.get_run(run_id=run["id"]))
    assert {key: node.outcome for key, node in found.nodes.items()} == {A.unique_id: "Success", B.unique_id: "Success"}
    assert [(check.passed, check.nodes) for check in found.checks] == [(True, (A.unique_id,))]


async def test_artifacts(stand_in: DbtCloudStandIn, tmp_path: Path) -> None:
    run = stand_in.start_foreign()
    stand_in.wait(run["id"])
    async with connect(stand_in) as client:
        await client.get_job_artifact(job_id=1, path="manifest.json", into=tmp_path / "manifest.json")
        assert b'"nodes"' in await asyncio.to_thread((tmp_path / "manifest.json").read_bytes)
        with pytest.raises(errors.NotFound):
            await client.get_artifact(run_id=run["id"], path="nothing.json")


async def test_a_run_is_cancelled(stand_in: DbtCloudStandIn) -> None:
    run = stand_in.start_foreign(override={"seconds": 30})
    async with connect(stand_in) as client:
        await client.cancel_run(run_id=run["id"])
        ended = stand_in.wait(run["id"])
        assert (await client.get_run(run_id=run["id"])).cancelled
    assert ended["status"] == 30
