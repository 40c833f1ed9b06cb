"""Which Secrets the doctor asks for, and what it says of them."""

from typing import Any

import pytest
from tests.unit.doctor.looks import pipeline

from freshet.doctor import secrets
from freshet.doctor.findings import Finding

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
