"""What a load finds before it looks into the warehouse: its files, what they hold, and that they stay as they are."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from freshet.workloads.addresses import shown
from freshet.workloads.errors import InputMoved, Unavailable
from freshet.workloads.inputs import InputFile, Stamp, find, find_again, fingerprint, hash_files
from freshet.workloads.remote import RemoteFile, fetch, is_remote, is_web
from freshet.workloads.spec import IngestSpec
from freshet.workloads.web import hashed, is_content

__all__ = ["Input", "beside", "expect_still", "fetched", "look", "weighed"]

_LARGE = 16 << 20
_TURN = 0.0005


@dataclass(frozen=True, kw_only=True)
class Input:
    """``path``: the file or glob that was asked for; ``paths``: what it named."""

    path: str
    paths: tuple[str, ...]
    files: tuple[InputFile, ...]
    fingerprint: str
    stamps: tuple[Stamp, ...]


def expect_still(found: Input) -> None:
    """What was parsed is what was fingerprinted; half a line at the end of a growing file is no bad row either."""
    if find_again(found.path, names=found.paths) != found.stamps and not _has_its_content(found.stamps):
        raise InputMoved


def _has_its_content(stamps: Sequence[Stamp]) -> bool:
    """Whether it is one file at a web address that is known by its content, and that is what it was."""
    url, mark = stamps[0][:2]
    return is_web(url) and is_content(str(mark)) and hashed(url).mark == mark


@contextmanager
def beside(work: Callable[[], None], *, size: int) -> Iterator[None]:
    """Run ``work`` (imports) in a thread meanwhile, where ``size`` bytes keep native code busy that needs no GIL."""
    if size < _LARGE:
        yield
        return
    kept = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)  # what waits for the GIL hundreds of times must not wait 5 ms each
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        sys.setswitchinterval(kept)


def _preload() -> None:
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401


def look(spec: IngestSpec) -> Input:
    before = find(spec.csv.path)
    with beside(_preload, size=sum(size for _, _, size, _ in before)):
        files = hash_files(before)
    paths, own = tuple(path for path, *_ in before), fingerprint(spec=spec, files=files)
    return Input(path=spec.csv.path, paths=paths, files=files, fingerprint=own, stamps=before)


def fetched(found: Input, files: Sequence[InputFile], folder: Path) -> dict[str, str]:
    """Where the files are to be read: name for people → path. Raises InputMoved for what is another by now."""
    names = {file.path for file in files}
    wanted = [one for one in found.stamps if shown(one[0]) in names]
    if not is_remote(found.path):
        return {shown(path): path for path, *_ in wanted}
    remote = [RemoteFile(url=url, size=size, mark=str(mark)) for url, mark, size, _ in wanted]
    try:
        return {shown(url): path for path, url in fetch(remote, folder).items()}
    except Unavailable:
        expect_still(found)  # a file that was written meanwhile may be shorter than it was
        raise


def weighed(file: InputFile, path: str) -> InputFile:
    """With its size, which not every server tells. ``path``: where it is to be read."""
    return file if file.size else replace(file, size=os.path.getsize(path))
