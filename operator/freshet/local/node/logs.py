"""A container's output on disk: one line per line, with its time, as container runtimes keep it (CRI).

``2026-11-23T23:55:00.123456000Z stdout F text``; ``P`` instead of ``F`` where a line was cut because it is very
long. A file that has grown too large becomes ``….1``; what was there is dropped.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Line", "LogWriter", "Wanted", "file_lines", "follow", "select", "tail_bytes"]

LIMIT_FILE = 10 * 1024 * 1024
LIMIT_LINE = 16 * 1024
LIMIT_TAIL = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Line:
    """``at`` as it is written: RFC 3339 in UTC."""

    at: str
    text: bytes
    complete: bool = True


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What ``kubectl logs`` asked for; ``since`` RFC 3339 in UTC, as lines have it."""

    timestamps: bool = False
    tail: int | None = None
    since: str | None = None
    limit_bytes: int | None = None

    def render(self, line: Line, *, continues: bool = False) -> bytes:
        """``continues``: the line before was only the beginning of this one."""
        prefix = f"{line.at} ".encode() if self.timestamps and not continues else b""
        return prefix + line.text + (b"\n" if line.complete else b"")


class LogWriter:
    """Takes the bytes of both streams and writes whole lines; tells followers."""

    def __init__(self, path: Path, *, limit: int = LIMIT_FILE) -> None:
        self.path = path
        self.finished = False
        self._limit = limit
        self._rest: dict[str, bytes] = {}
        self._file = path.open("ab", buffering=0)
        self._changed = asyncio.Event()
        self.rotations = 0

    def feed(self, stream: str, data: bytes) -> None:
        """Bytes of ``stdout`` or ``stderr``."""
        *lines, rest = (self._rest.get(stream, b"") + data).split(b"\n")
        at = _now()
        out = [part for line in lines for part in _encode(line, stream=stream, at=at)]
        while len(rest) > LIMIT_LINE:
            out.append(_record(rest[:LIMIT_LINE], stream=stream, at=at, tag="P"))
            rest = rest[LIMIT_LINE:]
        self._rest[stream] = rest
        if out:
            self._write(b"".join(out))

    def close(self) -> None:
        """The container has ended: the last lines may lack their end."""
        at = _now()
        left = [_record(rest, stream=stream, at=at, tag="P") for stream, rest in self._rest.items() if rest]
        if left:
            self._write(b"".join(left))
        self._file.close()
        self.finished = True
        self._notify()

    async def changed(self) -> None:
        """Return once something was written, or the end has come."""
        if not self.finished:
            await self._changed.wait()

    def _write(self, data: bytes) -> None:
        if self._file.tell() > self._limit:
            self._file.close()
            self.path.rename(rotated(self.path))
            self._file = self.path.open("ab", buffering=0)
            self.rotations += 1
        self._file.write(data)
        self._notify()

    def _notify(self) -> None:
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()


def rotated(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _encode(line: bytes, *, stream: str, at: str) -> Iterator[bytes]:
    while len(line) > LIMIT_LINE:
        yield _record(line[:LIMIT_LINE], stream=stream, at=at, tag="P")
        line = line[LIMIT_LINE:]
    yield _record(line, stream=stream, at=at, tag="F")


def _record(text: bytes, *, stream: str, at: str, tag: str) -> bytes:
    return f"{at} {stream} {tag} ".encode() + text + b"\n"


def _parse(raw: bytes) -> Line:
    at, _, tag, text = raw.rstrip(b"\n").split(b" ", 3)
    return Line(at=at.decode(), text=text, complete=tag == b"F")


def file_lines(path: Path) -> Iterator[Line]:
    """All lines that are kept of a container's output."""
    for each in (rotated(path), path):
        if each.exists():
            with each.open("rb") as file:
                yield from (_parse(raw) for raw in file if raw.endswith(b"\n"))


def select(lines: Iterator[Line], *, wanted: Wanted) -> Iterator[Line]:
    """Those lines that were asked for."""
    chosen = (line for line in lines if wanted.since is None or line.at >= wanted.since)
    if wanted.tail is None:
        yield from chosen
    elif wanted.tail > 0:
        yield from _last(chosen, count=wanted.tail)


def _last(lines: Iterator[Line], *, count: int) -> list[Line]:
    """The last ``count`` lines, each with the parts it was cut into."""
    kept: list[list[Line]] = [[]]
    for line in lines:
        kept[-1].append(line)
        if line.complete:
            kept.append([])
            del kept[: -count - 1]
    if not kept[-1]:
        kept.pop()
    return [line for parts in kept[-count:] for line in parts]


def tail_bytes(path: Path) -> bytes:
    """The end of the output as text, for ``FallbackToLogsOnError``."""
    plain = Wanted()
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LIMIT_TAIL))
            raw = file.readlines()
    except OSError:
        return b""
    complete = raw if size <= LIMIT_TAIL else raw[1:]
    return b"".join(plain.render(_parse(line)) for line in complete)


async def follow(path: Path, *, writer: LogWriter, wanted: Wanted) -> AsyncIterator[Line]:
    """The lines that were asked for, and then each as it comes, until the container ends."""
    file = path.open("rb")
    file.seek(0, 2)
    rotations = writer.rotations
    try:
        for line in list(select(file_lines(path), wanted=wanted)):  # all before the first await: none comes twice
            yield line
        while True:
            finished = writer.finished
            for raw in file:
                yield _parse(raw)
            if rotations != writer.rotations:
                file.close()
                file, rotations = path.open("rb"), writer.rotations
            elif finished:
                return
            else:
                await writer.changed()
    finally:
        file.close()
