"""What the page shows of an asset: times and words out of the cache, and how each edge stands."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.support.runtime import raw_asset

from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key, parse
from freshet.lineage_page import view
from freshet.lineage_page.manifest import as_text, shown

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEXT = "2026-11-24T12:00:00Z"


class Graph:
    """The same live data time for every asset."""

    def data_time(self, key: Key) -> datetime | None:
        return AT


def asset(name: str = "a", **more: Any) -> Asset:
    return parse(raw_asset(name, **more), type=Asset)


def pipeline(**spec: Any) -> Pipeline:
    raw = {"metadata": {"name": "p", "namespace": "demo"}, "spec": spec}
    return parse(raw, type=Pipeline)


def node(one: Asset, *others: Asset, of: Pipeline | None = None, now: datetime = AT) -> view.AssetNode:
    known = {Key("Asset", other.namespace, other.name): other for other in others}
    return view.node(one, find=known.get, graph=Graph(), pipeline=of, now=now)


def edge(status: dict[str, Any], *, newest: str | None = "v2", kind: str = "count") -> str:
    """How an asset with that status stands to its upstream ``u``."""
    upstream = asset("u", status={"version": newest} if newest else {})
    spec = {"upstreams": ["u"], "materialize": {kind: {}}}
    return node(asset(spec=spec, status=status), upstream).upstreams[0].state


OLD = {"consumed": {"u": {"version": "v1"}}, "considered": {"u": "v1"}}
NEW = {"consumed": {"u": {"version": "v2"}}, "considered": {"u": "v2"}}
RUN = {"run": {"versions": {"u": "v2"}}}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (NEW, "UpToDate"),
        (OLD, "Waiting"),
        ({}, "Waiting"),
        ({**OLD, **RUN}, "Moving"),
        ({**OLD, "run": {"versions": {"u": "v1"}}}, "Waiting"),
        ({**NEW, **RUN}, "UpToDate"),
        ({**OLD, "considered": {"u": "v2"}}, "Considered"),
    ],
)
def test_an_edge_says_what_the_table_is_built_from(status: dict[str, Any], state: str) -> None:
    assert edge(status) == state


def test_an_edge_of_which_nothing_can_be_known() -> None:
    assert edge({}, newest=None) == "NotBuilt"
    assert edge({}, kind="external") == "Declared"
    assert node(asset(spec={"upstreams": ["gone"]})).upstreams[0].state == "NotFound"


def test_times_limits_and_checks() -> None:
    """A check that only warns is none that failed."""
    told = (("x", True, "error"), ("y", False, "error"), ("z", False, "warn"))
    checks = [{"name": name, "passed": passed, "severity": severity} for name, passed, severity in told]
    status = {"lastUpdatedAt": TEXT, "rows": 5, "checks": checks, "state": "Stale", "reason": "LagExceeded: why"}
    found = node(asset(spec={"freshness": {"maximumLag": "10m", "warnLag": "5m"}}, status=status))
    assert (found.limit_seconds, found.warn_seconds) == (600, 300)
    assert (found.data_time, found.measured_from) == (AT, AT)
    assert (found.checks, found.failed_checks, found.rows) == (3, 1, 5)
    assert (found.state, found.reason) == ("Stale", "LagExceeded: why")


def test_the_limit_may_be_the_pipelines_and_the_basis_the_update() -> None:
    before = "2026-11-24T11:00:00Z"
    given = pipeline(freshness={"maximumLag": "1h", "basis": "Update"})
    found = node(asset(spec={"pipeline": "p"}, status={"lastUpdatedAt": before}), of=given)
    assert found.limit_seconds == 3600
    assert found.measured_from == datetime(2026, 11, 24, 11, tzinfo=UTC)


def test_limits_of_every_kind_have_what_an_age_is_held_against() -> None:
    status = {"lastUpdatedAt": TEXT, "version": "v1"}
    found = node(asset(spec={"freshness": {"schedule": "0 14 * * *", "within": "1h"}}, status=status))
    assert (found.limit, found.deadline_at) == ("0 14 * * * + 1h", datetime(2026, 11, 24, 15, tzinfo=UTC))
    found = node(asset(spec={"freshness": {"maximumUnchanged": "2h"}}, status=status))
    assert (found.limit, found.unchanged_limit_seconds, found.deadline_at) == ("2h unchanged", 7200, None)
    assert node(asset(spec={"freshness": {"schedule": "0 14 * * *"}})).deadline_at is None, "never built"


def test_the_panel_has_the_bad_rows() -> None:
    rejected = {"rows": 3, "samples": [{"line": 7, "column": "amount", "reason": "not a number"}], "at": TEXT}
    one = asset(status={"rejected": rejected})
    made = view.detail(one, find={}.get, graph=Graph(), pipeline=None, now=AT)
    assert msgspec.json.decode(msgspec.json.encode(made))["rejected"] == rejected


def test_a_policy_that_cannot_be_read_hides_no_asset() -> None:
    found = node(asset(spec={"freshness": {"schedule": "every day"}}, status={"reason": "InvalidSchedule: …"}))
    assert found.limit_seconds is None
    assert found.reason == "InvalidSchedule: …"


def test_the_panel_has_versions_runs_and_neighbours() -> None:
    history = [{"id": "r1", "outcome": "Succeeded", "url": "https://cloud.getdbt.com/runs/1", "rows": 5}]
    one = asset(spec={"upstreams": ["u"], "materialize": {"count": {}}}, status={**OLD, "history": history})
    upstream = asset("u", status={"version": "v2"})
    known = {Key("Asset", "demo", "u"): upstream}
    made = view.detail(one, find=known.get, graph=Graph(), pipeline=None, now=AT)
    found = msgspec.json.decode(msgspec.json.encode(made))
    assert found["upstreams"] == [
        {"name": "u", "state": "Waiting", "newest": "v2", "considered": "v1", "consumed": {"version": "v1"}}
    ]
    assert found["history"] == history


def test_a_pipeline_says_what_is_wrong_with_it() -> None:
    condition = {"type": "Ready", "reason": "SecretNotFound", "lastTransitionTime": TEXT}
    for status, ready, message in (("False", False, "mend it"), ("True", True, None)):
        raw = {"metadata": {"name": "p", "namespace": "demo"}, "spec": {"suspend": True}}
        conditions = [{**condition, "status": status, "message": "mend it"}]
        found = view.pipeline(parse({**raw, "status": {"conditions": conditions}}, type=Pipeline))
        assert (found.suspended, found.ready, found.message) == (True, ready, message)


def test_a_manifest_is_shown_without_machinery_and_values_of_variables() -> None:
    env = [{"name": "PASSWORD", "value": "hunter2"}, {"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "s"}}}]
    job = {"template": {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": env}]}}}}}
    notes = {"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "freshet.dev/materialized": "v1"}
    raw = {
        "apiVersion": "freshet.dev/v1alpha1",
        "kind": "Asset",
        "metadata": {"name": "a", "managedFields": [{"manager": "hunter2"}], "annotations": notes},
        "spec": {"materialize": {"job": job}, "checks": {"rows": {"minimum": 1}}},
        "status": {"state": "Fresh"},
    }
    text = as_text(shown(raw))
    assert "hunter2" not in text
    assert "managedFields" not in text
    for kept in ("kind: Asset", "freshet.dev/materialized: v1", "name: s", "minimum: 1", "state: Fresh", "PASSWORD"):
        assert kept in text
    assert raw["metadata"]["managedFields"], "what is read is not changed"  # type: ignore[index]
