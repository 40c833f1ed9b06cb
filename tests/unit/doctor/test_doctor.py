"""What the doctor makes of what it sees."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.doctor.looks import BEFORE, NOW, asset, condition, definition, pipeline, stuck

from freshet import __version__
from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import parse
from freshet.doctor import definitions, objects, outside
from freshet.doctor.examination import Examination
from freshet.doctor.findings import bad, good, summary, trouble, unsure
from freshet.doctor.rights import CLUSTER, LEASE, NAMESPACES, RIGHTS, Rights
from freshet.runtime import errors

ROOT = Path(__file__).parents[3]


def test_a_finding_reads_well() -> None:
    assert str(good("rights", "all there")) == "✓ rights" + 29 * " " + "all there"
    lines = str(bad("rights", "may not create jobs", "add it")).splitlines()
    assert lines[0] == "✗ rights" + 29 * " " + "may not create jobs"
    assert lines[1].strip() == "→ add it"
    assert str(unsure("x", "y")).startswith("! ")
    assert trouble([good("a", ""), bad("b", "", ""), unsure("c", "")]) == 1


@pytest.mark.parametrize("plural", ["assets", "pipelines"])
def test_the_definitions_that_ship_are_of_this_version(plural: str) -> None:
    shipped = yaml.safe_load((ROOT / "crds" / f"freshet.dev_{plural}.yaml").read_text())
    assert definitions.judge(f"{plural}.freshet.dev", shipped).level == "good"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (definition(release="0.0.1"), f"is of version 0.0.1, this freshet is {__version__}"),
        (definition(release=None), "is of version unknown"),
        (definition(served=False), "not as v1alpha1"),
    ],
)
def test_other_definitions_are_told(seen: dict[str, Any], words: str) -> None:
    found = definitions.judge("assets.freshet.dev", seen)
    assert found.level == "bad"
    assert words in found.message
    assert "kubectl apply" in found.remedy


@pytest.mark.parametrize(
    ("file", "role", "rights"),
    [
        ("namespaced/watched.yaml", "freshet", RIGHTS),
        ("base/rbac.yaml", "freshet", (*RIGHTS, *CLUSTER, *NAMESPACES)),
        ("base/rbac.yaml", "freshet-leader", LEASE),
    ],
)
def test_the_rights_are_those_of_the_manifests(file: str, role: str, rights: Rights) -> None:
    """Whoever gives the operator a right adds it to freshet.doctor.rights, too."""
    documents = list(yaml.safe_load_all((ROOT / "manifests" / file).read_text()))
    found = next(it for it in documents if it["kind"].endswith("Role") and it["metadata"]["name"] == role)
    given = {
        (group, resource): set(rule["verbs"])
        for rule in found["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert {(group, resource): set(verbs.split()) for group, resource, verbs in rights} == given


def test_nothing_there_is_no_fault() -> None:
    (found,) = objects.judge([], [], now=NOW)
    assert found.level == "unsure"


def test_objects_that_nobody_has_looked_at_point_to_the_operator() -> None:
    (found,) = objects.judge([], [asset()], now=NOW)
    assert found.subject == "operator"
    assert "asset demo/a" in found.message


def test_what_needs_a_change_says_it_in_its_own_words() -> None:
    stalled = stuck("a → b → a: remove one")
    lost = condition("Ready", "False", "PipelineNotFound", "pipeline 'p' does not exist: apply it")
    odd = condition("Ready", "True", "PolicyConflict", "the limit cannot be held")
    failing = condition("Failing", "True", "RetriesExhausted", "BadRows: 1 of 3 rows are bad")
    seen = {"observedGeneration": 1}
    assets = [asset(status={**seen, "conditions": it}) for it in (stalled, [failing], [lost], [odd])]
    found = objects.judge([], assets, now=NOW)
    assert [(finding.level, finding.message) for finding in found] == [
        ("bad", "CycleDetected: a → b → a: remove one"),
        ("bad", "PipelineNotFound: pipeline 'p' does not exist: apply it"),
        ("unsure", "PolicyConflict: the limit cannot be held"),
        ("bad", "BadRows: 1 of 3 rows are bad"),
    ]
    assert [finding.remedy.split()[0] for finding in found] == ["change", "kubectl", "kubectl", "kubectl"]


def told(type: str, reason: str, message: str) -> Pipeline:
    """A Pipeline that is reconciled, and has that condition."""
    ready = condition("Ready", "True", "Reconciled", "")
    status = {"observedGeneration": 1, "conditions": [ready, condition(type, "False", reason, message)]}
    return parse({"metadata": {"name": "shop", "namespace": "demo", "generation": 1}, "spec": {}, "status": status},
                 type=Pipeline)  # fmt: skip


@pytest.mark.parametrize(
    ("type", "reason", "level"),
    [
        ("DbtCloudReady", "JobFailing", "bad"),
        ("DbtCloudReady", "OverrideRefused", "bad"),
        ("DbtCloudReady", "Unreachable", "unsure"),
        ("Discovered", "InvalidMeta", "unsure"),
        ("DbtCloudReady", "SecretNotFound", None),
        ("Discovered", "Parsing", None),
    ],
)
def test_what_an_operator_found_of_dbt_cloud_is_not_called_well(type: str, reason: str, level: str | None) -> None:
    """Of the Secret the doctor says so itself."""
    (found,) = objects.judge([told(type, reason, "why")], [], now=NOW)
    assert found.level == (level or "good")
    assert level is None or found.message == f"{type} is False, {reason}: why"


def test_data_that_is_stale_is_said_with_the_first_line() -> None:
    seen = {"observedGeneration": 1}
    late = asset(name="late", status={**seen, "state": "Stale", "reason": "UpstreamStale (orders: last load …)"})
    sound = asset(name="sound", status={**seen, "state": "Fresh", "reason": "WithinLimit"})
    good_one, data = objects.judge([], [sound, late], now=NOW)
    assert (good_one.level, data.level) == ("good", "unsure")
    assert data.message == "1 Asset stale, such as asset demo/late: UpstreamStale (orders: last load …)"
    assert "freshet runbook asset-stale" in data.remedy


def test_only_what_is_known_to_be_well_is_called_so() -> None:
    assert summary([good("a", "")]) == "All is well."
    assert summary([good("a", ""), unsure("b", "")]) == "Nothing is wrong for sure; 1 of 2 findings are open (!)."
    assert summary([bad("a", "", ""), unsure("b", "")]) == "1 of 2 findings need somebody."


def test_what_was_changed_and_not_looked_at_since_is_said() -> None:
    """Days after an operator has died: what it wrote reads well, but is about another spec."""
    stale = asset(name="old", generation=7, status={"observedGeneration": 1})
    sound = asset(name="sound", generation=7, status={"observedGeneration": 7})
    going = parse(
        {
            "metadata": {"name": "g", "namespace": "demo", "generation": 3, "deletionTimestamp": BEFORE},
            "spec": {"materialize": {"external": {}}},
            "status": {"observedGeneration": 2},
        },
        type=Asset,
    )
    left = {"name": "shop", "namespace": "demo", "generation": 2}
    shop = parse({"metadata": left, "spec": {}, "status": {"observedGeneration": 1}}, type=Pipeline)
    (found,) = objects.judge([], [sound, stale, going], now=NOW)
    assert (found.level, found.message) == (
        "bad",
        "nobody has looked at 1 objects since they were changed, such as asset demo/old (generation 7, seen 1)",
    )
    assert "kubectl" in found.remedy
    assert objects.judge([shop], [], now=NOW)[0].level == "bad"
    assert objects.judge([], [sound, going], now=NOW)[0].level == "good"


def test_what_is_reconciled_is_of_the_past_where_no_operator_acts() -> None:
    seen = asset(status={"observedGeneration": 1})
    (found,) = objects.judge([], [seen], now=NOW, acts=False)
    assert found.message == "0 Pipelines and 1 Asset, all reconciled when an operator last looked"


def test_many_of_a_kind_are_cut_short() -> None:
    seen = {"observedGeneration": 1, "conditions": stuck("remove one")}
    assets = [asset(name=f"a{n}", status=seen) for n in range(25)]
    found = objects.judge([], assets, now=NOW)
    assert len(found) == 11
    assert found[-1].message == "and 15 more of the kind"


def ran(name: str, outcome: str, message: str, minute: int) -> Asset:
    last = {"id": name, "outcome": outcome, "message": message, "finishedAt": f"2026-11-24T11:{minute:02}:00Z"}
    return asset(name=name, spec={"materialize": {"count": {}}}, status={"lastRun": last})


USED = ran("used", "Succeeded", "holds 3 rows", 10)


@pytest.mark.parametrize(
    ("assets", "level", "says"),
    [
        ([], "unsure", "no load or count has opened it yet"),
        ([USED], "good", "last used by used at 2026-11-24 11:10:00Z"),
        ([USED, ran("bad", "Failed", "BadRows: 1 row", 20)], "good", "last used by used at 2026-11-24 11:10:00Z"),
        (
            [USED, ran("late", "Failed", "AuthenticationFailed: renew the token", 20)],
            "bad",
            "late at 2026-11-24 11:20:00Z could not use it: AuthenticationFailed: renew the token",
        ),
        (
            [USED, ran("late", "Interrupted", "WarehouseLocked: by dbt", 20)],
            "bad",
            "late at 2026-11-24 11:20:00Z could not use it: WarehouseLocked: by dbt",
        ),
        ([USED, ran("early", "Interrupted", "WarehouseLocked: by dbt", 5)], "good", "last used by used at"),
        ([USED, ran("evicted", "Interrupted", "DeletionByTaintManager: x", 20)], "good", "last used by used at"),
    ],
)
def test_what_only_the_jobs_reach_is_known_by_the_newest_run_that_tells(
    assets: list[Asset], level: str, says: str
) -> None:
    found = outside.by_runs(pipeline(), "DuckDB", assets)
    assert found.level == level
    assert found.message.startswith(f"DuckDB: {says}")


class Bare:
    """A cluster without our definitions, or without the namespace; who asks may do everything."""

    def __init__(self, *, defined: bool) -> None:
        self.transport, self._defined = self, defined

    async def json(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        if method == "POST":
            return {"status": {"allowed": True}}
        if self._defined and "customresourcedefinitions" in path:
            return definition()
        raise errors.Gone(f"{path} is not there")

    async def list_all(self, kind: str, *, namespace: str | None) -> list[dict[str, Any]]:
        if not self._defined:
            raise errors.Gone("the server could not find the requested resource")
        return []


@pytest.mark.parametrize(
    ("defined", "says", "remedy"),
    [
        (False, "there can be none: Pipelines and Assets are not defined", "kubectl apply --server-side -k crds"),
        (True, "there is no namespace shpo", "kubectl get namespaces"),
    ],
)
async def test_what_is_not_there_at_all_is_said_with_what_helps(defined: bool, says: str, remedy: str) -> None:
    kube: Any = Bare(defined=defined)
    look = Examination(kube=kube, namespace="shpo", account=None, lease=None)
    found = [finding async for finding in look.findings()][-1]
    assert (found.level, found.message) == ("bad", says)
    assert remedy in found.remedy
