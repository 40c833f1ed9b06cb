"""Which files a load reads, and their fingerprint.

On a volume content decides, always: a hash of 1 GB takes about a second, and modification times lie (rsync -t, cp -p,
a mounted bucket), so there is no short-cut by size and time. Of an address its server's word is taken (``remote``).
What shapes the load (columns, dialect, key, target) is part of the fingerprint too: changing it loads again.
"""

import glob
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from freshet.workloads.addresses import shown
from freshet.workloads.errors import InputError
from freshet.workloads.remote import find_remote, is_remote
from freshet.workloads.spec import IngestSpec

__all__ = ["Content", "InputFile", "Stamp", "find", "find_again", "fingerprint", "hash_files", "stamps"]

_HINT = "check csv.path and the volume that is mounted there"


@dataclass(frozen=True, kw_only=True)
class Content:
    """The bytes of a file's rows and header, unpacked: how many, and their hash."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One file as it was hashed: ``sha256`` over its bytes as they lie on disk, or over what its server says of it.

    ``content`` is what ``append`` has loaded of it; None where its last row was left open, so that nobody can say
    where the next one begins.
    """

    path: str
    sha256: str
    size: int
    content: Content | None = None


Stamp = tuple[str, int | str, int, int]
"""(path, inode or mark, size, mtime in ns): differs when a file was written to while it was read."""


def find(path: str) -> tuple[Stamp, ...]:
    """The files that ``path`` (a file or a glob) names, sorted. Raises WorkloadError with a sentence."""
    if is_remote(path):
        return tuple((file.url, file.mark, file.size, 0) for file in find_remote(path))
    return stamps(_local(path))


def find_again(path: str, *, names: Sequence[str]) -> tuple[Stamp, ...]:
    """Those of them that were found before, as they are now. Raises WorkloadError where one is gone."""
    if not is_remote(path):
        return stamps(names)
    found = {stamp[0]: stamp for stamp in find(path)}
    gone = next((name for name in names if name not in found), None)
    if gone is not None:
        raise _went_away(shown(gone))
    return tuple(found[name] for name in names)


def _local(path: str) -> tuple[str, ...]:
    if glob.has_magic(path) and not os.path.exists(path):
        found = sorted({name for name in glob.glob(path, recursive=True) if os.path.isfile(name)})  # ** twice: twice
        if not found:
            raise InputError("NoFilesMatch", f"No file matches {path}: {_HINT}.")
        _expect_distinct(found)
        return tuple(found)
    _expect_file(path)
    return (path,)


def _expect_distinct(found: Sequence[str]) -> None:
    """Files are known by a text, which a name that is none shares with another at worst."""
    names = Counter(map(shown, found))
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise InputError(
            "FileUnreadable",
            f"Two files would both be recorded as {twice}, since the name of one is not UTF-8: rename that one.",
        )


def _expect_file(path: str) -> None:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise InputError("FolderMissing", f"The folder {folder} does not exist: {_HINT}.")
    if not os.path.exists(path):
        raise InputError("FileMissing", f"The file {path} does not exist: {_HINT}.")
    if not os.path.isfile(path):
        raise InputError("NotAFile", f"{path} is a folder, not a file: give a file or a glob such as {path}/*.csv.")


def stamps(paths: Sequence[str]) -> tuple[Stamp, ...]:
    """Of files on a volume. Raises InputError where one is gone."""
    try:
        found = [(path, os.stat(path)) for path in paths]
    except OSError as error:
        raise _went_away(shown(str(error.filename))) from error
    return tuple((path, info.st_ino, info.st_size, info.st_mtime_ns) for path, info in found)


def _went_away(path: str) -> InputError:
    return InputError("FileMissing", f"The file {path} went away while it was read: {_HINT}.")


def hash_files(found: Sequence[Stamp]) -> tuple[InputFile, ...]:
    return tuple(_marked(stamp) if is_remote(stamp[0]) else _hash(stamp[0]) for stamp in found)


def _marked(stamp: Stamp) -> InputFile:
    url, mark, size, _ = stamp
    if size == 0:
        raise InputError("EmptyFile", f"The file {shown(url)} is empty (0 bytes): see whether its export failed.")
    return InputFile(path=shown(url), sha256=hashlib.sha256(str(mark).encode()).hexdigest(), size=max(size, 0))


def _hash(path: str) -> InputFile:
    try:
        with Path(path).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
    except OSError as error:
        raise InputError(
            "FileUnreadable",
            f"The file {shown(path)} cannot be read: {error.strerror}; mend its permissions or the volume.",
        ) from error
    if size == 0:
        raise InputError("EmptyFile", f"The file {shown(path)} is empty (0 bytes): see whether its export failed.")
    return InputFile(path=shown(path), sha256=digest, size=size)


def fingerprint(*, spec: IngestSpec, files: Sequence[InputFile]) -> str:
    """Equal input, equal fingerprint. Paths count only for ``append``, which takes a path + content once."""
    named = spec.write.disposition == "append"
    content = [[file.path if named else "", file.sha256] for file in files]
    csv = msgspec.to_builtins(spec.csv)
    if spec.csv.columns is None:
        del csv["columns"]  # so that what was loaded before there were any is not loaded again
    warehouse = msgspec.to_builtins(spec.warehouse)
    if spec.warehouse.duckdb is not None:
        warehouse["duckdb"]["lockTimeout"] = None  # as where none is given: how long to wait is no part of a load
    shape = msgspec.to_builtins([warehouse, spec.table, spec.write, csv, spec.on_bad_rows, spec.data_time_column])
    text = json.dumps([1, shape, content], sort_keys=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
