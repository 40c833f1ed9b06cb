"""The marker by which a run is found again: ``[freshet:<token>]`` at the end of its ``cause``.

A token is the second of the intent (hexadecimal) and 40 random bits: the time says how far back a search must go even
after the intent was renewed.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from freshet.dbtcloud.model import Run

__all__ = ["OURS", "cause_of", "find", "is_strange", "new_token", "token_in", "token_time"]

LIMIT = 255
OURS = "freshet:"
"""What each cause of ours begins with."""
PATTERN = re.compile(r"\[freshet:([0-9a-f]{1,12}-[0-9a-z]{4,24})\]\s*$")


def new_token(*, now: datetime, random: bytes) -> str:
    """A token of this moment; `random` is five bytes of randomness or more."""
    return f"{int(now.timestamp()):x}-{random.hex()[:24]}"


def token_time(token: str) -> datetime | None:
    """When the token was made, to the second (never later than its intent)."""
    try:
        return datetime.fromtimestamp(int(token.partition("-")[0], 16), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def cause_of(*, sentence: str, token: str) -> str:
    """The ``cause`` of a run: a sentence for people, cut where it must be, and the marker. At most 255 characters."""
    mark = f" [freshet:{token}]"
    plain = " ".join(sentence.split()) or "Triggered by freshet"
    room = LIMIT - len(mark)
    return (plain if len(plain) <= room else plain[: room - 1].rstrip() + "…") + mark


def token_in(cause: str | None) -> str | None:
    """The token that a cause carries, if it carries one."""
    found = PATTERN.search(cause or "")
    return found[1] if found else None


def is_strange(cause: str, *, token: str) -> bool:
    """Is this certainly the cause of another run? One of ours without a marker was cut by the service."""
    found = token_in(cause)
    return found != token if found is not None else bool(cause) and not cause.startswith(OURS)


def find(runs: Iterable[Run], *, token: str) -> tuple[Run, ...]:
    """The runs that carry this token, the oldest first. More than one means that someone copied a cause."""
    return tuple(sorted((run for run in runs if token_in(run.cause) == token), key=lambda run: run.id))
