"""The process that owns a detached cluster, and how the command line finds, waits for and ends it.

Whether a cluster runs is told by a lock on its folder, which the kernel frees however its holder dies; a process id
in a file alone would be believed after the process is gone. Until it is ready the supervisor also ends when the
command that started it does: that is Ctrl-C during the start.

Run as ``python -m freshet.local.supervise FOLDER keep|throw-away BINARY``: it prints ``ready`` or ``failed: why``, and
then waits for the line ``stay`` on its standard input.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from freshet.local.cluster import ClusterError, LocalCluster
from freshet.local.paths import write_private

__all__ = ["STATE", "State", "own", "read_state", "running"]

STATE = "cluster.json"
LOCK = "lock"
CHECK_SECONDS = 0.5
STAY = b"stay\n"
_lock: IO[str] | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """What ``freshet local status`` shows. ``pid`` is the supervisor's, 0 for a cluster that is not ours."""

    folder: str
    kubeconfig: str
    server: str
    kubectl: str
    keep: bool
    pid: int


def read_state(folder: Path) -> State | None:
    """What was written about the cluster in ``folder``, running or not."""
    try:
        return State(**json.loads((folder / STATE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def running(folder: Path) -> bool:
    """Whether a supervisor owns the folder now."""
    try:
        own(folder).close()
    except ClusterError:
        return True
    except FileNotFoundError:
        pass
    return False


def own(folder: Path) -> IO[str]:
    """Take the folder's lock, which is held until the file that is returned is closed.

    Raises ClusterError when someone else holds it, FileNotFoundError without the folder.
    """
    with contextlib.ExitStack() as undo:
        file = undo.enter_context((folder / LOCK).open("a"))
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClusterError(
                f"A cluster runs in {folder}: end it with `freshet local down --folder {folder}`"
            ) from error
        undo.pop_all()
    return file


def supervise(*, folder: Path, keep: bool, binary: Path) -> None:
    """Start a cluster, say so, and hold it until SIGTERM, SIGINT, or a part that ends by itself."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    global _lock  # held until this process is gone, and not only the cluster
    _lock = own(folder)
    with LocalCluster.start(folder=folder, keep=keep, binary=binary) as cluster:
        state = State(
            folder=str(cluster.folder),
            kubeconfig=str(cluster.kubeconfig),
            server=cluster.server,
            kubectl=str(binary.with_name("kubectl")),
            keep=keep,
            pid=os.getpid(),
        )
        write_private(folder / STATE, json.dumps(asdict(state), indent=2) + "\n")
        try:
            _tell("ready")
            if _told_to_stay(stopped):
                _hold(cluster, stopped=stopped)
        finally:
            (folder / STATE).unlink(missing_ok=True)


def _hold(cluster: LocalCluster, *, stopped: threading.Event) -> None:
    while not stopped.wait(CHECK_SECONDS):
        cluster.check()


def _told_to_stay(stopped: threading.Event) -> bool:
    """False when the command that started us went away first."""
    while not stopped.is_set():
        readable, _, _ = select.select([0], [], [], CHECK_SECONDS)
        if readable:
            return os.read(0, len(STAY)) == STAY
    return False


def _tell(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, line.encode() + b"\n")


def main() -> None:
    folder, keep, binary = Path(sys.argv[1]), sys.argv[2] == "keep", Path(sys.argv[3])
    try:
        supervise(folder=folder, keep=keep, binary=binary)
    except ClusterError as error:
        _tell(f"failed: {error}")
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
