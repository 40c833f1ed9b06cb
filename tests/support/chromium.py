"""Debian's Chromium, installed when it is missing, and a browser that reaches nothing but this machine."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from freshet.local.paths import cache_folder

__all__ = ["browsing"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
INSTALL = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium"


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless browser with an empty profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_command(), args=list(FLAGS))
        yield browser
        browser.close()


def _command() -> str:
    found = _found()
    if found is None:
        _install()
        found = _found()
    assert found, "These tests need Chromium: apt-get install chromium"
    return found


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> None:
    """As root only; one process at a time, since several test workers may find it missing."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    with Path(cache_folder() / ".chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _found() is None:
            subprocess.run(["bash", "-c", INSTALL], check=False, stdout=subprocess.DEVNULL)
