"""Debian's packages that tests need: installed where they are missing, and said so, since that takes a while."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["install"]


def install(package: str, *, found: Callable[[], object]) -> None:
    """``apt-get install`` it unless ``found()``; one test process does it, the others wait. Raises AssertionError."""
    if found():
        return
    with (Path(tempfile.gettempdir()) / "freshet-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found():
            return
        print(f"\n· These tests need Debian's {package}: installing it (once)", file=sys.__stderr__, flush=True)
        before = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            done = subprocess.run([*before, "apt-get", *command], capture_output=True, text=True, check=False, env=env)
            told = f"{package} cannot be installed, do it by hand (apt-get install {package}): "
            assert done.returncode == 0, f"{told}{done.stdout}{done.stderr}"
