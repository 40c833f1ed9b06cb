"""What is sent, what comes into the cache by the answer, and what is raised: against a server on a real socket."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from tests.support.runtime import ManualClock, api_server, raw_asset, raw_job, raw_pod

from freshet.api.asset import Asset
from freshet.api.view import Key, parse
from freshet.runtime import errors, logs
from freshet.runtime.cache import Cache
from freshet.runtime.kube import Kube

ASSETS = "/apis/freshet.dev/v1alpha1/namespaces/demo/assets"
A = Key("Asset", "demo", "a")


@dataclass
class Server:
    """Answers in the order given; keeps what it was asked."""

    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.asked.append(
            {
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "body": json.loads(text) if text else None,
                "headers": request.headers,
            }
        )
        status, body = self.answers.pop(0) if self.answers else (404, {"reason": "NotFound", "message": "not found"})
        return web.json_response(body, status=status)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


@pytest.fixture
async def kube(server: Server, cache: Cache) -> AsyncIterator[Kube]:
    async with api_server(server) as transport:
        yield Kube(transport=transport, cache=cache)


async def test_a_status_patch_is_guarded_and_its_answer_is_known_at_once(
    kube: Kube, server: Server, cache: Cache
) -> None:
    server.answers = [(200, raw_asset(version=8, status={"version": "v2"}))]
    asset = parse(raw_asset(version=7), type=Asset)
    await kube.patch_status(asset, patch={"version": "v2"})
    (asked,) = server.asked
    assert (asked["method"], asked["path"]) == ("PATCH", f"{ASSETS}/a/status")
    assert asked["headers"]["Content-Type"] == "application/merge-patch+json"
    assert asked["headers"]["Authorization"] == "Bearer secret"
    assert asked["body"] == {"metadata": {"resourceVersion": "7", "uid": "uid-a"}, "status": {"version": "v2"}}
    known = cache.assets.get(A)
    assert known is not None
    assert known.status.version == "v2"


@pytest.mark.parametrize(
    ("status", "reason", "kind"), [(409, "Conflict", errors.Conflict), (404, "NotFound", errors.Gone)]
)
async def test_a_status_patch_that_comes_too_late(
    kube: Kube, server: Server, status: int, reason: str, kind: type[Exception]
) -> None:
    server.answers = [(status, {"reason": reason, "message": "no"})]
    with pytest.raises(kind):
        await kube.patch_status(parse(raw_asset(), type=Asset), patch={})


async def test_create_refuses_unknown_fields_and_is_known_at_once(kube: Kube, server: Server, cache: Cache) -> None:
    server.answers = [(201, raw_job("j", asset="a"))]
    await kube.create("Job", namespace="demo", body={"metadata": {"name": "j"}})
    (asked,) = server.asked
    assert asked["query"] == {"fieldManager": "freshet", "fieldValidation": "Strict"}
    assert (asked["body"]["apiVersion"], asked["body"]["kind"]) == ("batch/v1", "Job")
    assert [job.name for job in cache.jobs_of("demo", "a")] == ["j"]


async def test_a_dry_run_is_not_known(kube: Kube, server: Server, cache: Cache) -> None:
    server.answers = [(201, raw_job("j", asset="a"))]
    await kube.create("Job", namespace="demo", body={}, dry_run=True)
    assert server.asked[0]["query"]["dryRun"] == "All"
    assert len(cache.jobs) == 0


async def test_a_namespace_that_is_gone_refuses_what_is_made_in_it(kube: Kube, server: Server) -> None:
    with pytest.raises(errors.Refused) as refusal:
        await kube.create("Job", namespace="demo", body={})
    assert (refusal.value.reason, refusal.value.invalid) == ("NotFound", False)


async def test_apply_names_the_manager_and_reports_foreign_fields(kube: Kube, server: Server, cache: Cache) -> None:
    conflict = {"reason": "Conflict", "message": "no", "details": {"causes": [{"field": ".spec.freshness"}]}}
    server.answers = [(409, conflict), (200, raw_asset(version=3))]
    with pytest.raises(errors.Conflict) as caught:
        await kube.apply("Asset", namespace="demo", name="a", body={"spec": {}}, force=False)
    assert caught.value.fields == (".spec.freshness",)
    answer = await kube.apply("Asset", namespace="demo", name="a", body={"spec": {}}, force=True)
    assert answer["metadata"]["resourceVersion"] == "3"
    assert [asked["query"]["force"] for asked in server.asked] == ["false", "true"]
    assert server.asked[0]["headers"]["Content-Type"] == "application/apply-patch+yaml"
    assert cache.assets.get(A) is not None


async def test_delete_is_for_one_uid_and_leaves_the_cache_at_once(kube: Kube, server: Server, cache: Cache) -> None:
    cache.ingest(raw_job("j", asset="a"), kind="Job")
    server.answers = [(200, {"kind": "Status", "status": "Success"})]
    await kube.delete("Job", namespace="demo", name="j", uid="uid-j")
    assert server.asked[0]["body"] == {"preconditions": {"uid": "uid-j"}, "propagationPolicy": "Background"}
    assert len(cache.jobs) == 0


@pytest.mark.parametrize(("status", "reason"), [(404, "NotFound"), (409, "Conflict")])
async def test_deleting_what_is_gone_is_fine(
    kube: Kube, server: Server, cache: Cache, status: int, reason: str
) -> None:
    cache.ingest(raw_job("j", asset="a"), kind="Job")
    server.answers = [(status, {"reason": reason, "message": "no"})]
    await kube.delete("Job", namespace="demo", name="j", uid="uid-j")
    assert len(cache.jobs) == 0


async def test_what_a_finalizer_holds_is_not_gone(kube: Kube, server: Server, cache: Cache) -> None:
    held = raw_job("j", asset="a", version=2)
    held["metadata"] |= {"finalizers": ["someone/else"], "deletionTimestamp": "2026-11-24T12:00:00Z"}
    cache.ingest(raw_job("j", asset="a"), kind="Job")
    server.answers = [(200, held)]
    await kube.delete("Job", namespace="demo", name="j", uid="uid-j")
    (job,) = cache.jobs
    assert job.metadata.deletion_timestamp is not None


async def test_lists_come_in_chunks(kube: Kube, server: Server) -> None:
    first = {"metadata": {"continue": "more"}, "items": [raw_asset("a")]}
    server.answers = [(200, first), (200, {"metadata": {}, "items": [raw_asset("b")]})]
    found = await kube.list_all("Asset", namespace=None, label_selector="x=y")
    assert [item["metadata"]["name"] for item in found] == ["a", "b"]
    assert server.asked[0]["query"] == {"labelSelector": "x=y", "limit": "500"}
    assert server.asked[1]["query"] == {"labelSelector": "x=y", "limit": "500", "continue": "more"}
    assert server.asked[0]["path"] == "/apis/freshet.dev/v1alpha1/assets"


async def test_a_secret_is_decoded_and_a_missing_one_is_none(kube: Kube, server: Server) -> None:
    server.answers = [(200, {"data": {"token": base64.b64encode(b"s3cret").decode()}})]
    assert await kube.read_secret(namespace="demo", name="x") == {"token": b"s3cret"}
    assert await kube.read_secret(namespace="demo", name="x") is None


async def test_pods_of_a_job_are_read_live(kube: Kube, server: Server, cache: Cache) -> None:
    server.answers = [(200, {"metadata": {}, "items": [raw_pod("p", job_uid="uid-j")]})]
    await kube.refresh_pods(namespace="demo", job="j")
    assert server.asked[0]["query"]["labelSelector"] == "batch.kubernetes.io/job-name=j"
    assert [pod.name for pod in cache.pods_of("uid-j")] == ["p"]


async def test_events_that_may_not_be_read_are_none(kube: Kube, server: Server) -> None:
    server.answers = [(403, {"reason": "Forbidden", "message": "no"})]
    assert await kube.events_about(namespace="demo", uid="u") == []


async def test_events_are_written_behind_our_back(kube: Kube, server: Server) -> None:
    server.answers = [(201, {})]
    kube.emit(parse(raw_asset(), type=Asset), type="Normal", reason="Materialized", message="x" * 5000)
    await kube.events.close()
    (asked,) = server.asked
    assert asked["path"] == "/api/v1/namespaces/demo/events"
    assert asked["body"]["involvedObject"]["uid"] == "uid-a"
    assert len(asked["body"]["message"]) == 1024


async def test_events_that_are_refused_are_not_told_as_of_the_visit_that_began_the_writing(
    kube: Kube, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="freshet.runtime.events")
    caplog.handler.setFormatter(logs.PlainLines())
    server.answers = [(403, {"reason": "Forbidden", "message": "no"})]
    with logs.about(A):
        kube.emit(parse(raw_asset(), type=Asset), type="Normal", reason="Materialized", message="x")
    await kube.events.close()
    (line,) = caplog.text.splitlines()
    assert "An Event was not written" in line
    assert "asset=" not in line


async def test_a_server_that_hangs_up_leaves_the_outcome_unknown(cache: Cache) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        await asyncio.sleep(0)
        return web.Response()

    async with api_server(hang_up) as transport:
        with pytest.raises(errors.Unavailable, match="does not answer"):
            await Kube(transport=transport, cache=cache).create("Job", namespace="demo", body={})
