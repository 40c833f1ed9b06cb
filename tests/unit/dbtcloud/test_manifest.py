"""manifest.json: what is read, what may be absent, and what changes nothing."""

from pathlib import Path

import pytest
from tests.unit.dbtcloud.manifests import USERS, manifest, model

from freshet.dbtcloud.manifest import ManifestUnreadable, load, parse
from freshet.dbtcloud.project import Exposure, Model, Source


def test_everything_that_is_read_of_a_model() -> None:
    config = {
        "materialized": "incremental",
        "tags": ["core", "core", "daily"],
        "meta": {"freshet": {"maximumLag": "5m"}, "owner": "x"},
        "freshness": {"build_after": {"count": 4, "period": "hour", "updates_on": "all"}},
        "state": {"lag_tolerance": "30 minutes", "require_fresh_data_from": "any"},
    }
    node = model(
        relation_name='"shop"."main"."users"',
        description="People.",
        checksum={"name": "sha256", "checksum": "abc"},
        depends_on={"macros": ["m"], "nodes": ["model.shop.stg", "source.shop.raw.users"]},
        config=config,
        version=2,
    )
    assert parse(manifest({USERS: node})).models[USERS] == Model(
        unique_id=USERS,
        kind="model",
        name="users",
        package="shop",
        version="2",
        fqn=("shop", "marts", "users"),
        path="models/marts/users.sql",
        relation='"shop"."main"."users"',
        materialized="incremental",
        description="People.",
        tags=("core", "daily"),
        checksum="abc",
        upstreams=("model.shop.stg", "source.shop.raw.users"),
        meta={"maximumLag": "5m"},
        build_after=(4, "hour"),
        updates_on="any",
        lag_tolerance="30 minutes",
    )


def test_a_node_with_nothing_but_its_id() -> None:
    found = parse(manifest({USERS: {}})).models[USERS]
    assert (found.name, found.package, found.materialized, found.foreign) == ("users", "shop", "model", True)


def test_null_is_as_good_as_absent() -> None:
    keys = ["name", "fqn", "tags", "depends_on", "checksum", "description", "relation_name", "version", "meta"]
    assert parse(manifest({USERS: dict.fromkeys(keys)})).models == parse(manifest({USERS: {}})).models


def test_one_odd_node_costs_itself_and_is_named() -> None:
    found = parse(
        manifest({USERS: model(), "model.shop.odd": {"fqn": 7}, "operation.shop.x": [], "analysis.a.b": None})
    )
    assert list(found.models) == [USERS]
    assert found.odd == ("model.shop.odd",)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"{}", b"[]", b'{"nodes": []}', b'{"nodes": {"a', b"\xff\xfe"])
def test_what_is_no_manifest_says_so(raw: bytes, tmp_path: Path) -> None:
    with pytest.raises(ManifestUnreadable, match="nothing is changed"):
        parse(raw)
    (tmp_path / "manifest.json").write_bytes(raw)
    with pytest.raises(ManifestUnreadable, match="nothing is changed"):
        load(tmp_path / "manifest.json")


def test_a_file_is_read_as_its_bytes_are(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(manifest({USERS: model()}))
    assert load(tmp_path / "manifest.json") == parse(manifest({USERS: model()}))


def test_sources_and_exposures() -> None:
    source = {
        "source_name": "raw",
        "name": "users",
        "schema": "s",
        "database": "d",
        "meta": {"freshet": {"asset": "x"}},
    }
    board = {"name": "board", "owner": {"email": "a@example.org"}, "url": "https://b", "depends_on": {"nodes": [USERS]}}
    found = parse(manifest({}, sources={"source.shop.raw.users": source}, exposures={"exposure.shop.board": board}))
    expected = Source(
        unique_id="source.shop.raw.users",
        source="raw",
        table="users",
        database="d",
        schema="s",
        identifier="users",
        meta={"asset": "x"},
    )
    assert found.sources == {"source.shop.raw.users": expected}
    assert expected.key == "raw.users"
    assert found.exposures == (Exposure(name="board", owner="a@example.org", url="https://b", upstreams=(USERS,)),)


def test_a_folder_with_a_models_path_crowds_it() -> None:
    deep = model("model.shop.deep", fqn=["shop", "marts", "users", "deep"])
    found = parse(manifest({USERS: model(), "model.shop.deep": deep})).models
    assert (found[USERS].crowded, found["model.shop.deep"].crowded) == (True, False)


def test_the_checksum_is_of_what_is_read() -> None:
    one = parse(manifest({USERS: model(), "seed.shop.s": model("seed.shop.s")}))
    same = parse(manifest({"seed.shop.s": model("seed.shop.s"), USERS: model(raw_code="other")}, metadata={}))
    other = parse(manifest({USERS: model(description="new"), "seed.shop.s": model("seed.shop.s")}))
    assert one.checksum == same.checksum != other.checksum
