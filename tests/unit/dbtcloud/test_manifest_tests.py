"""Whose a test is, as the manifest says it."""

from typing import Any

from tests.unit.dbtcloud.manifests import USERS, manifest, model

from freshet.dbtcloud.manifest import parse
from freshet.dbtcloud.project import TestNode


def test_a_test_of_an_ephemeral_model_belongs_to_the_tables_built_from_it() -> None:
    ephemeral = {"config": {"materialized": "ephemeral"}}
    nodes = {
        "model.shop.lately": model("model.shop.lately", **ephemeral),
        "model.shop.latest": model("model.shop.latest", depends_on={"nodes": ["model.shop.lately"]}, **ephemeral),
        USERS: model(depends_on={"nodes": ["model.shop.latest"]}),
        "model.shop.other": model("model.shop.other", depends_on={"nodes": ["model.shop.lately"]}),
        "test.shop.t": {"attached_node": "model.shop.lately", "config": {"severity": "error"}},
    }
    assert parse(manifest(nodes)).tests["test.shop.t"] == TestNode(nodes=("model.shop.other", USERS))


def test_tests_know_their_models_and_their_severity() -> None:
    generic = {
        "attached_node": USERS,
        "depends_on": {"nodes": ["model.shop.stg", USERS]},
        "config": {"severity": "warn"},
    }
    singular = {"depends_on": {"nodes": [USERS, "source.shop.raw.x", "seed.shop.s"]}, "config": {"severity": "ERROR"}}
    unit = {"depends_on": {"nodes": [USERS]}}
    nodes = {"test.shop.generic.1": generic, "test.shop.mine": singular}
    assert parse(manifest(nodes, unit_tests={"unit_test.shop.users.adds": unit})).tests == {
        "test.shop.generic.1": TestNode(nodes=(USERS,), severity="warn"),
        "test.shop.mine": TestNode(nodes=(USERS, "seed.shop.s")),
        "unit_test.shop.users.adds": TestNode(nodes=(USERS,)),
    }


def test_tests_of_sources_know_them() -> None:
    orders, users = "source.shop.raw.orders", "source.shop.raw.users"
    call = "{{ get_where_subquery(source('raw', 'orders')) }}"
    reads: dict[str, Any] = {
        "test.shop.source_not_null_raw_orders_id.1": [orders],
        "test.shop.source_relationships_raw_orders_user_id.2": [users, orders, USERS],
        "test.shop.counts": [orders, users],
        "test.shop.as_many": [orders, USERS],
    }
    nodes = {key: {"depends_on": {"nodes": ups}, "config": {}} for key, ups in reads.items()}
    nodes["test.shop.source_relationships_raw_orders_user_id.2"]["test_metadata"] = {"kwargs": {"model": call}}
    assert {key: test.nodes for key, test in parse(manifest(nodes)).tests.items()} == {
        "test.shop.source_not_null_raw_orders_id.1": (orders,),
        "test.shop.source_relationships_raw_orders_user_id.2": (orders,),
        "test.shop.counts": (orders, users),
        "test.shop.as_many": (USERS,),
    }
