"""Which node gets which name, and what is said of the others."""

import pytest
from tests.unit.dbtcloud.projects import LOAD, RAW, found, manifest, model, pipeline, upstreams

from freshet.dbtcloud.discovery import discover
from freshet.dbtcloud.found import Claim, Known
from freshet.dbtcloud.naming import asset_name, hashed_name


def test_two_models_of_one_name_do_not_fight() -> None:
    mine, theirs = model("users"), model("users", package="aardvark")
    reader = model("mart", "model.aardvark.users")
    result = found(mine, theirs, reader)
    assert result.assets["users"].unique_id == "model.shop.users"
    assert [(each.reason, each.name) for each in result.problems] == [("NameConflict", "users")]
    assert result.assets["mart"].spec["upstreams"] == [hashed_name("users", unique_id="model.aardvark.users")]
    again = discover(
        manifest=manifest(mine, theirs), pipeline=pipeline(), known=Known(owners={"users": "model.aardvark.users"})
    )
    assert again.assets["users"].unique_id == "model.aardvark.users"


def test_a_models_name_that_a_load_has() -> None:
    result = found(model("dlt_users"), sources=(RAW,))
    assert set(result.assets) == {"dlt-users"}
    result = discover(manifest=manifest(model("dlt_users")), pipeline=pipeline(sources=(LOAD,)))
    assert not result.assets
    assert "a loaded source" in result.problems[0].message


def test_a_name_that_another_object_has() -> None:
    project = manifest(model("a"), model("b", "model.shop.a"))
    result = discover(manifest=project, pipeline=pipeline(), known=Known(taken={"a": "an Asset that is not its own"}))
    assert upstreams(result) == {"b": [hashed_name("a", unique_id="model.shop.a")]}
    assert [(each.reason, each.name) for each in result.problems] == [("NameConflict", "a")]


def test_a_model_that_another_pipeline_builds() -> None:
    project = manifest(model("a"), model("b", "model.shop.a"))
    claims = {"model.shop.a": Claim(pipeline="other", asset="theirs")}
    result = discover(manifest=project, pipeline=pipeline(), known=Known(claimed=claims))
    assert upstreams(result) == {"b": ["theirs"]}
    assert [(each.reason, each.name) for each in result.problems] == [("Conflict", "a")]
    assert "Pipeline other" in result.problems[0].message


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("stg_kaizen_wars__fact_virtual",), "stg-kaizen-wars--fact-virtual"),
        (("dim", "v2"), "dim-v2"),
        (("Users",), "users"),
        (("_tmp_",), "tmp"),
        (("a" * 63,), "a" * 63),
    ],
)
def test_names(words: tuple[str, ...], expected: str) -> None:
    assert asset_name(*words, unique_id="model.shop.x") == expected


@pytest.mark.parametrize("word", ["a" * 64, "a" * 300, "___", "表"])
def test_names_that_need_a_hash(word: str) -> None:
    one, other = (asset_name(word, unique_id=f"model.shop.{at}") for at in "xy")
    assert one != other
    assert len(one) <= 63
    assert one.replace("-", "").isalnum()
    assert not one.startswith("-")
