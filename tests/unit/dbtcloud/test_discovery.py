"""From a manifest to Assets: which there are, what they read, what feeds them."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.dbtcloud.projects import LOAD, RAW, found, manifest, model, pipeline, upstreams

from freshet.api.asset import DbtFacts
from freshet.api.pipeline import Discovery, SourceSpec
from freshet.dbtcloud.discovery import discover
from freshet.dbtcloud.found import Known
from freshet.dbtcloud.project import Source


def test_models_seeds_and_snapshots_become_assets() -> None:
    result = found(
        model("stg_shop__users"),
        model("dim.v2", "model.shop.stg_shop__users"),
        model("countries", kind="seed", materialized="seed"),
        model("users_snap", "model.shop.dim.v2", kind="snapshot"),
    )
    assert upstreams(result) == {
        "stg-shop--users": [],
        "dim-v2": ["stg-shop--users"],
        "countries": [],
        "users-snap": ["dim-v2"],
    }
    assert result.assets["dim-v2"].spec == {
        "key": "dim.v2",
        "upstreams": ["stg-shop--users"],
        "materialize": {"dbtCloud": {"uniqueId": "model.shop.dim.v2"}},
    }
    assert result.assets["countries"].spec["dataTime"] == "Static"
    assert result.problems == ()


def test_ephemeral_models_are_seen_through() -> None:
    result = found(
        model("a"),
        model("e", "model.shop.a", "model.shop.f", materialized="ephemeral"),
        model("f", "source.shop.raw.users", materialized="ephemeral"),
        model("b", "model.shop.e"),
        sources=(RAW,),
    )
    assert upstreams(result) == {"a": [], "b": ["a", "raw-users"], "raw-users": []}


def test_ephemeral_models_in_a_circle_end() -> None:
    one = model("e", "model.shop.f", materialized="ephemeral")
    other = model("f", "model.shop.e", "model.shop.a", materialized="ephemeral")
    assert upstreams(found(one, other, model("a"), model("b", "model.shop.e"))) == {"a": [], "b": ["a"]}


@pytest.mark.parametrize(
    ("source", "discovery", "sources", "expected"),
    [
        (RAW, Discovery(sources={"raw.users": "mine"}), (LOAD,), "mine"),
        (replace(RAW, meta={"asset": "declared"}), Discovery(), (LOAD,), "declared"),
        (RAW, Discovery(), (LOAD,), "dlt-users"),
        (replace(RAW, schema="SHOP", identifier="Users"), Discovery(), (LOAD,), "dlt-users"),
        (replace(RAW, schema="elsewhere"), Discovery(), (LOAD,), "raw-users"),
        (replace(RAW, identifier="others"), Discovery(), (LOAD,), "raw-users"),
        (RAW, Discovery(), (), "raw-users"),
    ],
)
def test_sources_are_mapped(
    source: Source, discovery: Discovery, sources: tuple[SourceSpec, ...], expected: str
) -> None:
    project = manifest(model("a", "source.shop.raw.users"), sources=(source,))
    result = discover(manifest=project, pipeline=pipeline(discovery=discovery, sources=sources))
    assert result.assets["a"].spec["upstreams"] == [expected]
    assert result.names["source.shop.raw.users"] == expected
    assert ("raw-users" in result.assets) == (expected == "raw-users")
    if expected == "raw-users":
        assert result.assets[expected].spec["materialize"] == {"external": {}}
        assert result.assets[expected].spec["dataTime"] == "Static"


def test_other_projects_and_what_is_not_selected_are_external() -> None:
    other = model("dim_time", package="platform", path="")
    result = found(
        other,
        model("stg", "source.shop.raw.users"),
        model("mart", "model.shop.stg", "model.platform.dim_time", "model.gone.x", tags=("core",)),
        sources=(RAW,),
        discovery=Discovery(select={"tags": ["core"]}),
    )
    assert {name: asset.kind for name, asset in result.assets.items()} == {
        "mart": "DbtCloud",
        "stg": "External",
        "dim-time": "External",
        "x": "External",
    }


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({}, {"a", "b", "c"}),
        ({"tags": ["core"]}, {"a", "b"}),
        ({"tags": ["core"], "paths": ["models/marts"]}, {"b"}),
        ({"paths": ["models/marts/"]}, {"b"}),
        ({"paths": ["models/mart"]}, set()),
        ({"packages": ["other"]}, {"c"}),
    ],
)
def test_selection(select: dict[str, Any], expected: set[str]) -> None:
    models = (
        model("a", tags=("core", "x")),
        model("b", tags=("core",), path="models/marts/b.sql"),
        model("c", package="other"),
    )
    assert set(found(*models, discovery=Discovery(select=select)).assets) == expected


def test_more_upstreams_than_an_asset_may_have() -> None:
    many = [model(f"m{at:03}") for at in range(201)]
    result = found(*many, model("wide", *(each.unique_id for each in many)))
    assert len(result.assets["wide"].spec["upstreams"]) == 200
    assert [each.reason for each in result.problems] == ["TooManyUpstreams"]


def test_upstreams_that_only_meta_names_count_too() -> None:
    named = [f"m{at:03}" for at in range(201)]
    result = found(*(model(name) for name in named), model("wide", meta={"upstreams": named}))
    assert [(each.reason, each.name) for each in result.problems] == [("TooManyUpstreams", "wide")]
    fits = found(*(model(name) for name in named), model("wide", meta={"upstreams": named[:200]}))
    assert not fits.problems


def test_an_external_source_lives_once_something_says_how_recent_it_is() -> None:
    project = manifest(model("a", "source.shop.raw.users"), sources=(RAW,))
    result = discover(manifest=project, pipeline=pipeline(), known=Known(fed={"raw-users"}))
    assert "dataTime" not in result.assets["raw-users"].spec


def test_an_asset_that_a_person_wrote_for_a_model_is_that_model() -> None:
    project = manifest(model("a", checksum="c"), model("b", "model.shop.a", "source.shop.raw.users"), sources=(RAW,))
    given = {"model.shop.a": "mine", "source.shop.raw.users": "theirs"}
    result = discover(manifest=project, pipeline=pipeline(), known=Known(given=given))
    assert upstreams(result) == {"b": ["mine", "theirs"]}
    assert result.given == {"mine": DbtFacts(materialized="table", checksum="c")}
    assert result.problems == ()


def test_upstreams_that_a_model_does_not_name() -> None:
    assert upstreams(found(model("a", meta={"upstreams": ["exchange-rates", "a"]}))) == {"a": ["exchange-rates"]}
