"""From a pod's spec to a process: expansion, fields, environment, images, mounts. All pure."""

from pathlib import Path
from typing import Any

import pytest

from freshet.local.node.env import ConfigError, environment
from freshet.local.node.expand import expand
from freshet.local.node.fields import FieldError, field_value, resource_value
from freshet.local.node.images import is_project, resolve
from freshet.local.node.launch.view import Mount
from freshet.local.node.plan import Facts, ProcessPlan, plain_view, plan_container
from freshet.local.node.sources import Reference, Sources, references

ALLOCATABLE = {"cpu": "4", "memory": "8388608Ki"}
SOURCES = Sources(
    contents={
        Reference(kind="configmap", name="settings"): {"COLOUR": b"blue", "size": b"7"},
        Reference(kind="secret", name="keys"): {"token": b"s3cret"},
        Reference(kind="secret", name="gone"): None,
        Reference(kind="configmap", name="gone"): None,
    }
)


def pod(**spec: Any) -> dict[str, Any]:
    metadata = {
        "name": "p",
        "namespace": "n",
        "uid": "u-1",
        "labels": {"app": "x", "b": 'q"'},
        "annotations": {"freshet.dev/cause": "cron"},
    }
    return {"metadata": metadata, "spec": {"containers": [], "nodeName": "local", "serviceAccountName": "sa", **spec}}


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "c", "image": "busybox", "command": ["true"], **fields}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("x$(A)$(B)y", "x12y"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(NESTED)", "$(A)"),
        ("$(", "$("),
        ("", ""),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expand(text, variables={"A": "1", "B": "2", "NESTED": "$(A)"}) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "n"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "x"),
        ("metadata.labels['missing']", ""),
        ("metadata.annotations['freshet.dev/cause']", "cron"),
        ("metadata.labels", 'app="x"\nb="q\\""'),
        ("spec.nodeName", "local"),
        ("spec.serviceAccountName", "sa"),
        ("status.podIP", "127.0.0.1"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_field(path: str, expected: str) -> None:
    assert field_value(pod(), path=path) == expected


def test_unknown_field_says_which() -> None:
    with pytest.raises(FieldError, match=r"status\.phase"):
        field_value(pod(), path="status.phase")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"resource": "limits.cpu"}, "2"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "1500"),
        ({"resource": "requests.cpu"}, "2"),
        ({"resource": "limits.memory"}, str(8388608 * 1024)),
        ({"resource": "limits.memory", "divisor": "1Mi"}, "8192"),
        ({"resource": "requests.memory"}, "0"),
    ],
)
def test_resource_field(reference: dict[str, str], expected: str) -> None:
    asking = pod(containers=[container(resources={"limits": {"cpu": "1500m"}})])
    assert resource_value(asking, reference=reference, container="c", allocatable=ALLOCATABLE) == expected


def values(**fields: Any) -> dict[str, str]:
    return environment(
        pod=pod(), container=container(**fields), sources=SOURCES, base={"PATH": "/bin"}, allocatable=ALLOCATABLE
    )


def test_environment_in_order() -> None:
    found = values(
        envFrom=[{"configMapRef": {"name": "settings"}}, {"prefix": "K_", "secretRef": {"name": "keys"}}],
        env=[
            {"name": "COLOUR", "value": "red"},
            {"name": "BOTH", "value": "$(COLOUR)-$(size)-$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
            {"name": "SIZE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "size"}}},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    )
    assert found == {
        "PATH": "/bin",
        "COLOUR": "red",
        "size": "7",
        "K_token": "s3cret",
        "BOTH": "red-7-$(LATER)",
        "LATER": "x",
        "TOKEN": "s3cret",
        "SIZE": "7",
        "POD": "p",
    }


OPTIONAL: list[dict[str, Any]] = [
    {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k", "optional": True}}}]},
    {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "no", "optional": True}}}]},
    {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k", "optional": True}}}]},
    {"envFrom": [{"configMapRef": {"name": "gone", "optional": True}}]},
    {"envFrom": [{"secretRef": {"name": "gone", "optional": True}}]},
]


@pytest.mark.parametrize("fields", OPTIONAL)
def test_optional_is_left_out(fields: dict[str, Any]) -> None:
    assert values(**fields) == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}]},
            'secret "gone" not found',
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "no"}}}]},
            "couldn't find key no in Secret n/keys",
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "no"}}}]},
            "couldn't find key no in ConfigMap n/settings",
        ),
        ({"envFrom": [{"configMapRef": {"name": "gone"}}]}, 'configmap "gone" not found'),
        ({"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]}, "spec.x"),
        ({"env": [{"name": "X", "valueFrom": {"fileKeyRef": {"key": "k"}}}]}, "fileKeyRef is not supported"),
    ],
)
def test_missing_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        values(**fields)
    assert sentence in str(caught.value)


def test_references_are_all_found() -> None:
    asking = pod(
        initContainers=[container(envFrom=[{"secretRef": {"name": "a"}}])],
        containers=[
            container(
                env=[
                    {"name": "X", "value": "1"},
                    {"name": "Y", "valueFrom": {"configMapKeyRef": {"name": "b", "key": "k"}}},
                ]
            )
        ],
        volumes=[
            {"name": "c", "configMap": {"name": "c"}},
            {"name": "d", "secret": {"secretName": "d"}},
            {"name": "e", "projected": {"sources": [{"secret": {"name": "e"}}, {"configMap": {"name": "f"}}]}},
            {"name": "g", "emptyDir": {}},
        ],
    )
    found = {f"{each.kind}/{each.name}" for each in references(asking)}
    assert found == {"secret/a", "configmap/b", "configmap/c", "secret/d", "secret/e", "configmap/f"}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("freshet", True),
        ("freshet:dev", True),
        ("ghcr.io/freshet/freshet:0.1.0", True),
        ("localhost:5000/team/my-freshet@sha256:abc", True),
        ("ghcr.io/freshet/other:1", False),
        ("busybox", False),
        ("freshet.example.org/app", False),
    ],
)
def test_project_image(image: str, expected: bool) -> None:
    assert is_project(image) is expected


def plan(**fields: Any) -> ProcessPlan:
    facts = Facts(volumes={"data": Path("/v/data"), "conf": Path("/v/conf")}, allocatable=ALLOCATABLE, api_port="6443")
    spec = container(**fields)
    return plan_container(
        pod=pod(containers=[spec]), container=spec, sources=SOURCES, facts=facts, termination_log=Path("/v/message")
    )


def test_command_and_arguments() -> None:
    made = plan(command=["run", "$(X)"], args=["--to", "$(HOSTNAME)"], env=[{"name": "X", "value": "1"}])
    assert made.argv == ("run", "1", "--to", "p")
    assert made.env["KUBERNETES_SERVICE_PORT"] == "6443"
    assert made.cwd == "/"


def test_image_without_command() -> None:
    assert plan(image="x/freshet", command=None, args=["ingest"]).argv == ("freshet", "ingest")
    with pytest.raises(ConfigError, match="set the command of container 'c'"):
        plan(image="busybox", command=None, args=["ls"])


def test_project_commands_come_first_and_nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SECRET", "x")
    env = resolve("ghcr.io/freshet/freshet:1").env
    assert (Path(env["PATH"].split(":")[0]) / "python").exists()
    assert "AGENT_SECRET" not in env
    assert "AGENT_SECRET" not in plan().env


def test_mounts_and_security() -> None:
    made = plan(
        workingDir="/work",
        volumeMounts=[
            {"name": "data", "mountPath": "/data/"},
            {"name": "conf", "mountPath": "/etc/app.toml", "subPath": "app.toml", "readOnly": True},
            {"name": "data", "mountPath": "/mine", "subPathExpr": "pods/$(HOSTNAME)"},
        ],
        terminationMessagePath="/tmp/why",
        securityContext={
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    )
    assert made.mounts == (
        Mount(source="/v/data", path="/data"),
        Mount(source="/v/conf/app.toml", path="/etc/app.toml", read_only=True),
        Mount(source="/v/data/pods/p", path="/mine"),
        Mount(source="/v/message", path="/tmp/why"),
    )
    assert (made.read_only_root, made.no_new_privileges, made.drop_capabilities) == (True, True, True)
    assert made.cwd == "/work"


@pytest.mark.parametrize("below", ["../x", "/etc", "a/../../b"])
def test_sub_path_stays_in_its_volume(below: str) -> None:
    with pytest.raises(ConfigError, match="must stay within"):
        plan(volumeMounts=[{"name": "data", "mountPath": "/data", "subPathExpr": below}])


def test_without_namespaces() -> None:
    made = plan(
        volumeMounts=[
            {"name": "data", "mountPath": "/v/data"},
            {"name": "conf", "mountPath": "/tmp"},
            {"name": "data", "mountPath": "/elsewhere"},
            {"name": "conf", "mountPath": "/v/conf", "readOnly": True},
        ]
    )
    env, missing = plain_view(made, termination_log=Path("/v/message"))
    assert missing == ("/elsewhere", "/v/conf")
    assert env["FRESHET_TERMINATION_LOG"] == "/v/message"
    assert env["TMPDIR"] == "/v/conf"
