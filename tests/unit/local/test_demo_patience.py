"""The demo outlasts a machine that is busy, and says when its API server is gone."""

from collections.abc import Callable
from types import SimpleNamespace

import httpx
import pytest

from freshet.local.demo.process import DemoError
from freshet.local.demo.stage import TRIES, Stage


def staged(answer: Callable[[int], httpx.Response]) -> tuple[Stage, list[int]]:
    """A stage whose API server answers so, and the looks that it has had."""
    looks: list[int] = []

    def handle(request: httpx.Request) -> httpx.Response:
        looks.append(len(looks))
        return answer(looks[-1])

    stage = object.__new__(Stage)
    http = httpx.Client(transport=httpx.MockTransport(handle), base_url="http://cluster")
    stage.cluster = SimpleNamespace(http=http)  # type: ignore[assignment]
    return stage, looks


def slow(until: int) -> Callable[[int], httpx.Response]:
    def answer(look: int) -> httpx.Response:
        if look < until:
            raise httpx.ReadTimeout("The read operation timed out")
        return httpx.Response(200, json={"items": [{"kind": "Asset"}]})

    return answer


def test_an_answer_that_comes_late_ends_no_show() -> None:
    stage, looks = staged(slow(TRIES - 1))
    assert stage.assets() == [{"kind": "Asset"}]
    assert len(looks) == TRIES


def test_one_that_never_comes_does_and_so_does_a_refusal_at_once() -> None:
    for answer, expected in ((slow(TRIES), TRIES), (lambda _: httpx.Response(500), 1)):
        stage, looks = staged(answer)
        with pytest.raises(DemoError, match="does not answer"):
            stage.assets()
        assert len(looks) == expected
