"""What both commands share: exactly one result, one sentence on failure, one exit code (docs/contract.md)."""

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NoReturn

from freshet.workloads.errors import Unavailable, WorkloadError
from freshet.workloads.log import LOG, set_up
from freshet.workloads.published import so_far
from freshet.workloads.result import rfc3339, write_result
from freshet.workloads.space import is_full, too_little

__all__ = ["failure", "now", "run", "sentence_of"]


class Terminated(BaseException):
    """SIGTERM came. No Exception: logging and libraries swallow those, and the signal with them."""


def now() -> datetime:
    return datetime.now(UTC)


def _leave(code: int) -> NoReturn:
    """At once: what an orderly end would free by hand, a quarter of a second of CPU, the kernel frees anyway."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(
    kind: str,
    work: Callable[[datetime], Mapping[str, Any]],
    *,
    debug: bool,
    leave: Callable[[int], NoReturn] = _leave,
) -> None:
    """Do ``work`` (given the start), leave its result or its error, and exit."""
    gc.disable()  # a short life with bounded data, whose start is a quarter faster without
    set_up(debug=debug)
    _end_at_line_end(os.environ)
    signal.signal(signal.SIGTERM, _terminated)
    started, code = now(), 0
    found: Mapping[str, Any] = {}
    try:
        found = work(started)
        LOG.info("%s", found.get("message", ""))
    except (Terminated, KeyboardInterrupt):  # dlt makes the latter of either signal
        if not found:
            error = Unavailable("Terminated", f"The pod was told to stop before the work was done: {so_far()}")
            code, found = error.exit_code, failure(error)
    except WorkloadError as error:
        if error.__cause__ is not None:
            LOG.debug("What is behind it:", exc_info=error.__cause__)
        code, found = error.exit_code, failure(error)
    except Exception as error:
        LOG.debug("The traceback:", exc_info=True)
        code, found = 1, failure(sentence_of(error))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is known by now is told
    if code:
        LOG.error("%s", found["message"])
    finished = now()
    times = {
        "startedAt": rfc3339(started),
        "finishedAt": rfc3339(finished),
        "seconds": round((finished - started).total_seconds(), 3),
    }
    write_result({"kind": kind, **found, **times})
    leave(code)


def failure(error: WorkloadError) -> dict[str, Any]:
    samples = [{key: value for key, value in asdict(one).items() if value is not None} for one in error.samples[:3]]
    return {
        "error": {"reason": error.reason, "message": error.message},
        "message": error.message,
        "rowsIn": error.rows_in,
        "rowsRejected": error.rows_rejected,
        "samples": samples or None,
        "refused": error.refused,
    }


def sentence_of(error: Exception) -> WorkloadError:
    """What nobody else had a sentence for."""
    if is_full(error):
        return too_little("the input")
    return WorkloadError(
        "Unexpected",
        f"freshet stumbled over something it does not know ({type(error).__name__}): run it with --debug and "
        "report what it shows.",
    )


def _end_at_line_end(environ: MutableMapping[str, str]) -> None:
    """A Secret that was made with ``echo`` or from a file holds a line end, which is part of no credential."""
    for name, value in list(environ.items()):
        if value.endswith(("\n", "\r")):
            environ[name] = value.rstrip("\r\n")


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
