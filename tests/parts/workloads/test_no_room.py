"""A temp folder without room is told as that, whoever writes there."""

import errno
import os
import subprocess
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.parts.workloads.conftest import World
from tests.support.serving import Quiet, serving

from freshet.workloads.command import failure, sentence_of
from freshet.workloads.databricks_errors import sorted_out
from freshet.workloads.errors import WorkloadError
from freshet.workloads.remote_file import told
from freshet.workloads.unreadable import readable

ROOM = "1m"
GROWS = {"disposition": "append", "onFileChange": "append"}


@pytest.fixture
def narrow(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A real temp folder of a megabyte, and a file that is larger."""
    folder = world.folder / "narrow"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system, and not everywhere")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    world.write("id,v\n" + "".join(f"{at},{at * 7919:>40}\n" for at in range(40_000)))
    yield world
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def site(narrow: World) -> Iterator[str]:
    class Handler(Quiet, SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(narrow.folder))

    with serving(Handler) as address:
        yield address


def refused(world: World, **spec: Any) -> WorkloadError:
    with pytest.raises(WorkloadError) as caught:
        world.load(**spec)
    return caught.value


def test_a_copy_of_an_address_that_has_no_room_is_no_silence_of_its_server(narrow: World, site: str) -> None:
    os.utime(narrow.csv, (1767225600, 1767225600))
    error = refused(narrow, csv={"path": f"{site}/in.csv?key=secret"})
    where = os.environ["TMPDIR"]
    assert (error.reason, error.exit_code) == ("TooLittleSpace", 2)
    assert error.message == f"Reading {site}/in.csv ran out of space in {where}: give the pod more."


def test_a_copy_in_another_encoding_that_has_no_room_is_no_fault_of_the_file(narrow: World) -> None:
    error = refused(narrow, csv={"encoding": "cp1252"})
    assert (error.reason, error.message.split(" ran ")[0]) == ("TooLittleSpace", f"Reading {narrow.csv}")


def test_the_rest_of_a_file_that_grew_has_no_room_either(narrow: World) -> None:
    whole = narrow.csv.read_bytes()
    narrow.write(b"id,v\n")
    narrow.write(whole.splitlines(keepends=True)[0] + b"-1,a\n")
    narrow.load(write=GROWS)
    narrow.write(narrow.csv.read_bytes() + whole.partition(b"\n")[2])
    assert refused(narrow, write=GROWS).reason == "TooLittleSpace"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_quota_is_no_room_either(number: int) -> None:
    for name, within in (("https://h/in.csv?key=1", told), ("/d/in.csv", readable)):
        with pytest.raises(WorkloadError) as caught, within(name):
            raise OSError(number, os.strerror(number))
        assert (caught.value.reason, "key" in caught.value.message) == ("TooLittleSpace", False)


def test_other_troubles_of_a_file_are_not_about_room() -> None:
    with pytest.raises(WorkloadError) as caught, readable("/d/in.csv"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert caught.value.reason == "SourceUnavailable"


def test_it_is_said_wherever_it_is_met() -> None:
    """By dlt on the way to a warehouse, or by what nobody thought of."""
    wrapped = RuntimeError("step failed")
    wrapped.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(Path("/tmp/x")))
    found = sorted_out(wrapped, relation="main.s.t", host="h")
    assert isinstance(found, WorkloadError)
    assert found.reason == "TooLittleSpace"
    duckdbs = duckdb.IOException('Could not write file "/tmp/x/unique.parquet": No space left on device')
    for error in (wrapped, duckdbs):
        assert failure(sentence_of(error))["error"]["reason"] == "TooLittleSpace"
    assert failure(sentence_of(RuntimeError("x")))["error"]["reason"] == "Unexpected"
