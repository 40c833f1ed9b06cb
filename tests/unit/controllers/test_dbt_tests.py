"""Whose check a dbt test is, and what becomes of one that the project has no more."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
from tests.unit.controllers.test_dbt_ended import known
from tests.unit.core.making import MINUTE, NOW, SECOND, asset, model, source

from freshet.api.asset import Asset, AssetStatus, Check
from freshet.controllers.dbt_ended import foreign_run, source_run
from freshet.controllers.dbt_tests import shown, sources_of, undeclared, untested
from freshet.controllers.discovery_learn import Learned, source_checks
from freshet.core.checks import merged
from freshet.dbtcloud.found import Desired, Found
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.outcomes import CheckResult
from freshet.dbtcloud.project import TestNode
from freshet.dbtcloud.results import StepResults

SOURCE = "source.p.raw.orders"
TESTS = {"test.p.filled.1": TestNode(nodes=(SOURCE,)), "test.p.unique_m.2": TestNode(nodes=("model.p.m",))}


def result(name: str, *nodes: str, passed: bool = False, minutes: int = 0) -> CheckResult:
    at = NOW + minutes * MINUTE
    return CheckResult(unique_id=f"test.p.{name}.1", name=name, nodes=nodes, passed=passed, severity="error", at=at)


def checked(it: Asset, *checks: Check) -> Asset:
    return msgspec.structs.replace(it, status=AssetStatus(checks=checks))


def check(name: str, pipeline: str | None = None) -> Check:
    return Check(name=name, passed=False, severity="error", pipeline=pipeline)


def manifest(tests: Any = None, **more: Any) -> Any:
    return SimpleNamespace(tests=TESTS if tests is None else tests, models={"model.p.m": None}, odd=(), **more)


def gone(*assets: Asset, of: Any = None, sources: Any = None) -> dict[str, tuple[Check, ...]]:
    """Asset → the checks that are left."""
    mapped = {"src": frozenset({SOURCE})} if sources is None else sources
    found = undeclared(assets, manifest=of or manifest(), sources=mapped, pipeline="p", at=NOW)
    return {it.name: merged(it.status.checks, ended) for it, ended in found}


def test_an_asset_may_be_several_sources_or_what_others_build() -> None:
    made = {
        name: Desired(name=name, unique_id=f"model.{name}", kind=kind, spec={})
        for name, kind in (("p.m", "DbtCloud"), ("vendor.util", "External"))
    }
    names = {SOURCE: "src", "source.p.raw.more": "src", "source.p.raw.other": "o"}
    names |= {desired.unique_id: name for name, desired in made.items()}
    assert sources_of(Found(assets=made, names=names, problems=())) == {
        "src": {SOURCE, "source.p.raw.more"},
        "o": {"source.p.raw.other"},
        "vendor.util": {"model.vendor.util"},
    }


def test_what_a_run_found_of_a_source_counts_by_our_clock() -> None:
    run = known(nodes={}, checks=[result("filled", SOURCE), result("unique_m", "model.p.m")], tests=TESTS)
    ended = source_run(replace(run, skew=SECOND), {SOURCE})
    assert ended is not None
    assert [(it.name, it.pipeline, it.at) for it in ended.checks] == [("filled", "p", NOW - SECOND)]
    assert (ended.tests_of, ended.checks_only, ended.declared) == ("p", True, {"filled"})
    assert source_run(run, {"source.p.raw.other"}) is None


def test_of_several_results_the_newest_is_shown_and_without_a_time_the_first() -> None:
    results = [result("t", SOURCE, minutes=1), result("t", SOURCE, passed=True, minutes=2), result("t", SOURCE)]
    assert [it.passed for it in shown(results, of={SOURCE})] == [True]


def test_what_the_project_tests_no_more_is_taken_away_and_nothing_else() -> None:
    src = checked(source("src"), check("rows"), check("filled", "p"), check("old", "p"), check("filled", "q"))
    m = checked(model("m"), check("unique_m"), check("old"), check("old", "q"))
    assert gone(src, m) == {
        "src": (check("rows"), check("filled", "p"), check("filled", "q")),
        "m": (check("unique_m"), check("old", "q")),
    }
    assert gone(checked(source("src"), check("filled", "p")), checked(model("m"), check("unique_m"))) == {}
    assert gone(checked(asset("was"), check("filled", "p"))) == {"was": ()}, "it is that source no more"
    assert gone(checked(model("unread"), check("old"))) == {}, "of what is not in the manifest nothing is known"


def test_what_ran_since_the_manifest_was_written_may_be_of_a_newer_one() -> None:
    for minutes, left in ((-1, ()), (1, None)):
        new = msgspec.structs.replace(check("new", "p"), at=NOW + minutes * MINUTE)
        assert gone(checked(source("src"), new)) == ({"src": left} if left is not None else {})


def test_a_test_that_cannot_be_read_is_still_there() -> None:
    odd = SimpleNamespace(tests={}, models={}, odd=("test.p.filled.1",))
    assert gone(checked(source("src"), check("filled", "p")), of=odd) == {}


def test_what_nobody_looks_at_is_taken_away() -> None:
    src = checked(source("src"), check("rows"), check("filled", "p"), check("filled", "q"))
    assert merged(src.status.checks, untested("p", at=NOW)) == (check("rows"), check("filled", "q"))


def test_at_first_sight_the_newest_results_of_a_sources_tests_count() -> None:
    runs = [Run(id=number, status=20, finished_at=NOW) for number in (9, 8)]
    found = [result("filled", SOURCE, minutes=2), result("filled", SOURCE, passed=True, minutes=1)]
    steps = [StepResults(which="test", checks=(check,)) for check in found]
    learned = Learned(results=tuple(zip(runs, steps, strict=True)))
    ended = source_checks(learned, {SOURCE}, pipeline="p")
    assert ended is not None
    assert [(it.name, it.passed, it.pipeline, it.source) for it in ended.checks] == [("filled", False, "p", SOURCE)]
    assert (ended.tests_of, ended.checks_only, ended.adopted) == ("p", True, True)
    assert source_checks(learned, {"source.p.raw.other"}, pipeline="p") is None


class Counted(dict[str, TestNode]):
    """Tests of a project, and how often they were gone through."""

    times = 0

    def items(self) -> Any:
        self.times += 1
        return super().items()


def test_the_tests_of_a_project_are_gone_through_once_for_all_models_of_a_run() -> None:
    models = [model(f"m{number}") for number in range(50)]
    tests = Counted({f"test.p.t{number}.1": TestNode(nodes=(f"model.p.m{number}",)) for number in range(50)})
    run = known(*models, nodes={it.name: "Success" for it in models}, tests=tests)
    ended = [foreign_run(run, it) for it in models]
    assert [it.declared for it in ended if it is not None] == [{f"t{number}"} for number in range(50)]
    assert tests.times == 1


class CountedChecks(tuple[CheckResult, ...]):
    """What tests found, and how often it was gone through."""

    times = 0

    def __iter__(self) -> Any:
        CountedChecks.times += 1
        return super().__iter__()


def test_what_tests_found_is_gone_through_once_for_all_models_that_are_adopted() -> None:
    checks = CountedChecks(result(f"t{number}", f"model.p.m{number}") for number in range(50))
    learned = Learned(results=((Run(id=9, status=10), StepResults(which="build", checks=checks)),))
    CountedChecks.times = 0
    names = [[check.name for check in learned.checks(f"model.p.m{number}")] for number in range(50)]
    assert names == [[f"t{number}"] for number in range(50)]
    assert CountedChecks.times == 1
