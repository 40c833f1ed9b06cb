"""Pods through the real API server: configuration, volumes, order, restarts, ends, refusals."""

from pathlib import Path
from typing import Any

import pytest
from tests.cluster.test_node_support import Pods, container
from tests.support.kube import create, get_object, list_objects
from tests.support.node import NodeProcess
from tests.support.waiting import wait_for

from freshet.local.controlplane import ClusterError, LocalCluster


@pytest.fixture
def pods(cluster: LocalCluster, namespace: str, node: NodeProcess) -> Pods:
    node.assert_running()
    return Pods(cluster=cluster, namespace=namespace)


def test_the_node_is_registered(cluster: LocalCluster, node: NodeProcess) -> None:
    found = cluster.http.get("/api/v1/nodes/local").raise_for_status().json()["status"]
    assert {"type": "InternalIP", "address": "127.0.0.1"} in found["addresses"]
    assert found["daemonEndpoints"]["kubeletEndpoint"]["Port"] == int(node.ready_file.read_text())
    assert [(c["type"], c["status"]) for c in found["conditions"]] == [("Ready", "True")]
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/local"
    wait_for(lambda: cluster.http.get(lease).is_success, what="the node's Lease")


def test_a_job_completes_with_its_message(cluster: LocalCluster, namespace: str, pods: Pods) -> None:
    message = '{"kind": "count", "rows": 7}'
    restricted = {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    spec = {
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "freshet",
                "image": "ghcr.io/freshet/freshet:0.1.0",
                "command": ["sh", "-c", f"freshet --version; touch /tmp/x; echo -n '{message}' > /dev/termination-log"],
                "securityContext": restricted,
                "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    body = {"metadata": {"name": "count"}, "spec": {"backoffLimit": 0, "template": {"spec": spec}}}
    create(cluster, "jobs", namespace=namespace, body=body)

    def complete() -> bool:
        job = get_object(cluster, "jobs", namespace=namespace, name="count") or {}
        return job.get("status", {}).get("succeeded") == 1

    wait_for(complete, what="the Job is complete")
    listed = cluster.kubectl("get", "pods", "-n", namespace, "-o", "name").split("/")[1].strip()
    state = pods.ended(listed)
    assert (state["exitCode"], state["reason"], state["message"]) == (0, "Completed", message)
    assert pods.logs(listed).startswith("freshet, version")
    assert "resources" in pods.event(listed, "NotEnforced")["message"]
    assert pods.event(listed, "Started")["involvedObject"]["fieldPath"] == "spec.containers{freshet}"


def test_environment(pods: Pods) -> None:
    pods.configure("configmaps", "settings", COLOUR="blue", size="7")
    pods.configure("secrets", "keys", token="s3cret")
    env = [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
        {"name": "SIZE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "size"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "no", "key": "no", "optional": True}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "ALL", "value": "$(TOKEN)/$(SIZE)/$(COLOUR)/$(NODE)/$(NOT)"},
    ]
    script = 'echo "$ALL ${NONE-unset} $0"'
    main = container(script, env=env, envFrom=[{"configMapRef": {"name": "settings"}}], args=["$(SIZE)"])
    pods.run("env", {**main, "workingDir": "/usr"})
    assert pods.ended("env")["exitCode"] == 0
    assert pods.logs("env") == "s3cret/7/blue/local/$(NOT) unset 7\n"


def test_volumes(pods: Pods, tmp_path: Path) -> None:
    pods.configure("configmaps", "settings", app="a=1", other="b")
    pods.configure("secrets", "keys", token="s3cret")
    (tmp_path / "raw.csv").write_text("1,2\n")
    projected = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "settings", "items": [{"key": "app", "path": "deep/app"}]}},
        {"secret": {"name": "keys"}},
        {"downwardAPI": {"items": [{"path": "me", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    projected[2]["secret"]["items"] = [{"key": "token", "path": "key"}]
    volumes: list[dict[str, Any]] = [
        {"name": "conf", "configMap": {"name": "settings", "defaultMode": 0o440}},
        {"name": "keys", "secret": {"secretName": "keys"}},
        {"name": "host", "hostPath": {"path": str(tmp_path), "type": "Directory"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "all", "projected": {"sources": projected}},
    ]
    mounts = [
        {"name": "conf", "mountPath": "/freshet-conf", "readOnly": True},
        {"name": "conf", "mountPath": "/freshet-one/app.toml", "subPath": "app"},
        {"name": "keys", "mountPath": "/freshet-keys"},
        {"name": "host", "mountPath": "/freshet-data"},
        {"name": "scratch", "mountPath": "/tmp"},
        {"name": "all", "mountPath": "/var/run/freshet"},
    ]
    script = (
        "set -e; cat /freshet-conf/app /freshet-one/app.toml /freshet-keys/token /freshet-data/raw.csv"
        " /var/run/freshet/deep/app /var/run/freshet/key /var/run/freshet/me; stat -Lc ' %a' /freshet-conf/app;"
        " cut -d. -f1 /var/run/freshet/token | base64 -d 2>/dev/null | cut -c1-6;"
        " ls /tmp; echo new > /freshet-data/out; ! touch /freshet-conf/x 2>/dev/null;"
        " ! touch /freshet-keys/x 2>/dev/null; ! touch /var/run/freshet/x 2>/dev/null"
    )
    pods.run("volumes", container(script, volumeMounts=mounts), volumes=volumes)
    pods.until("volumes", "Succeeded", "Failed")
    assert pods.logs("volumes") == 'a=1a=1s3cret1,2\na=1s3cretvolumes 440\n{"alg"\n'
    assert pods.ended("volumes")["exitCode"] == 0
    assert (tmp_path / "out").read_text() == "new\n"


def test_the_service_account_reaches_the_api(pods: Pods) -> None:
    code = (
        "import os, ssl, urllib.request as r; f = '/var/run/secrets/kubernetes.io/serviceaccount/';"
        "u = f\"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}/version\";"
        "q = r.Request(u, headers={'Authorization': 'Bearer ' + open(f + 'token').read()});"
        "c = ssl.create_default_context(cafile=f + 'ca.crt');"
        "print(r.urlopen(q, context=c).status, open(f + 'namespace').read())"
    )
    main = {"name": "main", "image": "freshet", "command": ["python", "-c", code]}
    pods.run("account", main, automountServiceAccountToken=True)
    pods.until("account", "Succeeded", "Failed")
    assert pods.logs("account") == f"200 {pods.namespace}\n"


def test_init_containers_run_in_order_and_share_volumes(pods: Pods) -> None:
    mounts = [{"name": "work", "mountPath": "/freshet-work"}]
    init = [
        container("echo one > /freshet-work/f", name="first", volumeMounts=mounts),
        container("echo two >> /freshet-work/f", name="second", volumeMounts=mounts),
    ]
    mains = [container("cat /freshet-work/f", name=name, volumeMounts=mounts) for name in ("main", "other")]
    pods.run("init", *mains, initContainers=init, volumes=[{"name": "work", "emptyDir": {}}])
    status = pods.until("init", "Succeeded", "Failed")["status"]
    assert [each["state"]["terminated"]["exitCode"] for each in status["initContainerStatuses"]] == [0, 0]
    assert pods.logs("init", "-c", "other") == pods.logs("init", "-c", "main") == "one\ntwo\n"


def test_a_failed_init_container_fails_the_pod(pods: Pods) -> None:
    pods.run("bad-init", container("true"), initContainers=[container("exit 4", name="first")])
    status = pods.until("bad-init", "Failed")["status"]
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 4
    assert "waiting" in status["containerStatuses"][0]["state"]


def test_on_failure_starts_again_with_back_off(pods: Pods) -> None:
    mounts = [{"name": "work", "mountPath": "/freshet-work"}]
    script = "echo run >> /freshet-work/f; [ $(wc -l < /freshet-work/f) -ge 2 ]"
    volumes = [{"name": "work", "emptyDir": {}}]
    pods.run("again", container(script, volumeMounts=mounts), policy="OnFailure", volumes=volumes)
    status = pods.until("again", "Succeeded", "Failed")["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 1


def test_always_backs_off_and_keeps_the_previous_log(pods: Pods) -> None:
    pods.run("crash", container("echo run of $$; exit 3"), policy="Always")
    state = pods.waiting("crash", "CrashLoopBackOff")
    assert "restarting failed container=main" in state["message"]
    pod = pods.get("crash")
    assert pod is not None
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 1
    assert pods.logs("crash", "--previous").startswith("run of")
    assert pods.event("crash", "BackOff")["type"] == "Warning"
    pods.delete("crash")
    pods.gone("crash")


def test_exit_code_and_fallback_to_logs(pods: Pods) -> None:
    main = container("echo what went wrong; exit 9", terminationMessagePolicy="FallbackToLogsOnError")
    pods.run("fallback", main)
    state = pods.ended("fallback")
    assert (state["exitCode"], state["reason"], state["message"]) == (9, "Error", "what went wrong\n")


def test_a_message_elsewhere_is_cut_at_4096_bytes(pods: Pods) -> None:
    main = container("head -c 9000 /dev/zero | tr '\\0' m > /tmp/why", terminationMessagePath="/tmp/why")
    pods.run("message", main, volumes=[{"name": "t", "emptyDir": {}}])
    assert pods.ended("message")["message"] == "m" * 4096


def test_configuration_that_comes_later(pods: Pods) -> None:
    env = [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "late", "key": "x"}}}]
    pods.run("late", container("echo $X", env=env))
    assert pods.waiting("late", "CreateContainerConfigError")["message"] == 'secret "late" not found'
    pods.configure("secrets", "late", x="came")
    pods.until("late", "Succeeded")
    assert pods.logs("late") == "came\n"


def test_a_volume_that_comes_later(pods: Pods) -> None:
    mounts = [{"name": "conf", "mountPath": "/freshet-conf"}]
    pods.run(
        "mount",
        container("cat /freshet-conf/x", volumeMounts=mounts),
        volumes=[{"name": "conf", "configMap": {"name": "conf"}}],
    )
    assert 'configmap "conf" not found' in pods.event("mount", "FailedMount")["message"]
    pods.waiting("mount", "ContainerCreating")
    pods.configure("configmaps", "conf", x="came")
    pods.until("mount", "Succeeded")


def test_an_image_without_a_command_says_what_to_do(pods: Pods) -> None:
    pods.run("image", {"name": "main", "image": "nginx"})
    message = pods.waiting("image", "CreateContainerConfigError")["message"]
    assert "set the command of container 'main'" in message
    pods.delete("image")
    pods.gone("image")


def test_a_program_that_is_not_there(pods: Pods) -> None:
    pods.run("program", {"name": "main", "image": "x", "command": ["no-such-program"]})
    state = pods.ended("program")
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert "executable file not found" in state["message"]


def test_what_is_not_supported_is_said(pods: Pods) -> None:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "x"}}]
    pods.run("claim", container("true"), volumes=volumes)
    status = pods.until("claim", "Failed")["status"]
    assert status["reason"] == "Unsupported"
    assert "persistentVolumeClaim" in status["message"]
    assert pods.event("claim", "Unsupported")["message"] == status["message"]
    assert pods.waiting("claim", "Unsupported")["message"] == status["message"]


def test_what_is_left_out_is_said(pods: Pods) -> None:
    pods.run("left-out", container("true"), hostname="web")
    pods.until("left-out", "Succeeded")
    message = pods.condition("left-out", "freshet.dev/Enforced", "False")["message"]
    assert "hostname" in message
    assert pods.event("left-out", "NotEnforced")["message"] == message


def test_a_pod_that_fits_nowhere_says_why(pods: Pods) -> None:
    pods.run("nowhere", container("true"), nodeSelector={"gpu": "yes"})
    message = pods.condition("nowhere", "PodScheduled", "False")["message"]
    assert "gpu=yes" in message
    assert pods.event("nowhere", "FailedScheduling")["message"] == message
    pods.delete("nowhere")
    pods.gone("nowhere")


def test_an_ephemeral_container_is_refused(pods: Pods) -> None:
    pods.run("debugged", container("exec sleep 60"))
    pods.until("debugged", "Running")
    pods.cluster.kubectl("debug", "-n", pods.namespace, "debugged", "--image=x", "--container=look", "--", "true")
    assert "kubectl debug" in pods.event("debugged", "Unsupported")["message"]

    def refused() -> bool:
        status = ((pods.get("debugged") or {}).get("status") or {}).get("ephemeralContainerStatuses") or [{}]
        return status[0].get("state", {}).get("waiting", {}).get("reason") == "Unsupported"

    wait_for(refused, what="the refusal in the pod's status")
    pods.delete("debugged")
    pods.gone("debugged")


def test_the_deadline_of_a_pod(pods: Pods) -> None:
    pods.run("deadline", container("exec sleep 60"), activeDeadlineSeconds=1)
    status = pods.until("deadline", "Failed")["status"]
    assert status["reason"] == "DeadlineExceeded"
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143


def test_a_command_as_readiness_probe_sees_what_the_container_sees(
    pods: Pods, cluster: LocalCluster, tmp_path: Path
) -> None:
    """Its words are in the Event: that is how a load says what it waits for."""
    probe = {"exec": {"command": ["sh", "-c", "cat /tmp/word; test ! -e /tmp/word"]}, "periodSeconds": 1}
    mounts, volumes = [{"name": "tmp", "mountPath": "/tmp"}], [{"name": "tmp", "hostPath": {"path": str(tmp_path)}}]
    work = container("echo still asleep > /tmp/word; exec sleep 60")
    pods.run("asleep", {**work, "readinessProbe": probe, "volumeMounts": mounts}, volumes=volumes)

    def words() -> str:
        events = list_objects(cluster, "events", namespace=pods.namespace)
        return " ".join(event["message"] for event in events if event["reason"] == "Unhealthy")

    wait_for(lambda: "Readiness probe failed: still asleep" in words(), what="the probe's words")

    def ready() -> bool:
        return any(each.get("ready") for each in pods.get("asleep")["status"].get("containerStatuses", ()))  # type: ignore[index]

    assert not ready()
    (tmp_path / "word").unlink()
    wait_for(ready, what="the pod is ready")
    pods.delete("asleep")
    pods.gone("asleep")


def test_readiness_probe(pods: Pods) -> None:
    server = {
        "name": "main",
        "image": "freshet",
        "command": ["python", "-m", "http.server", "18931", "--bind", "127.0.0.1", "--directory", "/usr"],
        "ports": [{"name": "web", "containerPort": 18931}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 1},
    }
    pods.run("probe", server)

    def ready() -> bool:
        status = (pods.get("probe") or {}).get("status", {})
        return {"Ready": "True"}.items() <= {c["type"]: c["status"] for c in status.get("conditions", [])}.items()

    wait_for(ready, what="the pod is ready")
    pods.delete("probe")
    pods.gone("probe")


def test_deletion_sends_sigterm_and_waits(pods: Pods, tmp_path: Path) -> None:
    out = tmp_path / "out"
    volumes = [{"name": "host", "hostPath": {"path": str(tmp_path)}}]
    script = "trap 'echo ended > /freshet-data/out; exit 0' TERM; echo up; sleep 60 & wait"
    main = container(script, volumeMounts=[{"name": "host", "mountPath": "/freshet-data"}])
    pods.run("polite", main, volumes=volumes, terminationGracePeriodSeconds=30)
    pods.until("polite", "Running")
    wait_for(lambda: pods.logs("polite") == "up\n", what="the trap is set")
    pods.delete("polite")
    pods.gone("polite")
    assert out.read_text() == "ended\n"


def test_deletion_kills_after_the_grace_period(pods: Pods) -> None:
    pods.run("stubborn", container("trap '' TERM; echo up; while :; do sleep 1; done"))
    pods.until("stubborn", "Running")
    wait_for(lambda: pods.logs("stubborn") == "up\n", what="the trap is set")
    pods.cluster.kubectl("delete", "pod", "-n", pods.namespace, "stubborn", "--grace-period=1", "--timeout=60s")
    pods.gone("stubborn")
    assert "Stopping container main" in pods.event("stubborn", "Killing")["message"]


def test_logs(pods: Pods) -> None:
    pods.run("logs", container("for i in 1 2 3; do echo line $i; done; echo err >&2"))
    pods.until("logs", "Succeeded")
    assert sorted(pods.logs("logs").splitlines()) == ["err", "line 1", "line 2", "line 3"]
    assert len(pods.logs("logs", "--tail=2").splitlines()) == 2
    assert pods.logs("logs", "--timestamps").split("T")[0].count("-") == 2
    assert pods.logs("logs", "--limit-bytes=3") in ("lin", "err")
    assert pods.logs("logs", "-f").count("\n") == 4


def test_logs_follow_a_running_pod_to_its_end(pods: Pods, tmp_path: Path) -> None:
    mounts = [{"name": "host", "mountPath": "/freshet-data"}]
    script = "echo first; while [ ! -e /freshet-data/go ]; do sleep 0.1; done; echo last"
    volumes = [{"name": "host", "hostPath": {"path": str(tmp_path)}}]
    pods.run("follow", container(script, volumeMounts=mounts), volumes=volumes)
    pods.until("follow", "Running")
    path = f"/api/v1/namespaces/{pods.namespace}/pods/follow/log"
    with pods.cluster.http.stream("GET", path, params={"follow": "true"}, timeout=30) as response:
        lines = response.iter_lines()
        assert next(lines) == "first"
        (tmp_path / "go").touch()
        assert list(lines) == ["last"]


def test_logs_of_what_has_not_started(pods: Pods) -> None:
    pods.run("unborn", container("true"), volumes=[{"name": "c", "configMap": {"name": "absent"}}])
    pods.waiting("unborn", "ContainerCreating")
    answer = pods.cluster.http.get(f"/api/v1/namespaces/{pods.namespace}/pods/unborn/log")
    assert answer.status_code == 400
    assert "waiting to start: ContainerCreating" in answer.text


def test_exec_is_refused_with_a_sentence(pods: Pods) -> None:
    pods.run("exec", container("exec sleep 60"))
    pods.until("exec", "Running")
    with pytest.raises(ClusterError, match="kubectl exec is not supported by this node agent"):
        pods.cluster.kubectl("exec", "-n", pods.namespace, "exec", "--", "true")
    pods.delete("exec")
    pods.gone("exec")
