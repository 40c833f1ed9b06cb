"""Following pods through what goes wrong, and writing their status once; against a scripted API server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from freshet.local.node import watching
from freshet.local.node.kube import ApiError, Json, Unreachable
from freshet.local.node.watching import follow
from freshet.local.node.writer import StatusWriter

Step = list[Json] | Exception


def pod(name: str, version: int) -> Json:
    return {"metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": str(version)}}


class Script:
    """Answers lists and watches, and PATCHes, in the order given; then stays silent."""

    def __init__(self, *, lists: list[Json | Exception], watches: list[Step] | None = None) -> None:
        self.lists, self.watches = lists, watches or []
        self.asked: list[str] = []
        self.patched: list[Json] = []
        self.done = asyncio.Event()

    async def get(self, path: str, **params: str) -> Json:
        self.asked.append("list")
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def stream(self, path: str, *, params: dict[str, str], idle: float) -> AsyncIterator[Json]:
        self.asked.append(f"watch {params['resourceVersion']}")
        if not self.watches:
            self.done.set()
            await asyncio.Event().wait()
        step = self.watches.pop(0)
        if isinstance(step, Exception):
            raise step
        for event in step:
            yield event

    async def patch(self, path: str, body: Json) -> Json:
        if self.lists and isinstance(self.lists[0], Exception):
            raise self.lists.pop(0)  # type: ignore[misc]
        self.patched.append(body)
        return body


class Seen:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def replace(self, pods: list[Json]) -> None:
        self.told.append([each["metadata"]["name"] for each in pods])

    def apply(self, kind: str, pod: Json) -> None:
        self.told.append((kind, pod["metadata"]["name"]))


def listed(version: int, *names: str) -> Json:
    return {"metadata": {"resourceVersion": str(version)}, "items": [pod(name, version) for name in names]}


def event(kind: str, name: str, version: int) -> Json:
    return {"type": kind, "object": pod(name, version)}


GONE = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}


async def played(script: Script) -> list[Any]:
    seen = Seen()
    task = asyncio.create_task(follow(script, path="/p", field_selector="f", receiver=seen))  # type: ignore[arg-type]
    await asyncio.wait_for(script.done.wait(), 10)
    task.cancel()
    return seen.told


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FIRST_PAUSE", 0.001)


async def test_a_broken_watch_goes_on_where_it_was() -> None:
    events: list[Step] = [[event("ADDED", "b", 7)], Unreachable("reset"), [event("DELETED", "a", 9)]]
    script = Script(lists=[listed(5, "a")], watches=events)
    assert await played(script) == [["a"], ("ADDED", "b"), ("DELETED", "a")]
    assert script.asked == ["list", "watch 5", "watch 7", "watch 7", "watch 9"]


async def test_bookmarks_move_on_silently() -> None:
    script = Script(lists=[listed(5)], watches=[[event("BOOKMARK", "", 50)]])
    assert await played(script) == [[]]
    assert script.asked[-1] == "watch 50"


@pytest.mark.parametrize("gone", [[GONE], ApiError(status=410, message="too old")])
async def test_an_expired_version_lists_again(gone: Step) -> None:
    script = Script(lists=[listed(5, "a", "b"), listed(90, "b")], watches=[gone])
    assert await played(script) == [["a", "b"], ["b"]]
    assert script.asked == ["list", "watch 5", "list", "watch 90"]


async def test_a_server_that_is_not_there_is_asked_again() -> None:
    script = Script(lists=[Unreachable("refused"), ApiError(status=503, message="starting"), listed(5, "a")])
    assert await played(script) == [["a"]]


async def test_only_the_newest_status_is_written_and_only_once() -> None:
    script = Script(lists=[Unreachable("refused")])
    writer = StatusWriter(kube=script, pod=pod("a", 1))  # type: ignore[arg-type]
    task = asyncio.create_task(writer.run())
    for phase in ("Pending", "Running", "Running"):
        writer.put({"phase": phase})
    await asyncio.wait_for(writer.flushed(), 10)
    writer.put({"phase": "Running"})
    await asyncio.wait_for(writer.flushed(), 10)
    task.cancel()
    assert script.patched == [{"metadata": {"uid": "a"}, "status": {"phase": "Running"}}]


async def test_the_status_of_a_pod_that_is_gone_is_given_up() -> None:
    script = Script(lists=[ApiError(status=404, message="not found")])
    writer = StatusWriter(kube=script, pod=pod("a", 1))  # type: ignore[arg-type]
    task = asyncio.create_task(writer.run())
    writer.put({"phase": "Failed"})
    await asyncio.wait_for(writer.flushed(), 10)
    task.cancel()
    assert script.patched == []
