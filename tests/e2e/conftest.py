"""Demos that end with their test, whatever becomes of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.playing import Demo

from freshet.local.controlplane import build, progress_bar

DemoFactory = Callable[..., Demo]


@pytest.fixture(scope="session", autouse=True)
def controlplane() -> Path:
    """Built before any test, which have time limits of their own."""
    with progress_bar() as progress:
        return build(progress=progress)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoFactory]:
    """Starts a demo in a folder of the test."""
    started: list[Demo] = []

    def start(*options: str) -> Demo:
        started.append(Demo(folder=tmp_path / f"demo-{len(started)}", options=options))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.assert_nothing_runs()
        each.assert_nothing_shows()
