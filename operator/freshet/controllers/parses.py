"""Which projects are to be parsed: discovery wishes for it, and the job does it, in its line and by its protocol.

In memory: after a restart discovery looks again, and wishes again where there is still no manifest.
"""

from dataclasses import dataclass, field
from datetime import datetime

from freshet.api.view import Key
from freshet.core.state import Trouble

__all__ = ["Parses"]


@dataclass(kw_only=True)
class Parses:
    """By the Pipeline's key. ``refused``: dbt Cloud will not have it, and it is not asked again until then."""

    wanted: set[Key] = field(default_factory=set)
    refused: dict[Key, tuple[Trouble, datetime]] = field(default_factory=dict)

    def wish(self, key: Key) -> None:
        """Have the project parsed as soon as the job's line allows."""
        self.refused.pop(key, None)
        self.wanted.add(key)

    def settle(self, key: Key) -> None:
        """It was done, or is not needed any more."""
        self.wanted.discard(key)

    def refuse(self, key: Key, trouble: Trouble, *, until: datetime) -> None:
        """It cannot be done."""
        self.wanted.discard(key)
        self.refused[key] = (trouble, until)

    def forget(self, key: Key) -> None:
        """The Pipeline is gone, or is another now."""
        self.wanted.discard(key)
        self.refused.pop(key, None)
