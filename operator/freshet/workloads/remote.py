"""Files behind s3://, gs://, az:// and https:// addresses: found, told apart by what the server says, and fetched.

What a server says of a file (its ETag, or time and size) is enough to know that it has not changed, so an unchanged one
is not read at all. A changed one is copied into the pod's temp folder in pieces: memory stays flat.
"""

import fnmatch
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from freshet.workloads.clouds import TIMEOUT, bucket, sentence
from freshet.workloads.errors import ConfigError, InputError, WorkloadError
from freshet.workloads.log import Progress

__all__ = ["RemoteFile", "fetch", "find_remote", "is_remote", "name_of"]

_PIECE = 1 << 20
_SCHEMES = ("s3", "gs", "az", "https")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d+)?/")
YOUNG = 1.5
"""A file at an address that was written in the last seconds may be written again without that its time tells."""
_LOOKS = 3
_NO_HEAD = (403, 405, 501)
_HINT = "check csv.path and csv.secretRef"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """``mark`` differs when the content does, as far as its server tells; ``modified``: seconds since 1970."""

    url: str
    size: int
    mark: str
    modified: float = 0.0


def is_remote(path: str) -> bool:
    return "://" in path


def name_of(url: str) -> str:
    """What a file is known by: a web address without its query, which may hold a signature that changes."""
    return url.partition("?")[0] if url.startswith(("https://", "http://")) else url


def find_remote(path: str) -> tuple[RemoteFile, ...]:
    """The files that ``path`` (one, or a glob in a bucket) names, sorted. Raises WorkloadError with a sentence."""
    scheme = path.partition("://")[0]
    if scheme == "https" or _LOOPBACK.match(path):
        return _settled(path, lambda url: (_head(url),))
    if scheme not in _SCHEMES:
        raise ConfigError(
            "UnsupportedUrl", f"csv.path {path} is no address that can be read: use s3://, gs://, az:// or https://."
        )
    with _told(path):
        return _settled(path, _listed)


def fetch(files: Sequence[RemoteFile], folder: Path) -> dict[str, str]:
    """Local copies: path → address. Raises WorkloadError with a sentence."""
    progress, done, found = Progress(), 0, {}
    for at, file in enumerate(files):
        name = re.sub(r"[^A-Za-z0-9._-]", "_", file.url.partition("?")[0].rpartition("/")[2]) or "file"
        target = folder / f"{at:05}-{name}"
        with _told(file.url), _opened(file.url) as pieces, target.open("wb") as out:
            for piece in pieces:
                out.write(piece)
                done += len(piece)
                progress.say("Fetching: %s MB so far.", f"{done >> 20:,}")
        found[str(target)] = file.url
    return found


def _settled(path: str, look: Callable[[str], tuple[RemoteFile, ...]]) -> tuple[RemoteFile, ...]:
    """What is there, once its time can tell it from what may yet be written: servers count whole seconds."""
    for _ in range(_LOOKS):
        found = look(path)
        age = time.time() - max(file.modified for file in found)
        if age >= YOUNG:
            break
        time.sleep(min(YOUNG - age, YOUNG))
    return found


def _listed(path: str) -> tuple[RemoteFile, ...]:
    from pyarrow import fs

    scheme, _, key = path.partition("://")
    system = bucket(scheme)
    if not any(mark in key for mark in "*?["):
        info = system.get_file_info(key)
        if info.type != fs.FileType.File:
            raise InputError("FileMissing", f"There is no file {path}: {_HINT}.")
        return (_file(scheme, info),)
    folder = re.split(r"[*?\[]", key)[0].rpartition("/")[0]
    infos = system.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
    found = [_file(scheme, info) for info in infos if info.type == fs.FileType.File and _matches(info.path, key)]
    if not found:
        raise InputError("NoFilesMatch", f"No file matches {path}: {_HINT}.")
    return tuple(sorted(found, key=lambda file: file.url))


def _matches(path: str, pattern: str) -> bool:
    """``*`` stays within a folder, ``**`` does not."""
    expression = fnmatch.translate(pattern.replace("**", "\0")).replace(".*", "[^/]*").replace("\\\0", ".*")
    return re.match(expression.replace("\0", ".*"), path) is not None


def _file(scheme: str, info: Any) -> RemoteFile:
    at = info.mtime_ns or 0
    return RemoteFile(
        url=f"{scheme}://{info.path}", size=info.size, mark=f"{info.size}:{info.mtime_ns}", modified=at / 1e9
    )


@contextmanager
def _opened(url: str) -> Iterator[Iterator[bytes]]:
    scheme, _, key = url.partition("://")
    if scheme in ("https", "http"):
        with _request("GET", url) as answer:
            yield answer.iter_raw(_PIECE)
        return
    with bucket(scheme).open_input_stream(key, compression=None) as stream:
        yield iter(lambda: stream.read(_PIECE), b"")


def _head(url: str) -> RemoteFile:
    """Servers that tell nothing of the content are read to the end instead."""
    with _told(url), _asked(url) as answer:
        told = [answer.headers.get(name, "") for name in ("etag", "last-modified")]
        size = int(answer.headers.get("content-length") or -1)
        modified = _modified(answer.headers)
    if any(told):
        return RemoteFile(url=url, size=size, mark=":".join([*told, str(size)]), modified=modified)
    return _hashed(url)


def _modified(headers: Any) -> float:
    """In this pod's time, by the server's own clock: an ETag is often made of time and size, too."""
    try:
        at = parsedate_to_datetime(headers["last-modified"])
        return time.time() - float((parsedate_to_datetime(headers["date"]) - at).total_seconds())
    except (KeyError, ValueError, TypeError):
        return 0.0


@contextmanager
def _asked(url: str) -> Iterator[Any]:
    """The headers alone; of a server that answers no HEAD, or a signature that is for GET only, those of a GET."""
    import httpx

    try:
        with _request("HEAD", url) as answer:
            yield answer
            return
    except httpx.HTTPStatusError as error:
        if error.response.status_code not in _NO_HEAD:
            raise
    with _request("GET", url) as answer:
        yield answer


def _hashed(url: str) -> RemoteFile:
    import hashlib

    digest, size = hashlib.sha256(), 0
    with _told(url), _opened(url) as pieces:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
    return RemoteFile(url=url, size=size, mark=digest.hexdigest())


@contextmanager
def _request(method: str, url: str) -> Iterator[Any]:
    import httpx

    headers = {"Accept-Encoding": "identity"}
    if authorization := os.environ.get("HTTPS_AUTHORIZATION"):
        headers["Authorization"] = authorization
    with (
        httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client,
        client.stream(method, url, headers=headers) as answer,
    ):
        answer.raise_for_status()
        yield answer


@contextmanager
def _told(url: str) -> Iterator[None]:
    """What goes wrong on the way, as a sentence; the address's query may hold a key and is not shown."""
    try:
        yield
    except WorkloadError:
        raise
    except Exception as error:
        raise sentence(error, url.partition("?")[0]) from error
