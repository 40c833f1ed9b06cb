"""The agent's own life: killed, ended, started anew, cut off from its API server."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.test_node_support import Pods, container
from tests.support.process import FRESHET, FreshetProcess
from tests.support.waiting import wait_for

from freshet.local.controlplane import LocalCluster


class Agent(FreshetProcess):
    """A node of its own, so that its pods name it and no other agent takes them."""

    def __init__(self, *, kubeconfig: Path, folder: Path) -> None:
        self.name = f"node-{uuid.uuid4().hex[:8]}"
        self.ready_file = folder / "ready"
        self.kubeconfig = kubeconfig
        options = [f"--kubeconfig={kubeconfig}", f"--name={self.name}", f"--ready-file={self.ready_file}"]
        super().__init__(
            arguments=["local", "node", *options, f"--root={folder / 'root'}", "--restart-delay=1"],
            log_file=folder / "log",
        )

    def start(self) -> None:
        self.ready_file.unlink(missing_ok=True)
        self.launch()

        def ready() -> bool:
            self.assert_running()
            return self.ready_file.exists()

        wait_for(ready, timeout=60, what="the agent is ready")


@pytest.fixture
def agent(cluster: LocalCluster, tmp_path: Path) -> Iterator[Agent]:
    made = Agent(kubeconfig=cluster.kubeconfig, folder=tmp_path)
    made.start()
    yield made
    made.kill()
    cluster.http.delete(f"/api/v1/nodes/{made.name}")


@pytest.fixture
def pods(cluster: LocalCluster, namespace: str, agent: Agent) -> Iterator[Pods]:
    yield Pods(cluster=cluster, namespace=namespace, node=agent.name)
    if agent.running:
        path = f"/api/v1/namespaces/{namespace}/pods"
        cluster.http.request("DELETE", path, params={"gracePeriodSeconds": "0"})


@pytest.fixture
def marker() -> str:
    """An argument of ``sleep`` that nothing else on this machine uses."""
    return f"9{uuid.uuid4().int % 10**9}"


def _count(marker: str) -> int:
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes().split(b"\0")[:2] == [b"sleep", marker.encode()]
        except OSError:
            continue
    return found


def _sleepers(marker: str) -> dict[str, object]:
    """A container of two processes, one of which has left the session and ignores SIGTERM."""
    return container(f"(trap '' TERM; exec setsid sleep {marker}) & exec sleep {marker}")


def test_kill_9_leaves_no_process(agent: Agent, pods: Pods, marker: str) -> None:
    for name in ("a", "b"):
        pods.run(name, _sleepers(marker), policy="Always")
    wait_for(lambda: _count(marker) == 4, what="both pods run")
    agent.kill()
    wait_for(lambda: _count(marker) == 0, what="all processes are gone")


def test_sigterm_ends_the_pods_and_says_so(agent: Agent, pods: Pods, cluster: LocalCluster, marker: str) -> None:
    pods.run("a", _sleepers(marker))
    wait_for(lambda: _count(marker) == 2, what="the pod runs")
    assert agent.stop() == 0
    assert _count(marker) == 0
    node = cluster.http.get(f"/api/v1/nodes/{agent.name}").json()
    assert node["status"]["conditions"][0]["reason"] == "NodeAgentStopped"
    assert pods.ended("a")["exitCode"] == 143


def test_the_agent_ends_with_its_parent(agent: Agent, tmp_path: Path) -> None:
    agent.stop()
    pid_file = tmp_path / "pid"
    arguments = [*agent.arguments, "--die-with-parent"]
    code = (
        "import subprocess, sys, time; from pathlib import Path;"
        "p = subprocess.Popen(sys.argv[2:]); Path(sys.argv[1]).write_text(str(p.pid)); time.sleep(60)"
    )
    agent.ready_file.unlink()
    parent = subprocess.Popen([sys.executable, "-c", code, str(pid_file), str(FRESHET), *arguments])
    wait_for(agent.ready_file.exists, timeout=60, what="the agent is ready")
    pid = int(pid_file.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait(30)
    wait_for(lambda: not _alive(pid), what="the agent has ended")


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_after_kill_9_a_pod_that_never_restarts_has_failed(agent: Agent, pods: Pods, marker: str) -> None:
    pods.run("done", container("echo kept; echo -n m > /dev/termination-log"))
    pods.until("done", "Succeeded")
    pods.run("lost", container(f"echo before; exec sleep {marker}"))
    wait_for(lambda: _count(marker) == 1, what="the pod runs")
    pods.until("lost", "Running")
    agent.kill()
    agent.start()
    state = pods.ended("lost")
    assert (state["exitCode"], state["reason"]) == (137, "ContainerStatusUnknown")
    assert "had ended with the former one" in state["message"]
    assert pods.logs("lost") == "before\n"
    assert pods.logs("done") == "kept\n"
    assert pods.ended("done")["message"] == "m"


def test_after_kill_9_a_pod_that_restarts_runs_again(agent: Agent, pods: Pods, marker: str) -> None:
    pods.run("again", _sleepers(marker), policy="Always")
    wait_for(lambda: _count(marker) == 2, what="the pod runs")
    pods.until("again", "Running")
    agent.kill()
    agent.start()
    wait_for(lambda: _count(marker) == 2, what="the pod runs again")

    def restarted() -> bool:
        status = (pods.get("again") or {})["status"]["containerStatuses"][0]
        return bool(status["restartCount"] == 1 and "running" in status["state"])

    wait_for(restarted, what="one restart is told")


def test_what_was_deleted_while_the_agent_was_down(agent: Agent, pods: Pods, marker: str) -> None:
    pods.run("orphan", _sleepers(marker))
    pods.until("orphan", "Running")
    agent.kill()
    pods.delete("orphan")
    agent.start()
    pods.gone("orphan")
    assert _count(marker) == 0


def test_a_forced_deletion_ends_the_processes(agent: Agent, pods: Pods, marker: str) -> None:
    pods.run("forced", _sleepers(marker), terminationGracePeriodSeconds=60)
    wait_for(lambda: _count(marker) == 2, what="the pod runs")
    pods.cluster.kubectl("delete", "pod", "-n", pods.namespace, "forced", "--force", "--grace-period=0")
    wait_for(lambda: _count(marker) == 0, what="all processes are gone")


def test_a_shorter_grace_period_counts(agent: Agent, pods: Pods) -> None:
    pods.run("slow", container("trap '' TERM; echo up; while :; do sleep 1; done"), terminationGracePeriodSeconds=600)
    wait_for(lambda: (pods.get("slow") or {})["status"].get("phase") == "Running", what="the pod runs")
    pods.delete("slow")
    pods.cluster.kubectl("delete", "pod", "-n", pods.namespace, "slow", "--grace-period=1", "--timeout=60s")
    pods.gone("slow")


def test_pods_wait_for_room(cluster: LocalCluster, namespace: str, tmp_path: Path) -> None:
    """An agent with room for one, on a cluster of its own name: the second pod starts when the first has ended."""
    folder = tmp_path / "small"
    folder.mkdir()
    small = Agent(kubeconfig=cluster.kubeconfig, folder=folder)
    small.arguments.append("--max-pods=1")
    pods = Pods(cluster=cluster, namespace=namespace)
    selector = {"kubernetes.io/hostname": small.name}
    try:
        small.start()
        pods.run("first", container("sleep 2"), nodeSelector=selector)
        pods.run("second", container("true"), nodeSelector=selector)
        first = pods.ended("first")
        second = pods.ended("second")
        assert second["startedAt"] >= first["finishedAt"]
        assert (pods.get("second") or {})["spec"]["nodeName"] == small.name
    finally:
        small.kill()
        cluster.http.delete(f"/api/v1/nodes/{small.name}")


def test_the_api_server_may_go_and_come_back(controlplane: Path, tmp_path: Path) -> None:
    """A pod ends while nothing answers; its end is told when the server is back, and new pods run."""
    folder = tmp_path / "cluster"
    place = tmp_path / "agent"
    place.mkdir()
    first = LocalCluster.start(folder=folder, keep=True, binary=controlplane)
    agent = Agent(kubeconfig=first.kubeconfig, folder=place)
    try:
        agent.start()
        Pods(cluster=first, namespace="default", node=agent.name).run("a", container("sleep 3; echo over"))
        Pods(cluster=first, namespace="default").until("a", "Running")
        first.stop()
        time.sleep(3)
        with LocalCluster.start(folder=folder, keep=True, binary=controlplane) as second:
            pods = Pods(cluster=second, namespace="default", node=agent.name)
            assert second.server == first.server
            pods.until("a", "Succeeded")
            assert pods.logs("a") == "over\n"
            pods.run("b", container("true"))
            pods.until("b", "Succeeded")
            agent.assert_running()
            assert agent.stop() == 0
    finally:
        agent.kill()
        first.stop()
