"""Which projects are to be parsed: discovery wishes for it, and the job does it, in its line and by its protocol.

In memory: after a restart discovery looks again, and wishes again where there is still no manifest.
"""

from dataclasses import dataclass, field
from datetime import datetime

from freshet.api.view import Key
from freshet.core.case import Trouble

__all__ = ["Parses", "Refused"]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """dbt Cloud will not have it: until then, or (``until`` None) for as long as the token has that mark."""

    trouble: Trouble
    until: datetime | None
    mark: str

    def holds(self, now: datetime) -> bool:
        """Is it not to be asked again yet?"""
        return self.until is None or now < self.until


@dataclass(kw_only=True)
class Parses:
    """By the Pipeline's key."""

    wanted: set[Key] = field(default_factory=set)
    refused: dict[Key, Refused] = field(default_factory=dict)

    def wish(self, key: Key) -> None:
        """Have the project parsed as soon as the job's line allows."""
        self.refused.pop(key, None)
        self.wanted.add(key)

    def settle(self, key: Key) -> None:
        """It was done, or is not needed any more."""
        self.wanted.discard(key)

    def refuse(self, key: Key, refused: Refused) -> None:
        """It cannot be done."""
        self.wanted.discard(key)
        self.refused[key] = refused

    def said_to(self, key: Key, *, mark: str) -> None:
        """The token has that mark now: what was said to another does not hold."""
        if key in self.refused and self.refused[key].mark != mark:
            self.refused.pop(key)

    def forget(self, key: Key) -> None:
        """The Pipeline is gone, or is another now."""
        self.wanted.discard(key)
        self.refused.pop(key, None)
