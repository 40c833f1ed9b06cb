"""A file behind a web address: what its server says of it, and its bytes."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from freshet.workloads.addresses import shown
from freshet.workloads.clouds import TIMEOUT
from freshet.workloads.credentials import expect_plain
from freshet.workloads.errors import InputMoved, Unavailable
from freshet.workloads.remote_file import RemoteFile, told

__all__ = ["hashed", "is_content", "look", "read"]

_PIECE = 1 << 20


def look(url: str) -> RemoteFile:
    """Servers that tell nothing of the content are read to the end instead."""
    with told(url), _asked(url) as answer:
        said = _said(answer.headers)
        size = int(answer.headers.get("content-length") or -1)
        modified = _modified(answer.headers)
    if any(said):
        return RemoteFile(url=url, size=size, mark=":".join([*said, str(size)]), modified=modified)
    return hashed(url, least=size)


def _said(headers: Any) -> list[str]:
    """An ETag is weak where a proxy may have repacked what it is of."""
    return [headers.get("etag", "").removeprefix("W/"), headers.get("last-modified", "")]


def is_content(mark: str) -> bool:
    """Whether it is the hash of what was read; what servers say has its parts put together."""
    return ":" not in mark


def hashed(url: str, *, least: int = -1) -> RemoteFile:
    """Known by its content; ``least``: so many bytes that should have."""
    digest, size = hashlib.sha256(), 0
    with told(url), read(url, size=least) as pieces:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
    return RemoteFile(url=url, size=size, mark=digest.hexdigest())


@contextmanager
def read(url: str, *, size: int = -1, mark: str = "") -> Iterator[Iterator[bytes]]:
    """The bytes, in pieces. Raises what httpx raises; Unavailable where there are fewer than ``size``, and InputMoved
    where they are others than the look told of (``mark``), as from one of several servers that are not in step.

    httpx takes the end of the connection for the end of an answer that tells no length. Of one that is packed on the
    way, though nobody asked for it, nobody knows how many bytes there should be.
    """
    with _request("GET", url) as answer:
        if mark and not is_content(mark) and any(said not in mark for said in _said(answer.headers)):
            raise InputMoved
        pieces = answer.iter_raw(_PIECE)
        yield pieces if "content-encoding" in answer.headers else _whole(pieces, url, size)


def _whole(pieces: Iterator[bytes], url: str, size: int) -> Iterator[bytes]:
    done = 0
    for piece in pieces:
        done += len(piece)
        yield piece
    if done < size:
        raise Unavailable(
            "SourceUnavailable",
            f"{shown(url)} ended after {done:,} of {size:,} bytes: it is tried again; see the server, or the proxy"
            " before it, if that stays.",
        )


def _modified(headers: Any) -> float:
    """In this pod's time, by the server's own clock: an ETag is often made of time and size, too."""
    try:
        at = parsedate_to_datetime(headers["last-modified"])
        return time.time() - float((parsedate_to_datetime(headers["date"]) - at).total_seconds())
    except (KeyError, ValueError, TypeError):
        return 0.0


@contextmanager
def _asked(url: str) -> Iterator[Any]:
    """The headers alone; those of a GET where HEAD is refused, which many a server does not know, signatures for GET
    alone do not cover and some answer as if nothing were there, or where it says that the file is empty."""
    import httpx

    try:
        with _request("HEAD", url) as answer:
            if answer.headers.get("content-length") != "0":
                yield answer
                return
    except httpx.HTTPStatusError as error:
        if error.response.is_server_error and error.response.status_code != httpx.codes.NOT_IMPLEMENTED:
            raise
    with _request("GET", url) as answer:
        yield answer


@contextmanager
def _request(method: str, url: str) -> Iterator[Any]:
    import httpx

    headers = {"Accept-Encoding": "identity"}
    with (
        httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client,
        client.stream(method, url, headers=headers | _authorization()) as answer,
    ):
        answer.raise_for_status()
        yield answer


def _authorization() -> dict[str, str]:
    value = os.environ.get("HTTPS_AUTHORIZATION", "").strip()
    expect_plain({"HTTPS_AUTHORIZATION": value}, secret="csv.secretRef")
    return {"Authorization": value} if value else {}
