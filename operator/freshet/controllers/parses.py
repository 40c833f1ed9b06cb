"""Which projects are to be parsed: discovery wishes for it, and the job does it, in its line and by its protocol.

In memory: after a restart discovery looks again, and wishes again where there is still no manifest.
"""

from dataclasses import dataclass, field

from freshet.api.view import Key

__all__ = ["Parses"]


@dataclass(kw_only=True)
class Parses:
    """By the Pipeline's key."""

    wanted: set[Key] = field(default_factory=set)

    def wish(self, key: Key) -> None:
        """Have the project parsed as soon as the job's line allows."""
        self.wanted.add(key)

    def settle(self, key: Key) -> None:
        """It was done, or is not needed any more."""
        self.wanted.discard(key)

    def forget(self, key: Key) -> None:
        """The Pipeline is gone, or is another now."""
        self.wanted.discard(key)
