"""Imports dbt once and forks a copy of itself for each command: ``python -m freshet.local.dbtcloud.zygote``.

Importing dbt takes seconds, a fork milliseconds. The service stays lean and asynchronous; this process is
single-threaded, as forking safely needs, and each command has a process (and process group) of its own, with dbt's
global state untouched.

It talks over the Unix socket that is its standard input, one JSON object a line:

    → {"id": 1, "argv": ["build"], "env": {…}, "cwd": "…", "log": "…", "wait_for": "x.duckdb"}
    ← {"ready": true}      once, when dbt is imported
    ← {"id": 1, "pid": 4711}
    ← {"id": 1, "exit": 0}

At end of file it ends its commands and itself, so that nothing outlives a service that was killed.
"""

import contextlib
import ctypes
import gc
import json
import multiprocessing.resource_tracker
import multiprocessing.util
import os
import select
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["main"]

PR_SET_PDEATHSIG = 1
LOCK_SECONDS = 60.0
"""A command waits this long for another process's lock on the warehouse; then the profile's retries wait on."""


def main() -> None:
    """Serve until end of file."""
    _die_with_parent()
    link = _take_socket()
    _import_dbt()
    _warm_up()
    gc.collect()
    gc.freeze()  # what is here now stays shared between the copies
    alarm, bell = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(alarm, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the service, which ends us
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    _serve(link, alarm)


def _die_with_parent() -> None:
    """Linux: the kernel ends us when the parent ends, however it ends. Elsewhere the end of file has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _take_socket() -> int:
    """The socket on a descriptor that no program inherits: the service sees the end of file when we are gone."""
    link = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return link


def _serve(link: int, alarm: int) -> None:
    children: dict[int, int] = {}
    _say(link, {"ready": True})
    buffer = b""
    while True:
        ready, _, _ = select.select([link, alarm], [], [])
        if alarm in ready:
            os.read(alarm, 4096)
            _reap(link, children)
        if link in ready:
            received = _receive(link)
            if not received:
                _end(children)
            *lines, buffer = (buffer + received).split(b"\n")
            for line in lines:
                order = json.loads(line)
                children[_fork(link, order)] = order["id"]


def _receive(link: int) -> bytes:
    """What came; nothing when the service is gone."""
    try:
        return os.read(link, 1 << 16)
    except ConnectionError:
        return b""


def _fork(link: int, order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        os.close(link)
        _command(order)
    with contextlib.suppress(OSError):  # the child does it too: whoever is first
        os.setpgid(pid, pid)
    _say(link, {"id": order["id"], "pid": pid})
    return pid


def _command(order: dict[str, Any]) -> NoReturn:
    """In the child: become the command."""
    code = 2
    try:
        os.setpgid(0, 0)
        _die_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _redirect(order["log"])
        os.chdir(order["cwd"])
        os.environ.update(order["env"])
        if order["wait_for"]:
            _wait_for_lock(Path(order["wait_for"]))
        code = _invoke(order["argv"])
    except BaseException as error:
        print(f"dbt ended with {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        multiprocessing.util._run_finalizers()  # type: ignore[attr-defined]  # gives the semaphores back
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def _invoke(argv: list[str]) -> int:
    """dbt's own exit code: 0, 1 for what it handled, 2 for what it did not."""
    from dbt.cli.main import dbtRunner  # imported before the fork
    from dbt_common.events.functions import reset_metadata_vars

    reset_metadata_vars()  # they were read from the environment while warming up
    result = dbtRunner().invoke(argv)
    if result.success:
        return 0
    if result.exception is not None:
        print(result.exception, file=sys.stderr)
        return 2
    return 1


def _redirect(log: str) -> None:
    """What the command writes goes to its log."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target in (1, 2):
        os.dup2(out, target)


def _wait_for_lock(path: Path) -> None:
    """Wait while another process has the DuckDB file; finer than the profile's retries, which wait whole seconds."""
    import duckdb

    deadline = time.monotonic() + LOCK_SECONDS
    while path.exists() and time.monotonic() < deadline:
        try:
            duckdb.connect(str(path)).close()
        except duckdb.IOException:
            time.sleep(0.05)
        else:
            return


def _reap(link: int, children: dict[int, int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in children:
            _say(link, {"id": children.pop(pid), "exit": os.waitstatus_to_exitcode(status)})


def _end(children: dict[int, int]) -> NoReturn:
    for pid in children:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(0)


def _say(link: int, message: dict[str, Any]) -> None:
    """Small enough for the socket's buffer; a service that is gone is noticed at end of file."""
    with contextlib.suppress(OSError):
        os.write(link, json.dumps(message).encode() + b"\n")


def _import_dbt() -> None:
    """Everything that a command is going to import."""
    import dbt.adapters.duckdb
    import dbt.parser.manifest
    import dbt.task.build
    import dbt.task.docs.generate
    import dbt.task.freshness
    import dbt.task.retry  # noqa: F401
    from dbt.cli.main import dbtRunner  # noqa: F401

    # dbt has locks between processes, and the first one of each command would start this helper, a Python of its own.
    multiprocessing.resource_tracker.ensure_running()


def _warm_up() -> None:
    """Parse a tiny project: dbt builds its serializers at the first use, which takes longer than a run of one model."""
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in WARM_UP.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        folders = [
            f"--{kind}-{what}={name}" for kind, what in (("project", "dir"), ("profiles", "dir"), ("log", "path"))
        ]
        dbtRunner().invoke(
            ["--quiet", "--no-send-anonymous-usage-stats", "parse", *folders, f"--target-path={name}/target"]
        )
    if threading.active_count() > 1:
        raise RuntimeError("dbt left threads behind, and a process with threads cannot be forked safely.")


WARM_UP = {
    "dbt_project.yml": "{name: warm, version: '1.0.0', profile: warm}",
    "profiles.yml": "{warm: {target: x, outputs: {x: {type: duckdb, path: ':memory:', schema: main}}}}",
    "models/one.sql": "select * from {{ source('s', 't') }}",
    "models/all.yml": "{sources: [{name: s, tables: [{name: t}]}],"
    " models: [{name: one, columns: [{name: id, data_tests: [unique]}]}]}",
}

if __name__ == "__main__":
    main()
