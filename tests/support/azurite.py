"""Azurite, Microsoft's emulator of Azure Blob Storage: from the npm registry by its lock file, kept in the cache."""

import base64
import hashlib
import hmac
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.support.process import die_with_parent
from tests.support.secrecy import AZURE_KEY
from tests.support.waiting import wait_for

from freshet.local.build_once import one_at_a_time, silent
from freshet.local.build_ui import Node, run, tools
from freshet.local.paths import cache_folder

__all__ = ["ACCOUNT", "connection_string", "running_azurite", "sas_token"]

ACCOUNT = "devstoreaccount1"
SOURCES = Path(__file__).parents[1] / "azurite"
MADE_OF = ("package.json", "package-lock.json", ".npmrc")
NEVER = ("--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck")


@contextmanager
def running_azurite() -> Iterator[str]:
    """Its address, such as 127.0.0.1:41234, until the block ends."""
    node, program = _installed()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ("--blobHost", "127.0.0.1", "--blobPort", str(port))
    process = subprocess.Popen(
        [*node.node, program, *where, *NEVER],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    try:
        wait_for(lambda: _listens(port), what="Azurite listens")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def connection_string(address: str, *, key: str = AZURE_KEY) -> str:
    """As Azure's portal shows one."""
    place = f"BlobEndpoint=http://{address}/{ACCOUNT};"
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};{place}"


def sas_token(permissions: str) -> str:
    """A token of the whole account with ``permissions``, such as rl (read, list), signed as Azure documents it."""
    fields = {"sp": permissions, "ss": "b", "srt": "sco", "st": "", "se": "2099-01-01T00:00:00Z"}
    more = {"sip": "", "spr": "https,http", "sv": "2020-08-04", "ses": ""}
    text = "\n".join([ACCOUNT, *fields.values(), *more.values()])
    signed = base64.b64encode(hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()).decode()
    given = {**fields, **more, "sig": signed}
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value)


def _installed() -> tuple[Node, str]:
    digest = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in MADE_OF)).hexdigest()[:20]
    folder, node = cache_folder() / "azurite" / digest, tools(silent)
    with one_at_a_time(folder.parent, what="Azurite", progress=silent):
        if not folder.exists():
            told = "\n· These tests need Azurite: fetching it from the npm registry (once; about 20 s)"
            print(told, file=sys.__stderr__, flush=True)
            _install(folder, node)
    return node, str(folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js")


def _install(folder: Path, node: Node) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".install-") as name:
        scratch = Path(name) / "azurite"
        scratch.mkdir()
        for file in MADE_OF:
            shutil.copy(SOURCES / file, scratch)
        options = ("--omit=optional", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
        run([*node.npm, "ci", *options], folder=scratch, what="Azurite could not be installed")
        scratch.rename(folder)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
