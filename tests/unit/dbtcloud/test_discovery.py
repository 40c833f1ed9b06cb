"""From a manifest to Assets: names, upstreams, sources, policy, collisions, pruning."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from freshet.api.asset import Automation, DbtFacts
from freshet.api.asset import Exposure as Shown
from freshet.api.pipeline import DbtCloudSpec, Discovery, Pipeline, PipelineSpec, SecretKeyRef, SourceSpec, Warehouse
from freshet.api.pipeline import DuckDb as DuckDbSpec
from freshet.api.view import Meta
from freshet.dbtcloud.discovery import Claim, Found, Known, discover
from freshet.dbtcloud.manifest import Exposure, Manifest, Model, Source
from freshet.dbtcloud.meta import policy_of, tolerance
from freshet.dbtcloud.naming import asset_name, hashed_name
from freshet.dbtcloud.pruning import Pruning, prune

RAW = Source(unique_id="source.shop.raw.users", source="raw", table="users", schema="shop", identifier="users")


def model(name: str, *upstreams: str, **more: Any) -> Model:
    kind = more.pop("kind", "model")
    package = more.pop("package", "shop")
    fields = {"materialized": "table", "path": f"models/{name}.sql", "fqn": (package, name), **more}
    return Model(
        unique_id=f"{kind}.{package}.{name}", kind=kind, name=name, package=package, upstreams=upstreams, **fields
    )


def manifest(*models: Model, sources: tuple[Source, ...] = (), exposures: tuple[Exposure, ...] = ()) -> Manifest:
    return Manifest(
        project="shop",
        generated_at=None,
        checksum="",
        models={each.unique_id: each for each in models},
        sources={each.unique_id: each for each in sources},
        tests={},
        exposures=exposures,
    )


def pipeline(*, discovery: Discovery | None = None, sources: tuple[SourceSpec, ...] = ()) -> Pipeline:
    settings = discovery or Discovery()
    dbt = DbtCloudSpec(account_id=1, job_id=1, token_secret_ref=SecretKeyRef(name="dbt"), discovery=settings)
    spec = PipelineSpec(warehouse=Warehouse(duckdb=DuckDbSpec(path="/w.duckdb")), sources=sources, dbt_cloud=dbt)
    return Pipeline(metadata=Meta(name="shop", namespace="default"), spec=spec)


def found(*models: Model, sources: tuple[Source, ...] = (), **more: Any) -> Found:
    return discover(manifest=manifest(*models, sources=sources), pipeline=pipeline(**more))


def upstreams(result: Found) -> dict[str, list[str]]:
    return {name: list(asset.spec["upstreams"]) for name, asset in result.assets.items()}


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


LOAD = SourceSpec(asset="dlt-users", csv={"path": "/u.csv"}, table="users")


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
    ("fields", "expected"),
    [
        ({}, {}),
        ({"meta": {"maximumLag": "5m", "warnLag": "1m"}}, {"freshness": {"maximumLag": "5m", "warnLag": "1m"}}),
        ({"meta": {"when": "Manual"}}, {"automation": {"when": "Manual"}}),
        ({"build_after": (4, "hour")}, {"automation": {"minInterval": "4h"}}),
        ({"build_after": (30, "minute")}, {"automation": {"minInterval": "30m"}}),
        ({"build_after": (2, "day")}, {"automation": {"minInterval": "48h"}}),
        ({"build_after": (0, "day")}, {}),
        ({"build_after": (2, "moon")}, {}),
        ({"updates_on": "all"}, {"automation": {"when": "AllUpstreamsUpdated"}}),
        ({"updates_on": "any"}, {"automation": {"when": "AnyUpstreamUpdated"}}),
        ({"updates_on": "some"}, {}),
        (
            {"updates_on": "all", "build_after": (1, "hour"), "meta": {"automation": {"minInterval": "5m"}}},
            {"automation": {"when": "AllUpstreamsUpdated", "minInterval": "5m"}},
        ),
        ({"meta": {"dataTime": "Static", "timeout": "1h"}}, {"dataTime": "Static", "timeout": "1h"}),
        (
            {"meta": {"retries": {"limit": 1}, "requireChecks": False}},
            {"retries": {"limit": 1}, "automation": {"requireChecks": False}},
        ),
    ],
)
def test_policy(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    policy = policy_of(model("a", **fields))
    assert dict(policy.spec) == expected
    assert policy.problems == ()
    known = {field.encode_name for field in msgspec.structs.fields(Automation)}
    assert set(expected.get("automation", {})) <= known


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        ({"maxLag": "5m"}, "maxLag is not known"),
        ({"maximumLag": "5 minutes"}, "not a duration"),
        ({"maximumLag": 5}, "must be text"),
        ({"automation": "Manual"}, "must be a mapping"),
        ({"requireChecks": "no"}, "true or false"),
        ({"upstreams": "a"}, "must be a list"),
    ],
)
def test_meta_that_cannot_be_used_is_told_and_left_out(meta: dict[str, Any], problem: str) -> None:
    result = found(model("a", meta=meta))
    assert result.assets["a"].spec.keys() == {"key", "upstreams", "materialize"}
    assert [each.reason for each in result.problems] == ["InvalidMeta"]
    assert problem in result.problems[0].message


def test_upstreams_that_a_model_does_not_name() -> None:
    assert upstreams(found(model("a", meta={"upstreams": ["exchange-rates", "a"]}))) == {"a": ["exchange-rates"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4h", timedelta(hours=4)),
        ("30 minutes", timedelta(minutes=30)),
        ("1d", timedelta(days=1)),
        ("1.5 hours", timedelta(hours=1.5)),
        ("45m", timedelta(minutes=45)),
        ("soon", None),
        ("3 moons", None),
        (None, None),
    ],
)
def test_lag_tolerance(text: str | None, expected: timedelta | None) -> None:
    assert tolerance(model("a", lag_tolerance=text)) == expected


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


def test_only_what_two_manifests_in_a_row_lack_is_pruned() -> None:
    first = prune(existing=["a", "b"], desired=["a"], missing={}, manifest="1")
    assert first == Pruning(delete=(), missing={"b": "1"})
    assert prune(existing=["a", "b"], desired=["a"], missing=first.missing, manifest="1") == first
    second = prune(existing=["a", "b"], desired=["a"], missing=first.missing, manifest="2")
    assert second == Pruning(delete=("b",), missing={})
    assert prune(existing=["a", "b"], desired=["a", "b"], missing=first.missing, manifest="2").missing == {}
    assert prune(existing=["b"], desired=[], missing=first.missing, manifest="2", kept=["b"]).delete == ()
