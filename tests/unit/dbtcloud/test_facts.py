"""What is said of a node in status.dbt."""

from tests.unit.dbtcloud.projects import RAW, manifest, model, pipeline

from freshet.api.asset import DbtFacts
from freshet.api.asset import Exposure as Shown
from freshet.dbtcloud.discovery import discover
from freshet.dbtcloud.project import Exposure


def test_exposures_that_are_too_many_to_show_are_counted() -> None:
    boards = tuple(Exposure(name=f"b{at:02}", owner="", upstreams=("model.shop.a", "model.shop.b")) for at in range(23))
    facts = discover(manifest=manifest(model("a"), exposures=boards), pipeline=pipeline()).assets["a"].facts
    assert [it.name for it in facts.exposures] == [f"b{at:02}" for at in range(20)]
    assert facts.more_exposures == 3
    few = discover(manifest=manifest(model("a"), exposures=boards[:20]), pipeline=pipeline()).assets["a"].facts
    assert few.more_exposures is None


def test_what_dbt_says_of_a_model() -> None:
    board = Exposure(name="board", owner="Ann", upstreams=("model.shop.e",))
    project = manifest(
        model("a", description="d" * 2000, tags=("t",), checksum="c", relation="w.shop.a", lag_tolerance="30 minutes"),
        model("e", "model.shop.a", materialized="ephemeral"),
        exposures=(board,),
    )
    assert discover(manifest=project, pipeline=pipeline()).assets["a"].facts == DbtFacts(
        description="d" * 1024,
        tags=("t",),
        relation="w.shop.a",
        materialized="table",
        checksum="c",
        lag_tolerance="30m",
        exposures=(Shown(name="board", owner="Ann"),),
    )


def test_a_source_has_the_exposures_that_read_it_directly() -> None:
    board = Exposure(name="board", owner="Ann", upstreams=("source.shop.raw.users",))
    project = manifest(model("a", "source.shop.raw.users"), sources=(RAW,), exposures=(board,))
    facts = discover(manifest=project, pipeline=pipeline()).assets["raw-users"].facts
    assert facts == DbtFacts(relation=RAW.relation, exposures=(Shown(name="board", owner="Ann"),))
