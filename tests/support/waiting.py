"""Waiting for what a cluster does in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["wait_for"]

T = TypeVar("T")


def wait_for(predicate: Callable[[], T], *, timeout: float = 30, what: str = "", interval: float = 0.05) -> T:
    """The first true value of ``predicate``; AssertionError after ``timeout`` seconds, with the last one."""
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {timeout} s: {what or predicate!r}; the last answer was {value!r}")
        time.sleep(interval)
    return value
