"""The memory of a load into DuckDB does not grow with its file, by the kernel's own account of its process.

DuckDB is allowed little, so that it has filled that with the smaller file already: the peaks are then about the same,
and one that kept the larger file, or its rows, would be higher by at least what the files differ.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import GROW

from freshet.workloads import overflow
from freshet.workloads.errors import DataRefused

MB = 1 << 20
SMALL, LARGE = 20, 200
FRUGAL = {"FRESHET_PARSE_MEMORY": "96MB", "FRESHET_LOAD_MEMORY": "64MB"}


def written(path: Path, megabytes: int) -> None:
    """Rows that no packing makes small."""
    line = "{number},{text}\n"
    rows = (line.format(number=number, text=os.urandom(40).hex()) for number in range(MB // 88))
    block = "".join(rows)
    with path.open("w") as file:
        file.write("id,v\n")
        for _ in range(megabytes * MB // len(block)):
            file.write(block)


def peak(world: World) -> float:
    """MB that the process held at most."""
    own = {"FRESHET_SPEC": json.dumps(world.spec()), "TMPDIR": str(world.folder), **FRUGAL}
    process = subprocess.Popen(
        [sys.executable, "-m", "freshet.workloads", "ingest"],
        env={**os.environ, **own},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


def test_ten_times_the_file_takes_no_more_memory(world: World) -> None:
    peaks = {}
    for megabytes in (SMALL, LARGE):
        written(world.csv, megabytes)
        peaks[megabytes] = peak(world)
    print(f"peak MB by the file's MB: {peaks}")
    assert peaks[LARGE] - peaks[SMALL] < (LARGE - SMALL) / 2


def test_what_duckdb_may_hold_is_no_overflow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives it more is not told that rows are bad."""
    monkeypatch.setattr(overflow, "BUDGET", -3000 * MB)
    monkeypatch.setenv("FRESHET_PARSE_MEMORY", "4GB")
    world.write("id,v\n1,a\n" + "".join(f"{number}\n" for number in range(100_000)))
    assert world.load(onBadRows="drop")["rowsRejected"] == 100_000


@pytest.mark.parametrize("more", ["", ",too,many"])
def test_a_file_of_bad_rows_is_refused_with_a_sentence(
    world: World, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its memory, of which each of them takes some, ends the pod without one."""
    monkeypatch.setattr(overflow, "BUDGET", -3000 * MB)
    rows = "".join(f"{number}{more}\n" for number in range(100_000))
    world.write("id,v\n1,a\n" + rows)
    with pytest.raises(DataRefused, match="no memory to count them, first in line 3: too") as caught:
        world.load(onBadRows="drop")
    assert caught.value.reason == "TooManyBadRows"
    assert [sample.line for sample in caught.value.samples] == [3, 4, 5]
    assert str(world.csv) in caught.value.message


@pytest.mark.parametrize("header", ["id,v\n", 'id,"v\r\n"\n'])
def test_its_lines_are_those_of_the_whole_file(world: World, header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that grew, or whose header spans lines, a part is parsed."""
    world.write(f"{header}1,a\n")
    world.load(write=GROW)
    monkeypatch.setattr(overflow, "BUDGET", -3000 * MB)
    world.write(f"{header}1,a\n" + "".join(f"{number}\n" for number in range(100_000)))
    with pytest.raises(DataRefused) as caught:
        world.load(write=GROW, onBadRows="drop")
    first = 2 + header.count("\n")
    assert [sample.line for sample in caught.value.samples] == [first, first + 1, first + 2]
