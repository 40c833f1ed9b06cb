"""A container's output: kept by line, cut, turned over, followed."""

import asyncio
from pathlib import Path

from freshet.local.node.logs import Line, LogWriter, Wanted, file_lines, follow, rotated, select, tail_bytes


def texts(path: Path, **wanted: int) -> list[bytes]:
    return [line.text for line in select(file_lines(path), wanted=Wanted(**wanted))]  # type: ignore[arg-type]


async def test_lines_of_both_streams_stay_whole(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "0.log")
    log.feed("stdout", b"on")
    log.feed("stderr", b"err\n")
    log.feed("stdout", b"e\ntwo\nrest")
    log.close()
    assert texts(log.path) == [b"err", b"one", b"two", b"rest"]
    assert tail_bytes(log.path) == b"err\none\ntwo\nrest"
    assert log.path.read_text().splitlines()[0].split(" ", 1)[1] == "stderr F err"


async def test_a_very_long_line_is_cut_and_joined_again(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "0.log")
    log.feed("stdout", b"x" * 40_000)
    log.feed("stdout", b"y\nnext\n")
    log.close()
    assert tail_bytes(log.path) == b"x" * 40_000 + b"y\nnext\n"
    assert b"".join(texts(log.path, tail=2)) == b"x" * 40_000 + b"ynext"
    assert texts(log.path, tail=1) == [b"next"]
    assert texts(log.path, tail=0) == []


async def test_since_and_timestamps(tmp_path: Path) -> None:
    old = Line(at="2026-01-01T00:00:00.000000000Z", text=b"old")
    new = Line(at="2026-01-02T00:00:00.000000000Z", text=b"new")
    wanted = Wanted(timestamps=True, since="2026-01-01T12:00:00.000000000Z")
    found = [wanted.render(line) for line in select(iter([old, new]), wanted=wanted)]
    assert found == [b"2026-01-02T00:00:00.000000000Z new\n"]


async def test_a_large_file_is_turned_over(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "0.log", limit=1000)
    for number in range(100):
        log.feed("stdout", b"%d\n" % number)
    log.close()
    assert rotated(log.path).exists()
    kept = [int(text) for text in texts(log.path)]
    assert kept == list(range(kept[0], 100))
    assert log.path.stat().st_size + rotated(log.path).stat().st_size < 2500


async def test_follow_gives_every_line_once_over_turns_and_ends(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "0.log", limit=2000)
    log.feed("stdout", b"0\n1\n")
    seen: list[int] = []

    async def read() -> None:
        seen.extend([int(line.text) async for line in follow(log.path, writer=log, wanted=Wanted())])

    reader = asyncio.create_task(read())
    for number in range(2, 300):
        log.feed("stdout", b"%d\n" % number)
        await asyncio.sleep(0)
    log.close()
    await asyncio.wait_for(reader, 10)
    assert log.rotations > 0
    assert seen == list(range(300))
