"""Files behind s3://, gs://, az:// and https:// addresses: found, told apart by what the server says, and fetched.

What a server says of a file (its ETag, or time and size) is enough to know that it has not changed, so an unchanged one
is not read at all. A changed one is copied into the pod's temp folder in pieces: memory stays flat.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from freshet.workloads import web
from freshet.workloads.addresses import shown
from freshet.workloads.clouds import bucket
from freshet.workloads.errors import ConfigError, InputError, InputMoved
from freshet.workloads.globs import folder_of, is_deep, is_glob, matches, may_be_name
from freshet.workloads.log import Progress
from freshet.workloads.remote_file import RemoteFile, told

__all__ = ["RemoteFile", "fetch", "find_remote", "is_remote", "is_web"]

_PIECE = 1 << 20
_NAME = 100
"""So many letters of an address's last part, which may have more than a file's name, are in that of its copy."""
_BUCKETS = ("s3", "gs", "az")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d+)?/")
YOUNG = 1.5
"""A file at an address that was written in the last seconds may be written again without that its time tells."""
_LOOKS = 3
_HINT = "check csv.path and csv.secretRef"

_Look = Callable[[str], tuple[RemoteFile, ...]]
_Read = Callable[[RemoteFile], AbstractContextManager[Iterator[bytes]]]


def is_remote(path: str) -> bool:
    return "://" in path


def is_web(path: str) -> bool:
    return path.startswith("https://") or _LOOPBACK.match(path) is not None


def find_remote(path: str) -> tuple[RemoteFile, ...]:
    """The files that ``path`` (one, or a glob in a bucket) names, sorted. Raises WorkloadError with a sentence."""
    if is_web(path):
        found, is_settled = _settled(path, lambda url: (web.look(url),))
        return found if is_settled and _is_steady(found[0]) else (web.hashed(path),)
    if path.partition("://")[0] not in _BUCKETS:
        raise ConfigError(
            "UnsupportedUrl",
            f"csv.path {shown(path)} is no address that can be read: use s3://, gs://, az:// or https://.",
        )
    with told(path):
        return _settled(path, _listed)[0]


def fetch(files: Sequence[RemoteFile], folder: Path) -> dict[str, str]:
    """Local copies: path → address. Raises WorkloadError with a sentence, and InputMoved."""
    progress, done, found = Progress(), 0, {}
    read = _reader(files[0].url)
    for at, file in enumerate(files):
        target, digest = folder / f"{at:05}-{_name(file.url)}", hashlib.sha256()
        by_content = is_web(file.url) and web.is_content(file.mark)
        with told(file.url), read(file) as pieces, target.open("wb") as out:
            for piece in pieces:
                out.write(piece)
                if by_content:
                    digest.update(piece)
                done += len(piece)
                progress.say("Fetching: %s MB so far.", f"{done >> 20:,}")
        if by_content and digest.hexdigest() != file.mark:
            raise InputMoved
        found[str(target)] = file.url
    return found


def _name(url: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", url.partition("?")[0].rpartition("/")[2]) or "file"
    return name[-_NAME:]


def _settled(path: str, look: _Look) -> tuple[tuple[RemoteFile, ...], bool]:
    """What is there, once its time can tell it from what may yet be written: servers count whole seconds.

    And whether that came: some say of each answer that it was written just now.
    """
    for _ in range(_LOOKS):
        found = look(path)
        age = time.time() - max(file.modified for file in found)
        if age >= YOUNG:
            return found, True
        time.sleep(min(YOUNG - age, YOUNG))
    return found, False


def _is_steady(file: RemoteFile) -> bool:
    """Some say something else of the same content with each answer."""
    return web.is_content(file.mark) or web.look(file.url).mark == file.mark


def _listed(path: str) -> tuple[RemoteFile, ...]:
    """By one listing, however many files there are."""
    from pyarrow import fs

    scheme, _, key = path.partition("://")
    system = bucket(scheme)
    if may_be_name(key):
        info = system.get_file_info(key)
        if info.type == fs.FileType.File:
            return (_file(scheme, info),)
    if not is_glob(key):
        raise InputError("FileMissing", f"There is no file {path}: {_HINT}.")
    selector = fs.FileSelector(folder_of(key), recursive=is_deep(key), allow_not_found=True)
    infos = system.get_file_info(selector)
    found = [_file(scheme, info) for info in infos if info.type == fs.FileType.File and matches(info.path, key)]
    if not found:
        raise InputError("NoFilesMatch", f"No file matches {path}: {_HINT}.")
    return tuple(sorted(found, key=lambda file: file.url))


def _file(scheme: str, info: Any) -> RemoteFile:
    at = info.mtime_ns or 0
    return RemoteFile(
        url=f"{scheme}://{info.path}", size=info.size, mark=f"{info.size}:{info.mtime_ns}", modified=at / 1e9
    )


def _reader(url: str) -> _Read:
    """What reads this address and others like it, in pieces: of one bucket with one set of connections."""
    if is_web(url):
        return lambda file: web.read(file.url, size=file.size, mark=file.mark)
    with told(url):
        system = bucket(url.partition("://")[0])

    @contextmanager
    def read(file: RemoteFile) -> Iterator[Iterator[bytes]]:
        with system.open_input_stream(file.url.partition("://")[2], compression=None) as stream:
            yield iter(lambda: stream.read(_PIECE), b"")

    return read
