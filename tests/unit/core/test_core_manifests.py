"""What the builders make: shape, restricted Pod Security, labels, and the user's template left alone."""

import copy
import json
from typing import Any

import msgspec
import pytest
from tests.unit.core.making import MINUTE, NOW, asset, pipeline, source

from freshet.api.asset import AssetStatus, LastRun
from freshet.api.pipeline import Pipeline
from freshet.core.manifests import assets, builds, loads
from freshet.core.policy import effective

NOTES = {"freshet.dev/cause": "c"}
SOURCE = {"asset": "src", "csv": {"path": "/d.csv"}, "write": {"disposition": "merge", "primaryKey": ["id"]}}
TEMPLATE = {
    "metadata": {"labels": {"team": "x", "app.kubernetes.io/managed-by": "me"}, "annotations": {"note": "n"}},
    "spec": {"ttlSecondsAfterFinished": 5, "backoffLimit": 9, "activeDeadlineSeconds": 9,
             "template": {"spec": {"containers": [{"name": "main", "image": "i"}]}}},
}  # fmt: skip


def pipe(**more: Any) -> Pipeline:
    return pipeline(sources=[SOURCE], **more)


def cron(it: Pipeline, level: Any = None) -> dict[str, Any]:
    return loads.cron_job(pipeline=it, source=it.spec.sources[0], image="img", definition="d", level=level)


def load(it: Pipeline) -> dict[str, Any]:
    return loads.load_job(
        pipeline=it,
        source=it.spec.sources[0],
        asset=source("src"),
        image="img",
        name="j",
        annotations=NOTES,
        level={"version": "L1"},
    )


def count(it: Pipeline, **spec: Any) -> dict[str, Any]:
    subject = asset("c", pipeline="p", upstreams=["src"], status=AssetStatus(rows=7), **spec)
    policy = effective(asset=subject, pipeline=it)
    return builds.count_job(
        asset=subject, pipeline=it, relation="s.t", policy=policy, image="img", name="j", annotations=NOTES
    )


def user(template: dict[str, Any], **spec: Any) -> dict[str, Any]:
    subject = asset("u", materialize={"job": {"template": template}}, **spec)
    return builds.user_job(asset=subject, policy=effective(asset=subject, pipeline=None), name="j", annotations=NOTES)


def variables(pod: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}


@pytest.mark.parametrize("make", [load, count, lambda it: cron(it)["spec"]["jobTemplate"]])
def test_pods_fit_the_restricted_level_and_have_no_token(make: Any) -> None:
    pod = make(pipe())["spec"]["template"]
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (spec["automountServiceAccountToken"], spec["restartPolicy"]) == (False, "Never")
    security = container["securityContext"]
    assert (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"]) == (False, True)
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["requests"]
    assert container["resources"]["limits"]
    assert [volume["name"] for volume in spec["volumes"] if "emptyDir" in volume] == ["freshet-tmp"]
    assert (container["name"], container["image"]) == ("freshet", "img")
    assert pod["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "freshet"


@pytest.mark.parametrize("make", [load, count, lambda it: cron(it)["spec"]["jobTemplate"]])
def test_a_dlt_destination_gets_its_settings_from_its_secret(make: Any) -> None:
    dlt = {"destination": "postgres", "secretRef": {"name": "pg"}}
    pod = make(pipe(warehouse={"dlt": dlt}, jobs={"envFrom": [{"secretRef": {"name": "mine"}}]}))["spec"]["template"]
    given = json.loads(variables(pod)["FRESHET_SPEC"])["warehouse"]
    assert given == {"dlt": {"destination": "postgres", "schema": "p"}}
    assert pod["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": name}} for name in ("pg", "mine")]


@pytest.mark.parametrize("make", [load, count])
def test_the_warehouse_ends_a_statement_when_the_job_is_ended(make: Any) -> None:
    job = make(pipe(timeout="90s"))
    assert json.loads(variables(job["spec"]["template"])["FRESHET_SPEC"])["timeout"] == 90
    assert job["spec"]["activeDeadlineSeconds"] == 90


@pytest.mark.parametrize("make", [load, count])
def test_the_kubelet_asks_a_pod_what_it_waits_for(make: Any) -> None:
    probe = make(pipe())["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    assert probe["exec"] == {"command": ["freshet", "waiting"]}


@pytest.mark.parametrize("make", [load, count])
def test_jobs_are_ours_are_kept_and_are_tried_once(make: Any) -> None:
    job = make(pipe(timeout="90s"))
    assert job["spec"]["activeDeadlineSeconds"] == 90
    assert job["spec"]["backoffLimit"] == 0
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert [(o["kind"], o["controller"]) for o in job["metadata"]["ownerReferences"]] == [("Asset", True)]
    assert job["metadata"]["annotations"] == NOTES
    assert msgspec.json.decode(msgspec.json.encode(job)) == job


def test_a_loads_spec_is_the_contract() -> None:
    env = variables(load(pipe())["spec"]["template"])
    assert json.loads(env["FRESHET_SPEC"]) == {
        "namespace": "ns", "pipeline": "p", "asset": "src", "key": "src", "table": "src", "csv": {"path": "/d.csv"},
        "warehouse": {"duckdb": {"path": "/warehouse/w.duckdb", "schema": "p"}},
        "write": {"disposition": "merge", "primaryKey": ["id"]}, "timeout": 1800,
    }  # fmt: skip
    assert json.loads(env["FRESHET_LAST_RESULT"]) == {"version": "L1"}
    assert env["FRESHET_TERMINATION_LOG"] == "/dev/termination-log"


@pytest.mark.parametrize(
    ("outcome", "now", "until"),
    [
        ("Succeeded", None, "2026-11-24T12:10:00Z"),  # the CronJob's next pod, and none after it
        ("Unchanged", None, "2026-11-24T12:10:00Z"),
        ("Unchanged", NOW + 7 * MINUTE, "2026-11-24T12:10:00Z"),  # a Job of now, until the CronJob's next
        ("Failed", None, None),  # who knows what it did
        ("Interrupted", NOW, None),
    ],
)
def test_a_hint_is_true_only_until_another_load_may_have_run(outcome: Any, now: Any, until: str | None) -> None:
    it, last = pipe(), LastRun(id="l", outcome=outcome, finished_at=NOW + MINUTE)
    known = source("src", status=AssetStatus(level={"version": "L1"}, last_run=last))
    found = loads.hint(asset=known, pipeline=it, source=it.spec.sources[0], now=now)
    assert found == (until and {"version": "L1", "trustedUntil": until})


@pytest.mark.parametrize("outcome", ["Failed", "Interrupted"])
def test_a_refusal_is_handed_on_until_a_person_asks(outcome: Any) -> None:
    it, last, why = pipe(), LastRun(id="l", outcome=outcome, finished_at=NOW), {"input": "sha256:1"}
    known = source("src", status=AssetStatus(level={"version": "L1"}, last_run=last, refused=why))
    assert loads.hint(asset=known, pipeline=it, source=it.spec.sources[0]) == {"refused": why}
    assert loads.hint(asset=known, pipeline=it, source=it.spec.sources[0], now=NOW, asked=True) is None


def test_a_person_who_asks_has_the_warehouse_looked_into() -> None:
    """Without its fingerprint no input is the same as the newest result's."""
    it, last = pipe(), LastRun(id="l", outcome="Unchanged", finished_at=NOW)
    known = source("src", status=AssetStatus(level={"version": "L1", "fingerprint": "sha256:1"}, last_run=last))
    assert loads.hint(asset=known, pipeline=it, source=it.spec.sources[0], now=NOW, asked=True) == {"version": "L1"}


def test_a_pod_that_follows_a_failed_one_of_its_job_looks_into_the_warehouse() -> None:
    """The first may have changed the table, and both are handed the same."""
    it, last = pipe(jobs={"backoffLimit": 1}), LastRun(id="l", outcome="Unchanged", finished_at=NOW)
    known = source("src", status=AssetStatus(level={"version": "L1", "fingerprint": "sha256:1"}, last_run=last))
    assert loads.hint(asset=known, pipeline=it, source=it.spec.sources[0]) == {"version": "L1"}


def test_a_counts_spec_is_the_contract() -> None:
    env = variables(count(pipe(), checks={"rows": {"minimum": 1}})["spec"]["template"])
    spec = json.loads(env["FRESHET_SPEC"])
    assert (spec["relation"], spec["previousRows"], spec["checks"]) == ("s.t", 7, {"rows": {"minimum": 1}})
    assert "FRESHET_LAST_RESULT" not in env


def test_a_cron_job_has_its_schedule_and_is_suspended_at_either_level() -> None:
    made = cron(pipe())
    spec = made["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("*/5 * * * *", "Etc/UTC", "Forbid")
    assert (made["metadata"]["name"], spec["suspend"]) == ("src", False)
    assert cron(pipe(schedule="@daily", timeZone="Europe/Berlin", suspend=True))["spec"]["suspend"] is True
    assert cron(pipe(schedule="@daily"))["spec"]["schedule"] == "@daily"
    assert spec["jobTemplate"]["metadata"]["annotations"] == {"freshet.dev/definition": "d"}


def test_databricks_credentials_come_from_its_secret_alone() -> None:
    it = pipe(warehouse={"databricks": {"schema": "s", "secretRef": {"name": "dbx"}}})
    env = load(it)["spec"]["template"]["spec"]["containers"][0]["env"]
    refs = {
        item["name"]: item["valueFrom"]["secretKeyRef"]["name"]
        for item in env
        if "secretKeyRef" in item.get("valueFrom", {})
    }
    assert refs["DATABRICKS_TOKEN"] == "dbx"
    assert set(refs.values()) == {"dbx"}
    assert "dbx" not in (variables(load(it)["spec"]["template"])["FRESHET_SPEC"] or "")


def test_a_sources_secret_reaches_its_loads_and_nothing_else() -> None:
    """Its keys are variables of the load; the spec does not name it, so that another Secret loads nothing anew."""
    given = {**SOURCE, "csv": {"path": "s3://b/d.csv", "secretRef": {"name": "bucket"}}}
    it = pipeline(sources=[given], jobs={"envFrom": [{"configMapRef": {"name": "common"}}]})
    container = load(it)["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"configMapRef": {"name": "common"}}, {"secretRef": {"name": "bucket"}}]
    assert json.loads(variables(load(it)["spec"]["template"])["FRESHET_SPEC"])["csv"] == {"path": "s3://b/d.csv"}
    assert {"secretRef": {"name": "bucket"}} not in count(it)["spec"]["template"]["spec"]["containers"][0]["envFrom"]


def test_a_users_template_is_taken_and_left_alone() -> None:
    before = copy.deepcopy(TEMPLATE)
    job = user(TEMPLATE, timeout="2m")
    assert before == TEMPLATE
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 120)
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert job["metadata"]["labels"]["team"] == "x"
    assert job["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "freshet"
    assert job["metadata"]["annotations"] == {"note": "n", **NOTES}
    pod = job["spec"]["template"]
    assert pod["metadata"]["labels"]["freshet.dev/asset"] == "u"
    assert pod["spec"]["containers"] == [{"name": "main", "image": "i"}]


@pytest.mark.parametrize("template", [{}, {"spec": None}, {"metadata": None, "spec": {"template": None}}])
def test_an_empty_template_is_for_the_api_server_to_refuse(template: dict[str, Any]) -> None:
    assert user(template)["kind"] == "Job"


def test_a_sources_asset_is_the_pipelines() -> None:
    it = pipeline(
        sources=[{**SOURCE, "freshness": {"maximumLag": "1m"}, "suspend": True}], freshness={"maximumLag": "9m"}
    )
    made = assets.source_asset(pipeline=it, source=it.spec.sources[0])
    assert made["spec"] == {"key": "src", "pipeline": "p", "materialize": {"source": {}},
                            "freshness": {"maximumLag": "1m"}, "suspend": True}  # fmt: skip
    assert made["metadata"]["ownerReferences"][0]["kind"] == "Pipeline"
    plain = assets.source_asset(pipeline=pipe(freshness={"maximumLag": "9m"}), source=pipe().spec.sources[0])
    assert "freshness" not in plain["spec"]
