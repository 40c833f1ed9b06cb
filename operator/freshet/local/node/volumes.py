"""A pod's volumes on this machine: folders filled with what they should hold, or the machine's own paths.

Contents are exchanged as the kubelet does it: files are links into ``..data``, itself a link that is replaced in
one step, so that a reader sees either the old files or the new.
"""

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from freshet.local.node.kube import Json
from freshet.local.node.payload import File, TokenRequest, VolumeError, payload
from freshet.local.node.sources import Sources

__all__ = ["is_refreshed", "prepare", "write_files"]

DATA = "..data"
_CHECKS = {
    "Directory": stat.S_ISDIR,
    "File": stat.S_ISREG,
    "Socket": stat.S_ISSOCK,
    "CharDevice": stat.S_ISCHR,
    "BlockDevice": stat.S_ISBLK,
}


def is_refreshed(pod: Json) -> bool:
    """Whether a volume holds something that changes: what a ConfigMap, Secret or token says."""
    kinds = ("configMap", "secret", "projected")
    return any(kind in volume for volume in pod["spec"].get("volumes") or () for kind in kinds)


def prepare(
    *,
    pod: Json,
    folder: Path,
    sources: Sources,
    tokens: Mapping[TokenRequest, str],
    allocatable: Mapping[str, str],
) -> dict[str, Path]:
    """Make all volumes (again); their places by name. Raises ``VolumeError``."""
    places = {}
    for volume in pod["spec"].get("volumes") or ():
        name = volume["name"]
        files = payload(pod=pod, volume=volume, sources=sources, tokens=tokens, allocatable=allocatable)
        try:
            places[name] = _place(volume, folder=folder / name, files=files)
        except OSError as error:
            raise VolumeError(f"volume {name!r}: {error.strerror}: {error.filename}") from error
    return places


def _place(volume: Json, *, folder: Path, files: tuple[File, ...] | None) -> Path:
    if "hostPath" in volume:
        return _host_path(volume["hostPath"])
    folder.mkdir(parents=True, exist_ok=True)
    if files is None:
        folder.chmod(0o777)
    else:
        write_files(folder, files)
    return folder


def _host_path(data: Json) -> Path:
    path, kind = Path(data["path"]), data.get("type") or ""
    if kind == "DirectoryOrCreate":
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch(mode=0o644)
    if not path.exists():
        raise VolumeError(f"hostPath {path} does not exist on this machine")
    check = _CHECKS.get(kind.removesuffix("OrCreate"))
    if check is not None and not check(path.stat().st_mode):
        raise VolumeError(f"hostPath {path} is not of type {kind}")
    return path


def write_files(folder: Path, files: tuple[File, ...]) -> None:
    """Exchange a volume's files in one step; nothing is done if they are as they should be."""
    if (folder / DATA).exists() and _current(folder) == {file.path: (file.content, file.mode) for file in files}:
        return
    fresh = folder / f"..{uuid4().hex}"
    for file in files:
        _write(fresh / file.path, file)
    fresh.mkdir(exist_ok=True)
    old = os.path.realpath(folder / DATA)
    link = folder / f"{DATA}_tmp"
    link.symlink_to(fresh.name)
    link.rename(folder / DATA)
    if old != str(folder / DATA):
        shutil.rmtree(old, ignore_errors=True)
    _link(folder, {file.path.split("/")[0] for file in files})


def _current(folder: Path) -> dict[str, tuple[bytes, int]]:
    data = (folder / DATA).resolve()
    found = (path for path in data.rglob("*") if path.is_file())
    return {str(path.relative_to(data)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in found}


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    path.chmod(file.mode & 0o777)


def _link(folder: Path, names: set[str]) -> None:
    for entry in folder.iterdir():
        if entry.is_symlink() and entry.name != DATA and entry.name not in names:
            entry.unlink()
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{DATA}/{name}")
