"""A process that has imported dbt once and forks a copy of itself for each command: ``python -m freshet.local.dbtcloud.zygote``.

Importing dbt takes seconds, a fork milliseconds. The service stays lean and asynchronous; this process is single-threaded, as
forking safely needs, and each command has a process (and process group) of its own, with dbt's global state untouched.

It talks over the Unix socket on file descriptor 0, one JSON object a line:

    → {"id": 1, "argv": ["build"], "env": {…}, "cwd": "…", "log": "…", "wait_for": "x.duckdb"}
    ← {"ready": true}      once, when dbt is imported
    ← {"id": 1, "pid": 4711}
    ← {"id": 1, "exit": 0}

At end of file it ends its commands and itself, so that nothing outlives a service that was killed.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["main"]

LOCK_SECONDS = 60.0
"""A command waits this long for another process's lock on the warehouse before it leaves the waiting to the profile's retries."""


def main() -> None:
    """Serve until end of file."""
    _import_dbt()
    os.set_blocking(0, False)
    alarm, bell = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(alarm, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the service, which ends us
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    _serve(alarm)


def _serve(alarm: int) -> None:
    children: dict[int, int] = {}
    _say({"ready": True})
    buffer = b""
    while True:
        ready, _, _ = select.select([0, alarm], [], [])
        if alarm in ready:
            os.read(alarm, 4096)
            _reap(children)
        if 0 in ready:
            received = os.read(0, 1 << 16)
            if not received:
                _end(children)
            *lines, buffer = (buffer + received).split(b"\n")
            for line in lines:
                order = json.loads(line)
                children[_fork(order)] = order["id"]


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _command(order)
    with contextlib.suppress(OSError):  # the child does it too: whoever is first
        os.setpgid(pid, pid)
    _say({"id": order["id"], "pid": pid})
    return pid


def _command(order: dict[str, Any]) -> NoReturn:
    """In the child: become the command."""
    code = 2
    try:
        os.setpgid(0, 0)
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
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def _invoke(argv: list[str]) -> int:
    """dbt's own exit code: 0, 1 for what it handled, 2 for what it did not."""
    from dbt.cli.main import dbtRunner  # imported before the fork

    result = dbtRunner().invoke(argv)
    if result.success:
        return 0
    if result.exception is not None:
        print(result.exception, file=sys.stderr)
        return 2
    return 1


def _redirect(log: str) -> None:
    """Nothing of the service's socket reaches the command."""
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)


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


def _reap(children: dict[int, int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in children:
            _say({"id": children.pop(pid), "exit": os.waitstatus_to_exitcode(status)})


def _end(children: dict[int, int]) -> NoReturn:
    for pid in children:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(0)


def _say(message: dict[str, Any]) -> None:
    """Small enough for the socket's buffer; a service that is gone is noticed at end of file."""
    with contextlib.suppress(OSError):
        os.write(0, json.dumps(message).encode() + b"\n")


def _import_dbt() -> None:
    """Everything that a command is going to import."""
    import dbt.adapters.duckdb
    import dbt.parser.manifest
    import dbt.task.build
    import dbt.task.docs.generate
    import dbt.task.freshness
    import dbt.task.retry  # noqa: F401
    from dbt.cli.main import dbtRunner  # noqa: F401


if __name__ == "__main__":
    main()
