"""Faults by script: rules that match requests, each for so many times, and modes that hold until they are deleted."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

__all__ = ["MODES", "Fault", "Faults"]

Action = Literal[
    "status",
    "rate_limit",
    "queue_full",
    "html",
    "drop",
    "lose",
    "truncate",
    "slow",
    "wrong_id",
    "delay",
    "list_lag",
    "late_artifacts",
    "clock_skew",
]
MODES = frozenset({"list_lag", "late_artifacts", "clock_skew"})
"""Actions that no single request uses up: they change how the service is, by ``seconds``, until they are deleted."""


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One rule. ``path`` is a regular expression that is searched in the request's path.

    | action | what happens |
    | --- | --- |
    | status | answer with ``status``, ``body`` and ``headers``; nothing is done |
    | rate_limit | 429, with ``Retry-After: retry_after`` where that is given |
    | queue_full | 429 as of a queue that takes no more |
    | html | 200 with an HTML page; with ``handle`` the request is done first |
    | drop | close the connection; nothing is done |
    | lose | do the request, then close the connection |
    | truncate | do the request, answer with half of the JSON |
    | slow | do the request, let the body trickle for ``seconds`` |
    | wrong_id | do the request, add ``offset`` to the id in the answer |
    | delay | wait ``seconds``, then go on (with the next rule that matches) |
    | list_lag | for ``seconds`` a new run is in no list |
    | late_artifacts | for ``seconds`` after a run's end its artifacts are 404 |
    | clock_skew | the service's clock is ``seconds`` ahead |
    """

    action: Action
    method: str | None = None
    path: str = ""
    times: int | None = None
    skip: int = 0
    status: int = 503
    body: Any = None
    headers: dict[str, str] = {}
    seconds: float = 0.0
    retry_after: float | None = None
    handle: bool = False
    offset: int = 1_000_000

    def __post_init__(self) -> None:
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from error

    def matches(self, method: str, path: str) -> bool:
        """Is this request one of the rule's?"""
        return (self.method is None or self.method == method) and re.search(self.path, path) is not None


@dataclass
class _Use:
    fault: Fault
    seen: int = 0

    @property
    def spent(self) -> bool:
        times = self.fault.times
        return times is not None and self.seen >= self.fault.skip + times


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self._uses: list[_Use] = []

    def add(self, body: bytes) -> None:
        """Add rules, a JSON list of them. Raises msgspec.ValidationError."""
        self._uses += [_Use(fault) for fault in msgspec.json.decode(body, type=list[Fault])]

    def clear(self) -> None:
        """Be well."""
        self._uses.clear()

    def rules(self) -> list[dict[str, Any]]:
        """The rules and how many requests each has seen."""
        return [{**msgspec.structs.asdict(use.fault), "seen": use.seen} for use in self._uses]

    def take(self, method: str, path: str) -> list[Fault]:
        """What is to happen to this request: delays, then at most one rule that decides the answer."""
        taken: list[Fault] = []
        for use in self._uses:
            if use.fault.action in MODES or use.spent or not use.fault.matches(method, path):
                continue
            use.seen += 1
            if use.seen <= use.fault.skip:
                continue
            taken.append(use.fault)
            if use.fault.action != "delay":
                break
        return taken

    def seconds(self, mode: str) -> float:
        """By how much a mode is on; 0 when it is off."""
        return next((use.fault.seconds for use in reversed(self._uses) if use.fault.action == mode), 0.0)
