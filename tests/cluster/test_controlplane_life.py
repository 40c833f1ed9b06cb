"""Clusters begin and end: side by side, kept or thrown away, and never a process left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.waiting import wait_for

from freshet.local.cli import local
from freshet.local.controlplane import ClusterError, LocalCluster
from freshet.local.supervise import read_state

HOLD = """
import sys, time
from pathlib import Path
from freshet.local.controlplane import LocalCluster
cluster = LocalCluster.start(folder=Path(sys.argv[1]), binary=Path(sys.argv[2]))
print(*cluster.pids.values(), flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie that waits for its parent."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        with suppress(OSError):
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def gone(pids: list[int]) -> bool:
    return not any(alive(pid) for pid in pids)


def freshet(*arguments: str) -> Result:
    return CliRunner().invoke(local, arguments, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose cluster is ended whatever the test does."""
    yield tmp_path / "cluster"
    freshet("down", "--folder", str(tmp_path / "cluster"))


def processes_in(folder: Path) -> list[int]:
    """Every process of this machine that was started with the folder in its arguments or as its working folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            mine = str(folder) in (entry / "cmdline").read_text() or (entry / "cwd").readlink() == folder
            if mine and alive(int(entry.name)):
                found.append(int(entry.name))
    return found


def test_two_clusters_side_by_side(cluster: LocalCluster, controlplane: Path, tmp_path: Path) -> None:
    with LocalCluster.start(folder=tmp_path / "second", binary=controlplane) as second:
        assert second.server != cluster.server
        second.kubectl("create", "namespace", "only-here")
        assert cluster.kubectl("get", "namespace", "only-here", "--ignore-not-found") == ""
        refused = cluster.kubectl("get", "ns", "--server", second.server, check=False)
        assert refused == "", "the first cluster's admin is nobody in the second"
        pids = list(second.pids.values())
    assert gone(pids)


def test_a_kept_cluster_has_its_objects_and_its_address_again(controlplane: Path, tmp_path: Path) -> None:
    with LocalCluster.start(folder=tmp_path, keep=True, binary=controlplane) as first:
        first.kubectl("create", "configmap", "memory")
        account = first.kubeconfig_for(namespace="default", service_account="default")
        server = first.server
    with LocalCluster.start(folder=tmp_path, keep=True, binary=controlplane) as again:
        assert again.server == server
        assert "memory" in again.kubectl("get", "configmap", "memory")
        assert "default:default" in again.kubectl("auth", "whoami", "--kubeconfig", str(account))
    with LocalCluster.start(folder=tmp_path, binary=controlplane) as fresh:
        assert fresh.kubectl("get", "configmap", "memory", "--ignore-not-found") == ""


def test_a_folder_of_others_is_left_alone(controlplane: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "diary").write_text("mine")
    with pytest.raises(ClusterError, match="has a logs that no cluster made"):
        LocalCluster.start(folder=tmp_path, binary=controlplane)
    assert (tmp_path / "logs" / "diary").read_text() == "mine"
    up = freshet("up", "--folder", str(tmp_path))
    assert (up.exit_code, "has a logs that no cluster made" in up.output) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_what_cannot_be_is_a_sentence(controlplane: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    up = freshet("up", "--folder", str(tmp_path / "file" / "cluster"))
    assert (up.exit_code, "Not a directory" in up.output) == (1, True)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-such-kubeconfig"))
    up = freshet("up", "--folder", str(tmp_path / "cluster"), "--context", "mine")
    assert (up.exit_code, "has no context mine: it has none" in up.output) == (1, True)
    up = freshet("up", "--folder", str(tmp_path / "cluster"), "--context", "mine", "--keep")
    assert (up.exit_code, "leave it out with --context" in up.output) == (2, True)


def test_a_binary_that_does_not_serve_is_a_sentence_and_no_process(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'Error: no such thing' >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(ClusterError, match="ended: Error: no such thing"):
        LocalCluster.start(folder=tmp_path / "cluster", binary=broken)


def test_kill_9_of_the_parent_leaves_nothing(controlplane: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "cluster"), str(controlplane)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        assert all(alive(pid) for pid in pids)
        parent.kill()
    wait_for(lambda: gone(pids), timeout=30, what="the parts ended with their parent")


def test_up_and_down(controlplane: Path, folder: Path) -> None:
    up = freshet("up", "--folder", str(folder))
    assert f"export KUBECONFIG={folder}/kubeconfig" in up.output
    state = read_state(folder)
    assert state is not None
    pids = processes_in(folder)
    assert state.pid in pids
    assert len(pids) == 4, "a supervisor and three parts"
    kubectl = [state.kubectl, "--kubeconfig", state.kubeconfig, "get", "namespaces", "-o", "name"]
    assert "namespace/default" in subprocess.check_output(kubectl, text=True)
    again = freshet("up", "--folder", str(folder))
    assert (again.exit_code, f"freshet local down --folder {folder}" in again.output) == (1, True)
    assert "Ended" in freshet("down", "--folder", str(folder)).output
    wait_for(lambda: gone(pids), timeout=30, what="every process is gone")
    assert not folder.exists()
    assert "No cluster runs" in freshet("down", "--folder", str(folder)).output


def test_kill_9_of_the_supervisor_leaves_nothing_and_the_folder_can_be_used_again(folder: Path) -> None:
    freshet("up", "--folder", str(folder))
    state = read_state(folder)
    assert state is not None
    pids = processes_in(folder)
    os.kill(state.pid, signal.SIGKILL)
    wait_for(lambda: gone(pids), timeout=30, what="the parts ended with their supervisor")
    assert "export KUBECONFIG" in freshet("up", "--folder", str(folder)).output


def test_a_part_that_crashes_ends_the_whole_cluster(folder: Path) -> None:
    freshet("up", "--folder", str(folder))
    pids = processes_in(folder)
    server = next(pid for pid in pids if "kube-apiserver" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(server, signal.SIGKILL)
    wait_for(lambda: gone(pids), timeout=30, what="the others ended")
    assert "kube-apiserver ended" in (folder / "supervisor.log").read_text()


def test_ctrl_c_while_it_starts_leaves_nothing(controlplane: Path, folder: Path) -> None:
    command = [str(Path(sys.executable).with_name("freshet")), "local", "up", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as up:
        wait_for(lambda: (folder / "logs" / "kube-apiserver.log").exists(), what="the API server starts")
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=60) != 0
    wait_for(lambda: not processes_in(folder), timeout=60, what="nothing runs any more")


def test_a_cluster_by_its_context_is_used_and_left_running(
    cluster: LocalCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    absent = freshet("up", "--folder", str(folder), "--context", "absent")
    assert (absent.exit_code, "has no context absent: choose one of freshet" in absent.output) == (1, True)
    up = freshet("up", "--folder", str(folder), "--context", "freshet")
    assert cluster.server in up.output
    state = read_state(folder)
    assert state is not None
    kubectl = [state.kubectl, "--kubeconfig", state.kubeconfig, "get", "namespaces", "-o", "name"]
    assert "namespace/default" in subprocess.check_output(kubectl, text=True)
    assert "goes on running" in freshet("down", "--folder", str(folder)).output
    assert cluster.kubectl("get", "namespace", "default", "-o", "name") == "namespace/default\n"
    assert not folder.exists()
