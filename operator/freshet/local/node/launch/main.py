"""Start one container's program, watch over it, and end with its exit code.

Two processes. The *outer* one is the agent's child: it enters the namespaces, forwards SIGTERM, and kills
everything when its standard input closes, which happens when the agent says so or dies. The *inner* one is process
1 of the container: it builds the view, starts the program in a session of its own, reaps orphans, and takes all
processes along when it ends. Without namespaces one process does both.

The plan comes as one line of JSON on standard input; what could not be started is reported as one line of JSON on
``report``.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

from freshet.local.node.launch import linux
from freshet.local.node.launch.view import Mount, View, ViewError, enter

__all__ = ["CANNOT_START", "main"]

CANNOT_START: Final = 128
"""Exit code of a container whose program could not be started, as container runtimes have it."""
LIMIT_PLAN: Final = 8 * 1024 * 1024

FORWARDED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Plan = dict[str, Any]


def main() -> None:
    """Run the plan on standard input and exit with the program's code."""
    plan = _read_plan()
    report = int(plan["report"])
    os.set_inheritable(report, False)
    os.umask(0o022)
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)  # kept until the program can get it
    try:
        code = _run_isolated(plan, report) if plan.get("view") else _run_plain(plan, report)
    except (OSError, ViewError) as error:
        _fail(report, f"cannot prepare the container: {error}")
    os._exit(code)


def _read_plan() -> Plan:
    data = b""
    while not data.endswith(b"\n"):
        chunk = os.read(0, 65536)
        data += chunk
        if not chunk or len(data) > LIMIT_PLAN:
            os._exit(CANNOT_START)
    plan: Plan = json.loads(data)
    return plan


def _fail(report: int, message: str) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(report, json.dumps({"error": message}).encode() + b"\n")
    os._exit(CANNOT_START)


def _run_isolated(plan: Plan, report: int) -> int:
    linux.enter_namespaces()
    linux.die_with_parent(signal.SIGKILL)  # after the namespaces: entering a user namespace clears it
    ready, go = os.pipe()
    inner = os.fork()
    if inner == 0:
        os.close(go)
        _inner(plan, report, ready)
    os.close(ready)
    os.write(go, b"1")  # held open: the inner process sees our end even if it is early
    os.close(report)
    return _supervise(inner, forward=lambda number: os.kill(inner, number), life=0)


def _inner(plan: Plan, report: int, ready: int) -> NoReturn:
    linux.die_with_parent(signal.SIGKILL)
    if os.read(ready, 1) != b"1":
        os._exit(CANNOT_START)
    try:
        with contextlib.suppress(OSError):
            socket.sethostname(plan["hostname"])
        enter(_view(plan["view"]))
        child = _start(plan, report)
        os.close(report)
        os._exit(_supervise(child, forward=lambda number: os.killpg(child, number), life=None))
    except (OSError, ViewError) as error:
        _fail(report, f"cannot prepare the container: {error}")


def _view(data: dict[str, Any]) -> View:
    mounts = tuple(Mount(source=m["source"], path=m["path"], read_only=m["readOnly"]) for m in data["mounts"])
    return View(root=data["root"], mounts=mounts, keep=tuple(data["keep"]), read_only_root=data["readOnlyRoot"])


def _run_plain(plan: Plan, report: int) -> int:
    linux.adopt_orphans()
    child = _start(plan, report)
    os.close(report)
    code = _supervise(child, forward=lambda number: os.killpg(child, number), life=0)
    _kill_group(child)
    _kill_descendants()
    return code


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _kill_descendants() -> None:
    """End what left the session: as their subreaper we get them one generation after the other (Linux)."""
    while True:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                children = [int(pid) for pid in file.read().split()]
        except OSError:
            return
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _start(plan: Plan, report: int) -> int:
    child = os.fork()
    if child == 0:
        _exec(plan, report)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)  # both sides do, so that no early signal misses it
    return child


def _exec(plan: Plan, report: int) -> NoReturn:
    argv: list[str] = plan["argv"]
    try:
        with contextlib.suppress(OSError):
            os.setsid()
        linux.die_with_parent(signal.SIGKILL)
        _enter_folder(plan["cwd"], report)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        if plan.get("noNewPrivileges") and sys.platform == "linux":
            linux.forbid_new_privileges()
        if plan.get("dropCapabilities") and sys.platform == "linux":
            linux.drop_capabilities()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        os.execvpe(argv[0], argv, plan["env"])
    except FileNotFoundError:
        _fail(report, f'exec: "{argv[0]}": executable file not found in $PATH')
    except OSError as error:
        _fail(report, f'exec: "{argv[0]}": {error.strerror or error}')


def _enter_folder(path: str, report: int) -> None:
    try:
        os.makedirs(path, exist_ok=True)
        os.chdir(path)
    except OSError as error:
        _fail(report, f"working folder {path}: {error.strerror}")


def _supervise(child: int, *, forward: Callable[[int], None], life: int | None) -> int:
    """Wait for the child; forward what asks it to end; kill it when ``life`` reaches its end. Returns the exit code."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.set_blocking(reading, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (*FORWARDED, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    sources = [reading] if life is None else [reading, life]
    while True:
        code = _reap(child)
        if code is not None:
            return code
        readable = select.select(sources, [], [])[0]
        if life in readable and not os.read(0, 4096):
            sources = [reading]
            _quietly(forward, signal.SIGKILL)
        if reading in readable:
            for received in os.read(reading, 4096):
                if received != signal.SIGCHLD:
                    _quietly(forward, received)


def _quietly(forward: Callable[[int], None], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        forward(number)


def _reap(child: int) -> int | None:
    """Collect what has ended; the child's exit code once it is among that, 128 + n for signal n."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return CANNOT_START
        if pid == 0:
            return None
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
