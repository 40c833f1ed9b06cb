"""Applying a Pipeline over a project that is built runs nothing."""

from datetime import UTC, datetime, timedelta

from freshet.api.asset import DbtFacts
from freshet.dbtcloud.adoption import Built, adopt, newest
from freshet.dbtcloud.found import Desired, Found
from freshet.dbtcloud.outcomes import NodeResult, Outcome
from freshet.dbtcloud.results import StepResults

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def results(at: datetime, **outcomes: Outcome) -> StepResults:
    nodes = {
        f"model.shop.{name}": NodeResult(
            unique_id=f"model.shop.{name}", outcome=outcome, finished_at=at, relation=f"main.{name}"
        )
        for name, outcome in outcomes.items()
    }
    return StepResults(which="build", nodes=nodes)


def found(**upstreams: list[str]) -> Found:
    assets = {
        name: Desired(
            name=name,
            unique_id=f"model.shop.{name}",
            kind="DbtCloud",
            spec={"upstreams": reads},
            facts=DbtFacts(relation=f'"w"."main"."{name}"'),
        )
        for name, reads in upstreams.items()
    }
    return Found(assets=assets, names={each.unique_id: name for name, each in assets.items()}, problems=())


def test_the_newest_run_that_built_it_gives_the_version() -> None:
    runs = [(1, results(NOW - HOUR, a="Success", b="Success")), (2, results(NOW, a="Error", b="PartialSuccess"))]
    built = newest(runs)
    assert {key: (each.version, each.at) for key, each in built.items()} == {
        "model.shop.a": ("1", NOW - HOUR),
        "model.shop.b": ("2", NOW),
    }


def test_nothing_is_due_after_adoption() -> None:
    project = found(a=["raw"], b=["a"], c=["a"], never=["a"])
    built = newest([(1, results(NOW - HOUR, c="Success")), (2, results(NOW, a="Success", b="Success"))])
    adopted = adopt(found=project, built=built, others={"raw": Built(version="load", at=NOW + HOUR)})
    assert {
        name: (each.built.version, dict(each.considered), dict(each.consumed)) for name, each in adopted.items()
    } == {
        "a": ("2", {"raw": "load"}, {}),
        "b": ("2", {"a": "2"}, {"a": "2"}),
        "c": ("1", {"a": "2"}, {}),
    }


def test_a_result_of_another_relation_is_not_taken() -> None:
    project = found(a=[])
    moved = Desired(
        name="a", unique_id="model.shop.a", kind="DbtCloud", spec={"upstreams": []}, facts=DbtFacts(relation="ci.a")
    )
    other = Found(assets={"a": moved}, names=project.names, problems=())
    assert adopt(found=other, built=newest([(1, results(NOW, a="Success"))])) == {}
