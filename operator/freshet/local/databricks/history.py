"""What was committed since the oldest statement that is under way began: a later commit may be in conflict with it."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["History", "Names", "Write"]

Names = tuple[str, ...]
"""Catalog, schema and table, as DuckDB has them."""


@dataclass(frozen=True, kw_only=True)
class Write:
    """What a statement does to its table.

    | kind | |
    | --- | --- |
    | append | rows are added, and none of the table are read |
    | change | rows are added, updated or deleted after the table was read |
    | metadata | its columns change |
    | replace | a table is put in its place |
    | create, drop, rename | in the catalog alone; ``to`` is the new name |

    ``files``: what COPY INTO takes.
    """

    table: Names
    kind: Literal["append", "change", "metadata", "replace", "create", "drop", "rename"]
    files: frozenset[str] = field(default_factory=frozenset)
    to: Names = ()


class History:
    """Not safe for threads by itself: the store has a lock."""

    def __init__(self) -> None:
        self._version = 0
        self._begun: list[int] = []
        self._commits: list[tuple[int, Write]] = []

    def begin(self) -> int:
        """The version that a statement begins on."""
        self._begun.append(self._version)
        return self._version

    def end(self, version: int) -> None:
        self._begun.remove(version)
        oldest = min(self._begun, default=self._version)
        self._commits = [(number, write) for number, write in self._commits if number > oldest]

    def add(self, write: Write) -> None:
        self._version += 1
        self._commits.append((self._version, write))

    def since(self, version: int) -> list[Write]:
        return [write for number, write in self._commits if number > version]
