"""Debian's PostgreSQL: a server of the tests' own on loopback, with a password."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from tests.support.debian import install
from tests.support.process import die_with_parent
from tests.support.secrecy import POSTGRES_PASSWORD
from tests.support.waiting import wait_for

__all__ = ["PostgresServer", "postgres"]

USER = "freshet"
FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")


class PostgresServer:
    """``url`` is what dlt takes as ``DESTINATION__POSTGRES__CREDENTIALS``."""

    def __init__(self, *, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.url = f"postgresql://{USER}:{POSTGRES_PASSWORD}@{self.address}/postgres"

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement; none where it has none."""
        with psycopg2.connect(self.url) as con, con.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server until the block ends; what it held is gone then."""
    install("postgresql", found=_programs)
    programs, account = _programs(), _account()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="freshet-postgres-") as made:
        folder = Path(made)
        if account:
            shutil.chown(folder, account)
        _init(programs, folder, account)
        server, process = _start(programs, folder, account)
        try:
            wait_for(lambda: _answers(server, process, folder / "log"), what="PostgreSQL answers")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # ends at once, whoever is connected
            process.wait(30)


def _init(programs: Path, folder: Path, account: str | None) -> None:
    password = folder / "password"
    password.write_text(POSTGRES_PASSWORD)
    command = [programs / "initdb", "-D", folder / "data", "-U", USER, "-A", "scram-sha-256", "--pwfile", password]
    command += ["--no-sync", "--locale=C.UTF-8", "-E", "UTF8"]
    done = subprocess.run(command, user=account, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


def _start(programs: Path, folder: Path, account: str | None) -> tuple[PostgresServer, "subprocess.Popen[bytes]"]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ["-c", "listen_addresses=127.0.0.1", "-p", str(port), "-k", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", *where, *FAST],
            user=account,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            preexec_fn=die_with_parent,
        )
    return PostgresServer(port=port), process


def _programs() -> Path | None:
    """Debian keeps the server's programs in a folder per version, out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: _version(path.parts[-3]))
    return found[-1].parent if found else None


def _version(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9.]+", text) else 0.0


def _account() -> str | None:
    """The server refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None


def _answers(server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")
    try:
        return server.query("SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False
