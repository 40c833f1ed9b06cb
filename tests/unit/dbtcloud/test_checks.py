"""Whose a test is, and what its status means."""

import pytest
from tests.unit.dbtcloud.artifacts import TEST, artifact, node, read

from freshet.dbtcloud.project import TestNode


def test_tests_belong_to_what_the_manifest_says() -> None:
    tests = {TEST: TestNode(nodes=("model.shop.other",), severity="warn")}
    check = read(artifact({"unique_id": TEST, "status": "pass"}), tests=tests).checks[0]
    assert (check.nodes, check.severity) == (("model.shop.other",), "warn")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("test.shop.not_null_users_id.4db5", ("model.shop.users",)),
        ("test.shop.relationships_users_id__id__ref_stg_users_.c33", ("model.shop.users",)),
        ("test.shop.unique_stg_users_id.c33", ("model.shop.stg_users",)),
        ("test.shop.not_null_dim_v2_id.77", ("model.shop.dim.v2",)),
        ("test.shop.something_of_my_own", ()),
        ("unit_test.shop.users.adds_up", ("model.shop.users",)),
        ("test.shop.source_not_null_raw_users_id.5ac", ("source.shop.raw.users",)),
        ("test.shop.source_not_null_old_users_id.5ac", ()),
    ],
)
def test_without_a_manifest_the_name_tells(test: str, expected: tuple[str, ...]) -> None:
    models = [node(unique_id=f"model.shop.{name}") for name in ("stg_users", "users", "dim.v2")]
    raw = artifact(*models, {"unique_id": test, "status": "pass"})
    assert read(raw, models=["source.shop.raw.users"]).checks[0].nodes == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("pass", (True, "error")),
        ("warn", (False, "warn")),
        ("fail", (False, "error")),
        ("error", (False, "error")),
        ("skipped", None),
        ("pondered", None),
    ],
)
def test_a_tests_status(status: str, expected: tuple[bool, str] | None) -> None:
    checks = read(artifact({"unique_id": TEST, "status": status})).checks
    assert [(check.passed, check.severity) for check in checks] == ([expected] if expected else [])
