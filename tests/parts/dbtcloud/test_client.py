"""The client against a server that misbehaves: what is asked again, what never is, and what each error says."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from freshet.dbtcloud import errors
from freshet.dbtcloud.client import DbtCloud, RunQuery, TriggerRequest
from freshet.dbtcloud.marker import cause_of
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.retry import RetryPolicy
from freshet.dbtcloud.search import find_runs

TOKEN = "dbtc_verysecrettoken"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def envelope(data: Any, *, code: int = 200, message: str = "Success!", **extra: Any) -> web.Response:
    status = {"code": code, "is_success": code < 400, "user_message": message, "developer_message": ""}
    return web.json_response({"status": status, "data": data, "extra": extra}, status=code)


class Bench:
    """A server whose answers are a list of handlers, the last one repeated; it remembers what was asked."""

    def __init__(self) -> None:
        self.answers: list[Handler] = []
        self.requests: list[tuple[str, str, dict[str, str], str]] = []
        self.slept: list[float] = []
        self.codes: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.requests.append((request.method, request.path_qs, dict(request.headers), body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    @asynccontextmanager
    async def client(self, **more: Any) -> AsyncIterator[DbtCloud]:
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host = f"http://127.0.0.1:{runner.addresses[0][1]}"
        settings: dict[str, Any] = {
            "host": host,
            "account_id": 1,
            "token": TOKEN,
            "retry": RetryPolicy(random=lambda: 1.0),
        }
        settings |= {"sleep": self.sleep, "on_request": self.codes.append, "now": lambda: NOW}
        try:
            async with DbtCloud(**{**settings, **more}) as client:
                yield client
        finally:
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.handle)
        return app


@pytest.fixture
def bench() -> Bench:
    return Bench()


def says(response: Callable[[], web.Response]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return response()

    return handler


async def drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    """A body that trickles and never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)
    except (ConnectionError, asyncio.CancelledError):
        return response


async def cut(request: web.Request) -> web.StreamResponse:
    """Half of the promised body."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"status": {}, "data": {"id": 5')
    assert request.transport is not None
    request.transport.close()
    return response


def refused(code: int, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = envelope("steps_override: bad", code=code, message="The request was invalid.")
        response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return response

    return handler


RUN = says(lambda: envelope({"id": "70", "status": 1, "created_at": "2026-11-24 11:59:00.000000+00:00", "novel": [1]}))
HTML = says(lambda: web.Response(text="<html>busy</html>", content_type="text/html"))
TRUNCATED = says(lambda: web.Response(text='{"status": {"code": 200}, "data": {"id": 7'))
REQUEST = TriggerRequest(cause="due [freshet:abc-12345]", steps_override=("dbt build --select fqn:a.b",))


async def test_a_trigger_is_one_post_with_what_it_should_say(bench: Bench) -> None:
    bench.answers = [RUN]
    async with bench.client() as client:
        run = await client.trigger_run(job_id=9, request=REQUEST)
    assert (run.id, run.done, run.created_at) == (70, False, datetime(2026, 11, 24, 11, 59, tzinfo=UTC))
    [(method, path, headers, body)] = bench.requests
    assert (method, path) == ("POST", "/api/v2/accounts/1/jobs/9/run/")
    assert headers["Authorization"] == f"Token {TOKEN}"
    assert json.loads(body) == {"cause": REQUEST.cause, "steps_override": ["dbt build --select fqn:a.b"]}
    assert bench.codes == ["200"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (drop, errors.AmbiguousAnswer),
        (cut, errors.AmbiguousAnswer),
        (HTML, errors.AmbiguousAnswer),
        (TRUNCATED, errors.AmbiguousAnswer),
        (says(lambda: web.Response()), errors.AmbiguousAnswer),
        (says(lambda: envelope({"status": 1})), errors.AmbiguousAnswer),
        (says(lambda: envelope(None)), errors.AmbiguousAnswer),
        (says(lambda: envelope([])), errors.AmbiguousAnswer),
        (refused(500), errors.AmbiguousAnswer),
        (refused(502), errors.AmbiguousAnswer),
        (refused(503, Retry_After="7"), errors.AmbiguousAnswer),
        (refused(504), errors.AmbiguousAnswer),
        (refused(408), errors.AmbiguousAnswer),
        (refused(429), errors.RateLimited),
        (refused(400), errors.Refused),
        (refused(422), errors.Refused),
        (refused(409), errors.Refused),
        (says(lambda: web.Response(status=400, text="<html>blocked</html>")), errors.AmbiguousAnswer),
        (says(lambda: web.json_response({"detail": "not here"}, status=405)), errors.AmbiguousAnswer),
        (refused(302, Location="https://elsewhere.example.org"), errors.Refused),
        (refused(401), errors.AuthenticationFailed),
        (refused(403), errors.AuthenticationFailed),
        (refused(404), errors.NotFound),
    ],
)
async def test_a_post_is_never_repeated(bench: Bench, answer: Handler, error: type[Exception]) -> None:
    bench.answers = [answer]
    async with bench.client() as client:
        with pytest.raises(error) as caught:
            await client.trigger_run(job_id=9, request=REQUEST)
    assert type(caught.value) is error
    assert len(bench.requests) == 1
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_post_whose_answer_never_ends_is_ambiguous(bench: Bench) -> None:
    bench.answers = [drip]
    async with bench.client(deadline=0.5) as client:
        with pytest.raises(errors.AmbiguousAnswer, match="timed out"):
            await client.trigger_run(job_id=9, request=REQUEST)
    assert bench.codes == ["timeout"]


async def test_nothing_is_sent_without_a_connection_or_too_late(bench: Bench) -> None:
    bench.answers = [RUN]
    async with bench.client(host="http://127.0.0.1:1") as client:
        with pytest.raises(errors.Unreachable, match=r"check dbtCloud\.host"):
            await client.trigger_run(job_id=9, request=REQUEST)
    async with bench.client() as client:
        with pytest.raises(errors.Unreachable, match="not sent in time"):
            await client.trigger_run(job_id=9, request=REQUEST, not_after=NOW)
        assert (await client.trigger_run(job_id=9, request=REQUEST, not_after=NOW + timedelta(seconds=1))).id == 70
    assert len(bench.requests) == 1


@pytest.mark.parametrize("answer", [drop, cut, HTML, TRUNCATED, refused(500), refused(502), refused(429)])
async def test_a_get_is_asked_again_until_it_is_answered(bench: Bench, answer: Handler) -> None:
    bench.answers = [answer, answer, RUN]
    async with bench.client() as client:
        assert (await client.get_run(run_id=70)).id == 70
    assert len(bench.requests) == 3
    assert [seconds for seconds in bench.slept if seconds in (0.5, 1.0)] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("answer", "error", "deadline"),
    [
        (drop, errors.Unreachable, 30),
        (drip, errors.Unreachable, 0.2),
        (HTML, errors.ServerError, 30),
        (refused(503), errors.ServerError, 30),
    ],
)
async def test_a_get_gives_up_in_the_end(
    bench: Bench, answer: Handler, error: type[Exception], deadline: float
) -> None:
    bench.answers = [answer]
    async with bench.client(deadline=deadline) as client:
        with pytest.raises(error):
            await client.get_job(job_id=1)
    assert len(bench.codes) == RetryPolicy().attempts


@pytest.mark.parametrize("code", [400, 401, 403, 404])
async def test_what_cannot_help_is_not_asked_again(bench: Bench, code: int) -> None:
    bench.answers = [refused(code)]
    async with bench.client() as client:
        with pytest.raises(errors.DbtCloudError):
            await client.get_run(run_id=1)
    assert (len(bench.requests), bench.codes) == (1, [str(code)])


async def test_retry_after_is_honoured_and_not_sat_out_when_long(bench: Bench) -> None:
    bench.answers = [refused(429, Retry_After="3"), RUN]
    async with bench.client() as client:
        await client.get_run(run_id=70)
    assert 3.5 in bench.slept
    bench.answers = [refused(429, Retry_After="Tue, 24 Nov 2026 12:10:00 GMT")]
    async with bench.client() as client:
        with pytest.raises(errors.RateLimited) as caught:
            await client.get_run(run_id=70)
    assert caught.value.retry_after == 600
    assert len(bench.requests) == 3


async def test_the_service_s_own_words_are_told(bench: Bench) -> None:
    bench.answers = [refused(400)]
    async with bench.client() as client:
        with pytest.raises(errors.Refused) as caught:
            await client.trigger_run(job_id=9, request=REQUEST)
    expected = "dbt Cloud refused a run of job 9 (400): The request was invalid. steps_override: bad"
    assert str(caught.value) == expected


async def test_a_token_that_the_service_repeats_is_not_told(bench: Bench) -> None:
    bench.answers = [says(lambda: envelope(f"who is {TOKEN}?", code=400))]
    async with bench.client() as client:
        with pytest.raises(errors.Refused, match=r"who is \*\*\*\?") as caught:
            await client.trigger_run(job_id=9, request=REQUEST)
        assert TOKEN not in repr(client) + repr(vars(client)) + repr(vars(client._send)) + repr(caught.value)


@pytest.mark.parametrize("token", ["", "  ", "dbtc_a\ndbtc_b", "ключ", "two words"])
async def test_what_cannot_be_a_token_is_refused_without_showing_it(bench: Bench, token: str) -> None:
    with pytest.raises(errors.AuthenticationFailed) as caught:
        DbtCloud(host="https://cloud.getdbt.com", account_id=1, token=token)
    assert "dbtc" not in str(caught.value)
    assert "correct the Secret" in str(caught.value)


async def test_a_rotated_token_is_taken_up(bench: Bench) -> None:
    bench.answers = [RUN]
    async with bench.client(token=f"{TOKEN}\n") as client:
        await client.get_run(run_id=70)
        client.use_token("dbtc_next")
        await client.get_run(run_id=70)
    assert [headers["Authorization"] for _, _, headers, _ in bench.requests] == [f"Token {TOKEN}", "Token dbtc_next"]


async def test_logs_are_silent_even_at_debug(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.answers = [RUN]
    with caplog.at_level(logging.DEBUG):
        async with bench.client() as client:
            await client.get_run(run_id=70)
    assert not [record for record in caplog.records if record.name.startswith(("http", "hpack", "h11"))]


async def test_the_list_s_filters(bench: Bench) -> None:
    entries = [{"id": 3, "trigger": {"cause": "x"}}, {"status": 1}, {"id": 2, "status": "soon", "href": 5}, "?"]
    bench.answers = [says(lambda: envelope(entries, pagination={"count": 4, "total_count": 40}))]
    query = RunQuery(job_id=9, statuses=(10, 20), created=(NOW, NOW), offset=4, id_above=1)
    async with bench.client() as client:
        page = await client.list_runs(query=query)
    assert ([run.id for run in page.runs], page.total, page.unreadable, page.size) == ([3, 2], 40, 2, 4)
    assert (page.runs[0].cause, page.runs[1].status) == ("x", None)
    assert query.parameters() == {
        "job_definition_id": "9",
        "id__gt": "1",
        "status__in": "[10,20]",
        "include_related": '["trigger"]',
        "created_at__range": '["2026-11-24T12:00:00+00:00","2026-11-24T12:00:00+00:00"]',
        "order_by": "-id",
        "limit": "100",
        "offset": "4",
    }


async def test_an_artifact_goes_to_memory_or_whole_into_a_file(bench: Bench, tmp_path: Path) -> None:
    bench.answers = [says(lambda: web.Response(body=b"{}" * 500))]
    async with bench.client() as client:
        assert await client.get_artifact(run_id=7, path="run_results.json", step=4) == b"{}" * 500
        assert await client.get_job_artifact(job_id=9, path="manifest.json", into=tmp_path / "m.json") == b""
        with pytest.raises(errors.Refused, match="too large"):
            await client.get_artifact(run_id=7, path="manifest.json", into=tmp_path / "n.json", limit=999)
        bench.answers = [cut]
        with pytest.raises(errors.Unreachable):
            await client.get_artifact(run_id=7, path="manifest.json", into=tmp_path / "n.json")
    assert os.listdir(tmp_path) == ["m.json"]
    assert (tmp_path / "m.json").read_bytes() == b"{}" * 500
    assert bench.requests[0][1] == "/api/v2/accounts/1/runs/7/artifacts/run_results.json?step=4"


async def test_a_missing_artifact_is_not_found(bench: Bench) -> None:
    bench.answers = [refused(404)]
    async with bench.client() as client:
        with pytest.raises(errors.NotFound, match=r"run_results\.json of run 7 \(step 4\)"):
            await client.get_artifact(run_id=7, path="run_results.json", step=4)


async def test_cancelling_and_a_job(bench: Bench) -> None:
    bench.answers = [says(lambda: envelope({"id": 70, "status": 30, "execute_steps": ["dbt build"]}))]
    async with bench.client() as client:
        assert (await client.cancel_run(run_id=70)).cancelled
        assert (await client.get_job(job_id=70)).execute_steps == ("dbt build",)
    assert [(method, path) for method, path, *_ in bench.requests] == [
        ("POST", "/api/v2/accounts/1/runs/70/cancel/"),
        ("GET", "/api/v2/accounts/1/jobs/70/"),
    ]


def pages(runs: list[dict[str, Any]]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        offset = int(request.query["offset"])
        return envelope(runs[offset : offset + 100])

    return handler


def listed(count: int, *, ours: int | None = None) -> list[dict[str, Any]]:
    """`count` runs, newest first, one a minute; number `ours` carries the marker."""
    causes = {ours: cause_of(sentence="due", token="abc-12345")}
    times = [(NOW - timedelta(minutes=at)).isoformat(sep=" ") for at in range(count)]
    return [
        {"id": 1000 - at, "created_at": time, "trigger": {"cause": causes.get(at, "scheduled")}}
        for at, time in enumerate(times)
    ]


@pytest.mark.parametrize(("ours", "asked"), [(0, 1), (150, 2), (None, 3)])
async def test_a_search_goes_back_as_far_as_it_must(bench: Bench, ours: int | None, asked: int) -> None:
    bench.answers = [pages(listed(400, ours=ours))]
    async with bench.client() as client:
        found = await find_runs(client, job_id=9, token="abc-12345", since=NOW - timedelta(minutes=210))
    assert [run.id for run in found] == ([] if ours is None else [1000 - ours])
    assert len(bench.requests) == asked


async def test_a_search_that_could_not_read_everything_proves_nothing(bench: Bench) -> None:
    bench.answers = [says(lambda: envelope([{"status": 1}]))]
    async with bench.client() as client:
        with pytest.raises(errors.ServerError, match="cannot be read"):
            await find_runs(client, job_id=9, token="abc-12345", since=NOW)


def test_a_run_in_words() -> None:
    assert Run(id=5, status=20, status_message="dbt failed\n on users").message == (
        "dbt Cloud run 5 failed: dbt failed on users"
    )
    assert Run(id=5, status=77).message == "dbt Cloud run 5 is under way"
