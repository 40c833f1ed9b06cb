"""How fresh sources are, from several runs that each looked at a part of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from freshet.controllers.discovery_read import Reader
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.sources import SourceState

RUNS = [Run(id=number, status=10) for number in (9, 8, 7, 6)]


class Told(Reader):
    """A Reader that knows what each run has seen, and which were asked."""

    def __init__(self, seen: Mapping[int, str]) -> None:
        self.seen, self.asked = seen, list[int]()

    async def sources(self, run: Run) -> Mapping[str, SourceState]:
        self.asked.append(run.id)
        state: Any = f"as of {run.id}"
        return dict.fromkeys(self.seen.get(run.id, "").split(), state)


@pytest.mark.parametrize(
    ("seen", "known", "asked"),
    [
        ({9: "a b", 8: "a b"}, {"a": 9, "b": 9}, [9]),
        ({9: "a", 8: "b"}, {"a": 9, "b": 8}, [9, 8]),
        ({8: "b", 7: "a b"}, {"b": 8, "a": 7}, [9, 8, 7]),
        ({9: "loaded", 8: "b"}, {"b": 8}, [9, 8, 7, 6]),
        ({9: "a", 8: "a", 7: "b"}, {"a": 9}, [9, 8]),
        ({}, {}, [9, 8, 7, 6]),
    ],
)
async def test_the_newest_look_at_each_source_counts(seen: Any, known: dict[str, int], asked: list[int]) -> None:
    reader = Told(seen)
    found = await reader.states(RUNS, wanted={"a", "b"})
    assert {key: run.id for key, (_, run) in found.items()} == known
    assert reader.asked == asked


async def test_where_nothing_is_wanted_nothing_is_asked() -> None:
    reader = Told({9: "a"})
    assert await reader.states(RUNS, wanted=set()) == {}
    assert reader.asked == []
