"""What ``freshet local up | down | status`` do, apart from their options and output."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from freshet.local.cluster import ClusterError, claim, clean
from freshet.local.cluster_client import Kubectl
from freshet.local.paths import clusters_folder, write_private
from freshet.local.supervise import LOCK, STATE, STAY, State, read_state, running

__all__ = ["adopt", "end", "known", "launch"]

END_SECONDS = 25
LOG = "supervisor.log"


def known() -> list[tuple[str, State]]:
    """The clusters below the cache folder that run, with their names."""
    states = ((path.parent.name, read_state(path.parent)) for path in sorted(clusters_folder().glob(f"*/{STATE}")))
    return [(name, state) for name, state in states if state and (not state.pid or running(Path(state.folder)))]


def launch(*, folder: Path, keep: bool, binary: Path) -> State:
    """Start a cluster under a supervisor of its own; returns when it is ready. Raises ClusterError.

    When this process ends before that (Ctrl-C), the supervisor does too.
    """
    claim(folder)
    if running(folder):
        end_it = f"freshet local down --folder {folder}"
        raise ClusterError(f"A cluster runs in {folder} already: use it, or end it with `{end_it}`")
    command = [
        sys.executable,
        "-m",
        "freshet.local.supervise",
        str(folder),
        "keep" if keep else "throw-away",
        str(binary),
    ]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True, cwd=folder
        )
    answer = _answer(process)
    if answer != "ready":
        raise ClusterError(answer.removeprefix("failed: ") or f"The supervisor ended: see {folder / LOG}")
    state = read_state(folder)
    if state is None:
        raise ClusterError(f"{folder / STATE} vanished: another command ended the cluster")
    _leave(process)
    return state


def adopt(*, context: str, folder: Path, kubectl: Path) -> State:
    """Use a real cluster by its kube context: its kubeconfig is copied into ``folder``. Raises ClusterError."""
    if running(folder):
        raise ClusterError(f"A cluster runs in {folder}: give another --name or --folder for context {context}")
    user = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    config = _only(context, kubeconfig=user, kubectl=kubectl)
    claim(folder)
    kubeconfig = folder / "kubeconfig"
    write_private(kubeconfig, config)
    chosen = Kubectl(command=kubectl, kubeconfig=kubeconfig, cache=folder / "kubectl-cache")
    chosen.run("get", "--raw", "/version", "--request-timeout=10s")
    state = State(
        folder=str(folder),
        kubeconfig=str(kubeconfig),
        server=json.loads(config)["clusters"][0]["cluster"]["server"],
        kubectl=str(kubectl),
        keep=True,
        pid=0,
    )
    write_private(folder / STATE, json.dumps(asdict(state), indent=2) + "\n")
    return state


def end(*, folder: Path) -> str:
    """End the cluster in ``folder`` and remove what it made, unless it is kept. Returns a sentence for people.

    A supervisor that does not end in time is killed, and its lifeline takes the rest along. Raises ClusterError.
    """
    state = read_state(folder)
    was_running = running(folder)
    if was_running:
        if state is None:
            raise ClusterError(f"The cluster in {folder} is still starting: try again in a moment")
        _signal_until_free(folder, pid=state.pid)
    if state is None and not was_running:
        return f"No cluster runs in {folder}"
    if state and not (state.keep and state.pid):
        clean(folder)
        for name in (STATE, LOCK, LOG):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
    ours = was_running or (state and state.pid)
    return f"Ended the cluster in {folder}" if ours else f"Forgot the cluster of {folder}, which goes on running"


def _only(context: str, *, kubeconfig: str, kubectl: Path) -> str:
    """One context of a kubeconfig, with the files that it names inside."""
    with tempfile.TemporaryDirectory() as cache:
        reader = Kubectl(command=kubectl, kubeconfig=kubeconfig, cache=Path(cache))
        names = reader.run("config", "get-contexts", "-o", "name").split()
        if context not in names:
            choice = f"choose one of {', '.join(names)}" if names else "it has none (is KUBECONFIG set as you want it?)"
            raise ClusterError(f"{kubeconfig} has no context {context}: {choice}")
        arguments = ("config", "view", "--minify", "--flatten", "--raw", "-o", "json", "--context", context)
        return reader.run(*arguments)


def _signal_until_free(folder: Path, *, pid: int) -> None:
    for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not running(folder):
                return
            time.sleep(0.05)
    raise ClusterError(f"The cluster in {folder} does not end: end process {pid} by hand")


def _answer(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout
    try:
        return process.stdout.readline().decode().strip()
    except BaseException:
        process.terminate()
        raise


def _leave(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.write(STAY)
    process.stdin.close()
    process.stdout.close()
    process.returncode = 0  # it outlives us on purpose: no warning that it was not waited for
