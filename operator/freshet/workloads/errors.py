"""What can go wrong in a workload, as sentences for people.

WorkloadError
├── ConfigError        2  the spec asks for something that cannot be
├── InputError         2  a file, folder or table that a person must mend
├── DataRefused        3  bad rows, duplicate keys
└── Unavailable        4  a warehouse that cannot be reached or stayed locked: trying again may help

TableMoved, InputMoved and AnswerLost never reach people: a load answers them by looking again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from freshet.workloads.addresses import shown

__all__ = [
    "AnswerLost",
    "ConfigError",
    "DataRefused",
    "InputError",
    "InputMoved",
    "Sample",
    "TableMoved",
    "Unavailable",
    "WorkloadError",
    "broken",
    "missing",
    "unfit",
]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One refused row: where and why, never what it held."""

    line: int
    column: str | None
    reason: str


class WorkloadError(Exception):
    """A failure with a PascalCase ``reason``, one sentence (what, where, what to do) and an exit code."""

    exit_code = 1

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        samples: Sequence[Sample] = (),
        rows_in: int | None = None,
        rows_rejected: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.samples = tuple(samples)
        self.rows_in = rows_in
        self.rows_rejected = rows_rejected
        self.of_table = False
        """The table had a say in it, though its reason does not tell: it gave a column its type."""
        self.refused: Mapping[str, Any] | None = None
        """What the next pod need know to refuse the same again (``refusal``)."""

    def renamed(self, names: Mapping[str, str]) -> None:
        """From now on files are called as people know them."""
        for path, name in names.items():
            self.message = self.message.replace(path, shown(name))
        self.args = (self.message,)


class ConfigError(WorkloadError):
    exit_code = 2


class InputError(WorkloadError):
    exit_code = 2


class DataRefused(WorkloadError):
    exit_code = 3


class Unavailable(WorkloadError):
    exit_code = 4


def missing(relation: str) -> InputError:
    """What is to be counted is not there."""
    return InputError(
        "RelationMissing",
        f"There is no table or view {relation} in the warehouse: build it first, or mend the count's relation.",
    )


def broken(relation: str) -> ConfigError:
    """A view of which something below is gone, or has changed."""
    return ConfigError(
        "RelationBroken",
        f"{relation} cannot be read: what it is built from is missing, or not what it was: build that first, or"
        " mend the view.",
    )


def unfit(relation: str) -> ConfigError:
    """A view that fails on a row of what it is built from."""
    return ConfigError(
        "RelationBroken",
        f"{relation} cannot be read: it makes something of a row below it that cannot be (a text that is no number, a"
        " division by zero): mend the view or the row; --debug shows which it is.",
    )


class TableMoved(Exception):
    """Another load changed the table since it was looked at: look again."""


class InputMoved(Exception):
    """A file was written to while it was read: look again."""


class AnswerLost(Exception):
    """Whether the warehouse did what it was asked is not known: look again, at most so often, then raise ``error``."""

    def __init__(self, error: WorkloadError) -> None:
        super().__init__(error.message)
        self.error = error
