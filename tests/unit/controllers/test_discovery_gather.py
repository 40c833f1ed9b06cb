"""How fresh sources are, from several runs that each looked at a part of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from tests.unit.core.making import MINUTE, NOW

from freshet.api.pipeline import DbtCloudSpec, SecretKeyRef
from freshet.controllers.discovery_gather import Gatherer
from freshet.controllers.discovery_read import Reader
from freshet.controllers.discovery_seen import Glance
from freshet.dbtcloud import errors
from freshet.dbtcloud.model import Run, RunStep
from freshet.dbtcloud.outcomes import NodeResult
from freshet.dbtcloud.project import TestNode
from freshet.dbtcloud.results import StepResults
from freshet.dbtcloud.sources import SourceState

RUNS = [Run(id=number, status=10) for number in (9, 8, 7, 6)]


class Told(Gatherer):
    """A Gatherer that knows what each run has seen, and which were asked."""

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


class Old(Gatherer):
    """A Gatherer of runs that each built one model, ``m<number>``; a hundred are a page."""

    def __init__(self, count: int) -> None:
        reader: Any = SimpleNamespace(glance=self.glance)
        super().__init__(reader)
        self.count, self.offsets = count, list[int]()

    async def glance(self, *, deep: bool, offset: int = 0) -> Glance:
        self.offsets.append(offset)
        numbers = range(self.count - offset, max(0, self.count - offset - 100), -1)
        return Glance(runs=tuple(Run(id=number, status=10) for number in numbers), more=len(numbers) == 100)

    async def results(self, runs: Any, *, wanted: Any, of: Any) -> list[tuple[Run, StepResults]]:
        found = [(run, f"m{run.id}") for run in runs if f"m{run.id}" in wanted]
        return [
            (run, StepResults(which="build", nodes={key: NodeResult(unique_id=key, outcome="Success")}))
            for run, key in found
        ]


@pytest.mark.parametrize(
    ("count", "wanted", "found", "offsets"),
    [
        (350, {"m200", "m120"}, {"m200", "m120"}, [100, 200]),
        (350, {"m200", "never"}, {"m200"}, [100, 200, 300]),
        (350, set(), set(), []),
        (5000, {"never"}, set(), list(range(100, 1000, 100))),
    ],
)
async def test_older_runs_are_read_as_far_back_as_it_takes_and_not_for_ever(
    count: int, wanted: set[str], found: set[str], offsets: list[int]
) -> None:
    reader, manifest = Old(count), cast(Any, None)
    results = await reader.older_results(wanted=wanted, of=manifest)
    assert {key for _, steps in results for key in steps.nodes} == found
    assert reader.offsets == offsets
    assert reader.unasked == (wanted - found if count > 1000 else set())


class Broken:
    """A client whose artifacts of some runs never come; each of the others built ``M``."""

    def __init__(self, *runs: int, error: errors.DbtCloudError | None = None) -> None:
        self.runs, self.error = runs, error or errors.Unreachable("timed out")

    async def get_artifact(self, *, run_id: int, path: str, step: int | None, into: Any = None) -> bytes:
        if run_id in self.runs:
            raise self.error
        if path == "manifest.json":
            raise errors.NotFound("none")
        return b'{"args": {"which": "build"}, "results": [{"unique_id": "model.shop.m", "status": "success"}]}'


def reading(client: Any, *, patient: bool, now: datetime = NOW) -> Gatherer:
    spec = DbtCloudSpec(account_id=1, job_id=1, token_secret_ref=SecretKeyRef(name="s"))
    clock: Any = SimpleNamespace(now=lambda: now)
    return Gatherer(Reader(client, spec=spec, environment=None, clock=clock, patient=patient))


class Tested:
    """A client whose runs built ``M`` and then tested it, in a step of its own; the test failed."""

    async def get_artifact(self, *, run_id: int, path: str, step: int | None, into: Any = None) -> bytes:
        if step == 4:
            return b'{"args": {"which": "run"}, "results": [{"unique_id": "model.shop.m", "status": "success"}]}'
        return b'{"args": {"which": "test"}, "results": [{"unique_id": "test.shop.t.abc", "status": "fail"}]}'


M = "model.shop.m"
STEP = RunStep(index=4, name="Invoke dbt with `dbt build`", status=10)
BUILDS = [Run(id=run.id, status=10, run_steps=(STEP,)) for run in RUNS]


async def test_results_that_never_come_are_done_without_in_the_end() -> None:
    manifest: Any = SimpleNamespace(models={M: SimpleNamespace(relation=None)}, tests={})
    with pytest.raises(errors.Unreachable):
        await reading(Broken(9), patient=True).results(BUILDS, wanted={M}, of=manifest)
    found = await reading(Broken(9), patient=False).results(BUILDS, wanted={M}, of=manifest)
    assert [(run.id, list(steps.nodes)) for run, steps in found] == [(8, [M])]
    large = Broken(9, error=errors.Refused("too large"))
    found = await reading(large, patient=True).results(BUILDS, wanted={M}, of=manifest)
    assert [run.id for run, _ in found] == [8], "what is refused for good is not waited for"
    for broken in ((9, 8, 7, 6), (9,)):
        reader = reading(Broken(*broken), patient=False)
        with pytest.raises(errors.Unreachable):
            await reader.results(BUILDS[: len(broken)], wanted={M}, of=manifest)


async def test_tests_of_a_step_of_their_own_are_of_the_model_that_the_manifest_names() -> None:
    tests = {"test.shop.t.abc": TestNode(nodes=(M,))}
    manifest: Any = SimpleNamespace(models={M: SimpleNamespace(relation=None)}, tests=tests)
    steps = (RunStep(index=4, name="dbt run", status=10), RunStep(index=5, name="dbt test", status=20))
    found = await reading(Tested(), patient=True).results(
        [Run(id=9, status=20, run_steps=steps)], wanted={M}, of=manifest
    )
    assert [(check.nodes, check.passed) for _, results in found for check in results.checks] == [((M,), False)]


class Looked:
    """A client whose run asked for the freshness of two sources in a step each; what a step left is None: not there."""

    skew = timedelta(0)

    def __init__(self, *steps: str | None) -> None:
        self.steps = steps

    async def get_artifact(self, *, run_id: int, path: str, step: int, into: Any = None) -> bytes:
        left = self.steps[step - 4]
        if left is None:
            raise errors.NotFound("none")
        return left.encode()


def loaded(name: str) -> str:
    return f'{{"results": [{{"unique_id": "source.shop.raw.{name}", "max_loaded_at": "2026-01-01T00:00:00Z"}}]}}'


FRESHNESS = [RunStep(index=at, name="Invoke dbt with `dbt source freshness`", status=10) for at in (4, 5)]


@pytest.mark.parametrize(
    ("left", "known", "late"),
    [
        ((loaded("a"), loaded("b")), {"a", "b"}, False),
        ((loaded("a"), None), {"a"}, True),
        ((loaded("a"), loaded("b")[:20]), {"a"}, True),
        ((None, None), set(), True),
    ],
)
async def test_each_step_that_looked_at_sources_counts_and_is_waited_for(
    left: Any, known: set[str], late: bool
) -> None:
    reader = reading(Looked(*left), patient=True, now=NOW + MINUTE)
    run = Run(id=9, status=10, finished_at=NOW, run_steps=tuple(FRESHNESS))
    found = await reader.sources(run)
    assert {key.rpartition(".")[2] for key in found} == known
    assert [it.id for it in reader.late] == ([9] if late else [])
    old = reading(Looked(*left), patient=True, now=NOW + 11 * MINUTE)
    await old.sources(run)
    assert (old.late, bool(old.missed)) == ((), late)


async def test_a_step_that_never_ran_leaves_nothing_to_wait_for() -> None:
    steps = tuple(msgspec.structs.replace(step, status=30) for step in FRESHNESS)
    reader = reading(Looked(None, None), patient=True, now=NOW)
    await reader.sources(Run(id=9, status=30, finished_at=NOW, run_steps=steps))
    assert reader.missed == {}
