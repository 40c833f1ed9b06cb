"""What a load or a count waits for, said while it does: in its log, and to the kubelet.

A pod has no way to Kubernetes' API. But its readiness probe, ``freshet waiting``, is run by the kubelet beside it:
while a file in the pod's temp folder says what is waited for, the pod is not ready, and the probe's words are in its
Event.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from freshet.workloads.log import EVERY, LOG

__all__ = ["PATIENCE", "waiting", "waits_for"]

PATIENCE = 3.0
"""Seconds after which a wait is worth telling the kubelet."""
REASON = "WaitingForWarehouse"


def _file() -> Path:
    return Path(tempfile.gettempdir()) / "freshet-waiting"


@contextmanager
def waits_for(what: str, *, visible: bool = True, logged: bool = True) -> Iterator[None]:
    """Say, while the block lasts, that it waits for ``what``; short waits are not worth a word.

    ``visible``: also to the kubelet, which is for waits that are no work.
    """
    done = threading.Event()
    shown = visible and "FRESHET_RUN" in os.environ
    thread = threading.Thread(target=_speak, args=(what, done, shown, logged), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _speak(what: str, done: threading.Event, shown: bool, logged: bool) -> None:
    began, since = time.monotonic(), datetime.now(UTC)
    if done.wait(PATIENCE):
        return
    if shown:
        _file().write_text(f"{REASON}: {what}, since {since:%H:%M:%S} UTC")
    try:
        while True:
            if logged:
                LOG.info("Waiting for %s, %.0f s by now.", what, time.monotonic() - began)
            if done.wait(EVERY):
                return
    finally:
        if shown:
            _file().unlink(missing_ok=True)


@click.command()
def waiting() -> None:
    """Say what the load or count beside this waits for, and end with 1; with 0 when it waits for nothing.

    The readiness probe of a Job's pod: only the kubelet needs it.
    """
    try:
        click.echo(_file().read_text())
    except OSError:
        return
    raise SystemExit(1)
