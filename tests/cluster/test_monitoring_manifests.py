"""manifests/monitoring renders with kustomize, and what needs no other definitions is taken by the API server."""

import json
from typing import Any

import yaml

from freshet.local.controlplane import LocalCluster
from freshet.local.paths import checkout

FOLDER = checkout() / "manifests" / "monitoring"


def rendered(cluster: LocalCluster, folder: str = "") -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(cluster.kubectl("kustomize", str(FOLDER / folder))))


def test_everything_lies_beside_the_operator(cluster: LocalCluster) -> None:
    made = {document["kind"]: document for document in rendered(cluster)}
    assert set(made) == {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    for document in made.values():
        assert document["metadata"]["namespace"] == "freshet-system"
        assert document["metadata"]["labels"]["app.kubernetes.io/part-of"] == "freshet"


def test_the_service_monitor_finds_the_service_of_the_base(cluster: LocalCluster) -> None:
    (monitor,) = [document for document in rendered(cluster) if document["kind"] == "ServiceMonitor"]
    base = yaml.safe_load_all(cluster.kubectl("kustomize", str(checkout() / "manifests" / "base")))
    (service,) = [document for document in base if document["kind"] == "Service"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["honorLabels"] is True


def test_the_dashboard_fits_into_a_config_map(cluster: LocalCluster, namespace: str) -> None:
    (document,) = rendered(cluster, "grafana")
    assert document["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(document["data"]["freshet.json"])["uid"] == "freshet"
    document["metadata"]["namespace"] = namespace
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--filename=-", input=yaml.safe_dump(document))
