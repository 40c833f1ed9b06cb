"""What the doctor makes of what it sees."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from tests.support.runtime import raw_asset

from freshet import __version__
from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import parse
from freshet.doctor import definitions, objects, operating, outside, secrets
from freshet.doctor.examination import Examination
from freshet.doctor.findings import Finding, bad, good, summary, trouble, unsure
from freshet.doctor.rights import CLUSTER, LEASE, NAMESPACES, RIGHTS, Rights
from freshet.runtime import errors
from freshet.runtime.lease import DURATION, LeaseName
from freshet.runtime.transport import Transport

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE = "2026-11-24T11:00:00Z"


def pipeline(**spec: Any) -> Pipeline:
    return parse({"metadata": {"name": "shop", "namespace": "demo"}, "spec": spec}, type=Pipeline)


def asset(**more: Any) -> Asset:
    raw = raw_asset(**more)
    return parse({**raw, "metadata": {**raw["metadata"], "creationTimestamp": BEFORE}}, type=Asset)


def condition(type: str, status: str, reason: str, message: str) -> dict[str, Any]:
    times = {"lastTransitionTime": BEFORE}
    return {"type": type, "status": status, "reason": reason, "message": message, **times}


def stuck(message: str) -> list[dict[str, Any]]:
    """What only a change of the spec repairs."""
    return [
        condition(type, status, "CycleDetected", message) for type, status in (("Stalled", "True"), ("Ready", "False"))
    ]


def definition(*, release: str | None = __version__, served: bool = True) -> dict[str, Any]:
    labels = {"app.kubernetes.io/version": release} if release else {}
    return {"metadata": {"labels": labels}, "spec": {"versions": [{"name": "v1alpha1", "served": served}]}}


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


class LeaseApi:
    """Answers each look by the next Lease of a list, or by the last; ``paused`` seconds have passed."""

    def __init__(self, *leases: dict[str, Any] | errors.KubeError) -> None:
        self.leases, self.paused = list(leases), 0.0

    async def json(self, method: str, path: str) -> dict[str, Any]:
        assert path == "/apis/coordination.k8s.io/v1/namespaces/home/leases/freshet"
        found = self.leases.pop(0) if len(self.leases) > 1 else self.leases[0]
        if isinstance(found, errors.KubeError):
            raise found
        return found

    async def pause(self, seconds: float) -> None:
        self.paused += seconds

    async def finding(self) -> Finding:
        def now() -> datetime:
            return NOW + timedelta(seconds=self.paused)

        lease, api = LeaseName(namespace="home"), cast(Transport, self)
        return await operating.examine(api, lease=lease, now=now, pause=self.pause)


def lease(*, holder: str = "freshet-1", ago: float) -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=ago)).isoformat()
    spec = {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 10}
    return {"metadata": {"name": "freshet"}, "spec": spec}


async def test_an_operator_that_renews_its_lease_acts_whatever_the_clock_here_says() -> None:
    fresh = LeaseApi(lease(ago=2))
    assert (await fresh.finding()).message == "freshet-1 acts: it renews the Lease home/freshet"
    assert fresh.paused == 0
    for skew in (3600, -3600):
        assert (await LeaseApi(lease(ago=skew), lease(ago=skew - 2)).finding()).level == "good"
    given_back, taken = lease(holder="", ago=1), lease(holder="freshet-2", ago=0)
    assert (await LeaseApi(given_back, given_back, taken).finding()).message.startswith("freshet-2 acts")


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (lease(ago=3 * 86400), "freshet-1 has not renewed the Lease home/freshet for 3d"),
        (lease(holder="", ago=7200), "no replica acts: nobody has held the Lease home/freshet for 2h"),
        (lease(ago=-3600), "freshet-1 has not renewed the Lease home/freshet: it is down"),
    ],
)
async def test_an_operator_that_is_dead_is_said_with_where_to_look(held: dict[str, Any], message: str) -> None:
    """After as long as a holder may be silent."""
    api = LeaseApi(held)
    found = await api.finding()
    assert found.level == "bad"
    assert found.message.startswith(message)
    assert api.paused > DURATION
    assert found.remedy.startswith("kubectl -n home get pods; kubectl -n home logs deployment/freshet")


async def test_a_lease_that_cannot_be_seen_is_no_verdict() -> None:
    missing = await LeaseApi(errors.Gone("no such Lease")).finding()
    assert (missing.level, "FRESHET_LEASE" in missing.remedy) == ("unsure", True)
    refused = await LeaseApi(errors.Refused("forbidden", reason="Forbidden")).finding()
    assert refused.message.startswith("you may not read the Lease home/freshet")


def test_many_of_a_kind_are_cut_short() -> None:
    seen = {"observedGeneration": 1, "conditions": stuck("remove one")}
    assets = [asset(name=f"a{n}", status=seen) for n in range(25)]
    found = objects.judge([], assets, now=NOW)
    assert len(found) == 11
    assert found[-1].message == "and 15 more of the kind"


DBT = {"accountId": 1, "jobId": 2, "tokenSecretRef": {"name": "dbt"}, "webhookSecretRef": {"name": "hook", "key": "k"}}
DATABRICKS = {"databricks": {"schema": "s", "secretRef": {"name": "bricks"}}}
JOBS = {
    "env": [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "extra", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "maybe", "key": "b", "optional": True}}},
        {"name": "C", "value": "plain"},
    ],
    "envFrom": [{"secretRef": {"name": "all"}}, {"configMapRef": {"name": "no"}}],
    "imagePullSecrets": [{"name": "registry"}],
    "volumes": [
        {"name": "keys", "secret": {"secretName": "mounted", "items": [{"key": "ca", "path": "ca.pem"}]}},
        {"name": "may", "secret": {"secretName": "perhaps", "optional": True}},
        {"name": "both", "projected": {"sources": [{"secret": {"name": "part"}}, {"configMap": {"name": "no"}}]}},
        {"name": "tmp", "emptyDir": {}},
    ],
}


def test_every_secret_that_a_pipeline_names_is_needed() -> None:
    source = {"asset": "a", "csv": {"path": "s3://b/x.csv", "secretRef": {"name": "bucket"}}}
    found = secrets.needs(pipeline(dbtCloud=DBT, warehouse=DATABRICKS, jobs=JOBS, sources=[source]))
    assert [(need.secret, need.keys) for need in found] == [
        ("dbt", ("token",)),
        ("hook", ("k",)),
        ("bricks", ("host", "httpPath")),
        ("bucket", ()),
        ("extra", ("a",)),
        ("all", ()),
        ("registry", ()),
        ("mounted", ("ca",)),
        ("part", ()),
    ]


def test_a_reference_that_names_nothing_is_for_kubernetes_to_refuse() -> None:
    odd = {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "a"}}}], "envFrom": [{"secretRef": {}}]}
    assert (
        secrets.needs(pipeline(jobs={**odd, "imagePullSecrets": [{}], "volumes": [{"name": "v", "secret": {}}]})) == []
    )


def test_the_secret_of_a_dlt_destination_is_needed_where_one_is_named() -> None:
    dlt: dict[str, Any] = {"destination": "postgres"}
    assert secrets.needs(pipeline(warehouse={"dlt": dlt})) == []
    made = pipeline(warehouse={"dlt": {**dlt, "secretRef": {"name": "pg"}}})
    (need,) = secrets.needs(made)
    assert secrets.judge(made, need, None).message == "Secret pg (warehouse.dlt.secretRef) does not exist"
    assert secrets.judge(made, need, {"DESTINATION__POSTGRES__CREDENTIALS": b"u"}).level == "good"


def judged(secret: dict[str, bytes] | None) -> Finding:
    made = pipeline(warehouse=DATABRICKS)
    (need,) = secrets.needs(made)
    return secrets.judge(made, need, secret)


WHERE = {"host": b"h", "httpPath": b"/sql/1.0/warehouses/w"}


def test_a_secret_that_is_missing_comes_with_the_command_that_makes_it() -> None:
    found = judged(None)
    assert found.message == "Secret bricks (warehouse.databricks.secretRef) does not exist"
    assert found.remedy == (
        "kubectl create -n demo secret generic bricks --from-literal=host=… --from-literal=httpPath=… "
        "--from-literal=token=…"
    )


@pytest.mark.parametrize(
    ("secret", "lacks"),
    [
        ({**WHERE, "token": b"t"}, None),
        ({**WHERE, "clientId": b"c", "clientSecret": b"s"}, None),
        ({**WHERE, "clientId": b"c"}, "token or clientId and clientSecret"),
        ({"token": b"t", "host": b""}, "host, httpPath"),
        ({**WHERE, "host": "…".encode(), "token": "…\n".encode()}, "host, token or clientId and clientSecret"),
    ],
)
def test_keys_that_are_missing_are_named(secret: dict[str, bytes], lacks: str | None) -> None:
    found = judged(secret)
    assert (found.level == "good") == (lacks is None)
    assert lacks is None or found.message.endswith(f"lacks {lacks}")
    assert "hunter2" not in str(found)


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
