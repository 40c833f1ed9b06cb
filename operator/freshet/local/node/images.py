"""An image is only a name here: what it stands for on this machine."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import freshet

__all__ = ["Image", "is_project", "resolve"]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a real image would bring: a default command, an environment, and folders that no volume may hide."""

    entrypoint: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()


def is_project(name: str) -> bool:
    """Whether this is freshet's own image: the last part of the repository ends in ``freshet``."""
    repository = name.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return repository.endswith("freshet")


def resolve(name: str) -> Image:
    """freshet's own image is the environment that the agent itself runs in; any other is the bare machine."""
    path = os.environ.get("PATH") or SYSTEM_PATH
    common = {"LANG": "C.UTF-8", "HOME": os.path.expanduser("~")}
    if not is_project(name):
        return Image(env={**common, "PATH": path})
    commands = Path(sys.prefix) / "bin"
    env = {**common, "PATH": f"{commands}:{path}", "PYTHONUNBUFFERED": "1"}
    return Image(entrypoint=("freshet",), env=env, keep=_project_folders())


def _project_folders() -> tuple[str, ...]:
    """The environment, the interpreter below it, and the package (elsewhere if it is installed editable)."""
    package = Path(freshet.__file__).resolve().parent
    found = (sys.prefix, sys.base_prefix, os.path.realpath(sys.prefix), str(package))
    return tuple(path for path in dict.fromkeys(found) if path not in ("/", "/usr", "/usr/local"))
