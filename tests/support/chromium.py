"""Debian's Chromium, installed when it is missing, and a browser that reaches nothing but this machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright
from tests.support.debian import install

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


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless browser with an empty profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_command(), args=list(FLAGS))
        yield browser
        browser.close()


def _command() -> str:
    install("chromium", found=_found)
    found = _found()
    assert found, "These tests need Chromium: apt-get install chromium"
    return found


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)
