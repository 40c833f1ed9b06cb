"""Faults by script: rules that match statements, each for so many times; and the log of what was asked.

Opening a session and moving a staged file are steps of the protocol too: they count as the statements
``OPEN SESSION``, ``UPLOAD <path>`` and ``DELETE <path>``.
"""

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from freshet.local.databricks.errors import Hangup, SqlError

__all__ = ["Begun", "Fault", "Faults"]

T = TypeVar("T")
Begun = Callable[[], None]
_LONGEST = 120.0
"""So long a statement is held at most."""


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One rule. ``statement`` is a regular expression that is searched in the statement, whatever its case.

    | action | what happens |
    | --- | --- |
    | refuse | the statement fails with ``error`` (``[CLASS] text``); nothing is done |
    | drop | the connection is closed; nothing is done |
    | lose | the statement is done, then the connection is closed |
    | status | a bare HTTP answer ``status``, with ``Retry-After: retryAfter`` where that is given; nothing is done |
    | delay | the statement is done after ``seconds`` |
    | hold | the statement begins, and commits when it is told to go on (``Faults.go``) |
    | late | the same, and the connection is closed at once |

    With ``after`` a rule begins when the one before it in its list has struck: a pod that is killed asks for no more.
    """

    action: Literal["refuse", "drop", "lose", "status", "delay", "hold", "late"]
    statement: str = ""
    times: int | None = 1
    skip: int = 0
    error: str = "[DELTA_CONCURRENT_APPEND] Files were added by a concurrent update. SQLSTATE: 2D521"
    status: int = 503
    retry_after: float | None = msgspec.field(default=None, name="retryAfter")
    seconds: float = 0.0
    after: bool = False

    def __post_init__(self) -> None:
        try:
            re.compile(self.statement)
        except re.error as error:
            raise ValueError(f"statement is not a regular expression: {error}") from error


@dataclass
class _Use:
    fault: Fault
    former: "_Use | None" = None
    seen: int = 0

    @property
    def struck(self) -> bool:
        return self.seen > self.fault.skip

    def takes(self, statement: str) -> bool:
        """Counts what matches; true where it is this one's turn."""
        if self.fault.after and not (self.former and self.former.struck):
            return False
        if re.search(self.fault.statement, statement, re.IGNORECASE) is None:
            return False
        self.seen += 1
        past = self.seen - self.fault.skip
        return past > 0 and (self.fault.times is None or past <= self.fault.times)


class Faults:
    """The rules in force, and every statement so far with its outcome."""

    def __init__(self) -> None:
        self._uses: list[_Use] = []
        self._log: list[dict[str, Any]] = []
        self._held: list[threading.Event] = []
        self._lock = threading.Lock()

    def add(self, body: bytes) -> None:
        """Add rules, a JSON list of them. Raises msgspec.ValidationError."""
        rules = msgspec.json.decode(body, type=list[Fault])
        with self._lock:
            for fault in rules:
                self._uses.append(_Use(fault, former=self._uses[-1] if self._uses else None))

    def clear(self) -> None:
        """Be well, and forget what was asked."""
        self.go()
        with self._lock:
            self._uses.clear()
            self._log.clear()

    def log(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._log)

    def go(self) -> None:
        """Let go on what is held."""
        with self._lock:
            held, self._held = self._held, []
        for event in held:
            event.set()

    def run(self, statement: str, work: Callable[[Begun], T]) -> T:
        """Do ``work``, or what a rule says instead. ``work`` says when it is under way. Raises Hangup and SqlError."""
        entry = {"statement": statement, "outcome": "running"}
        with self._lock:
            self._log.append(entry)
            fault = next((use.fault for use in self._uses if use.takes(statement)), None)
        if fault is not None and fault.action == "late":
            raise self._later(entry, work)
        return _logged(entry, fault, lambda: self._with_fault(entry, fault, work))

    def _with_fault(self, entry: dict[str, Any], fault: Fault | None, work: Callable[[Begun], T]) -> T:
        if fault is None:
            return work(_go_on)
        if fault.action == "refuse":
            raise _refusal(fault.error)
        if fault.action == "drop":
            raise Hangup
        if fault.action == "status":
            raise Hangup(status=fault.status, retry_after=fault.retry_after)
        if fault.action == "hold":
            return work(lambda: self._hold(entry))
        if fault.action == "delay":
            time.sleep(fault.seconds)
            return work(_go_on)
        work(_go_on)
        raise Hangup

    def _later(self, entry: dict[str, Any], work: Callable[[Begun], T]) -> Hangup:
        """Whoever asked hears nothing; the statement goes on, and is held."""
        come = threading.Event()
        entry["late"] = True

        def run() -> None:
            try:
                with suppress(Exception):
                    _logged(entry, None, lambda: work(lambda: self._hold(entry, come)))
            finally:
                come.set()

        threading.Thread(target=run, daemon=True).start()
        come.wait(_LONGEST)
        return Hangup()

    def _hold(self, entry: dict[str, Any], come: threading.Event | None = None) -> None:
        event = threading.Event()
        with self._lock:
            self._held.append(event)
            entry["outcome"] = "held"
        if come is not None:
            come.set()
        event.wait(_LONGEST)
        entry["outcome"] = "running"


def _go_on() -> None:
    """Nothing holds the statement."""


def _logged(entry: dict[str, Any], fault: Fault | None, work: Callable[[], T]) -> T:
    try:
        answer = work()
    except BaseException as error:
        entry["outcome"] = str(error) if isinstance(error, SqlError) else fault.action if fault else "error"
        raise
    entry["outcome"] = "done"
    return answer


def _refusal(text: str) -> SqlError:
    found = re.match(r"\[(\w+(?:\.\w+)*)\]\s*(.*?)(?:\s*SQLSTATE: (\w+))?$", text, re.DOTALL)
    return SqlError(found[1], found[2], found[3] or "XX000") if found else SqlError("INTERNAL_ERROR", text, "XX000")
