"""What ``append`` takes: a file once, and of one that grew (``onFileChange: append``) what lies beyond.

The record of a load knows each file's content: the number of its bytes, unpacked, and their hash. A grown file's
beginning must still be that; what follows is copied into a file of its own below the same header, so that whoever
parses it needs to know no more than how many lines lie ahead.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from freshet.workloads.beyond import changed, content_of, copy_beyond
from freshet.workloads.errors import InputError
from freshet.workloads.inputs import Content, InputFile
from freshet.workloads.packed import packing
from freshet.workloads.remote import is_remote
from freshet.workloads.spec import Csv
from freshet.workloads.unreadable import readable

__all__ = ["Part", "part_of", "wanted", "with_content"]


_NAME = 50
"""So many letters of a file's name, each of at most four bytes, fit behind what is put before them."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is parsed of ``file``. ``path``: where it lies; ``header``: the file whose first record names its columns.

    ``ahead``: so many lines of the file are not in ``path``; -1: one there is none of its own. ``grown``: its first
    rows were loaded before. ``names``: what its columns are called, where that was read already.
    """

    path: str
    header: str
    file: InputFile
    ahead: int = 0
    grown: bool = False
    names: tuple[str, ...] | None = None


def wanted(
    files: Sequence[InputFile], *, taken: Mapping[str, InputFile], may_grow: bool, csv: Csv
) -> tuple[InputFile, ...]:
    """Those that were not taken as they are. Raises InputError for a change that may not be, or is no growth."""
    differ = [file for file in files if file.path in taken and taken[file.path].sha256 != file.sha256]
    for file in differ:
        if not may_grow and _is_its_content(file, csv):
            raise _once(file)
        if taken[file.path].content is None:
            raise changed(file.path, "has changed, and ended within open quotes when it was appended before")
    return tuple(file for file in files if file.path not in taken or file in differ)


def _is_its_content(file: InputFile, csv: Csv) -> bool:
    """Whether its hash is that of what it holds: at an address, or packed, it may be written anew and hold the same."""
    return not is_remote(file.path) and packing(file.path, csv.compression) is None


def _once(file: InputFile) -> InputError:
    return changed(
        file.path,
        "was appended before and has changed since: append takes a file once",
        "set write.onFileChange to append where files only grow",
    )


def part_of(file: InputFile, taken: InputFile | None, *, path: str, csv: Csv, folder: Path, may_grow: bool) -> Part:
    """The whole file, which lies unpacked at ``path``; of one that was taken, what lies beyond. Raises InputError."""
    if taken is None or taken.content is None:
        return Part(path=path, header=path, file=file)
    target = folder / f"beyond-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}-{Path(path).name[-_NAME:]}"
    with readable(file.path), open(path, "rb") as source, target.open("wb") as out:
        ahead, content = copy_beyond(source, out, known=taken.content, name=file.path, csv=csv)
    if content != taken.content and not may_grow:
        raise _once(file)
    return Part(path=str(target), header=path, file=replace(file, content=content), ahead=ahead, grown=True)


def with_content(part: Part, *, csv: Csv, is_open: bool) -> InputFile:
    """The file for the record; without a content where its last row ends within quotes (``is_open``)."""
    file = part.file
    if is_open:
        return replace(file, content=None)
    if part.grown:
        return file
    if _is_its_content(file, csv):
        return replace(file, content=Content(size=file.size, sha256=file.sha256))
    with readable(file.path), open(part.path, "rb") as source:
        return replace(file, content=content_of(source, csv))
