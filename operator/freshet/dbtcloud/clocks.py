"""How far the service's clock is ahead of ours, from the ``Date`` of its answers. Pure.

``Date`` has whole seconds, cut (RFC 9110, 6.6.1), and is written at some time between request and answer: one answer
leaves a second and its own duration open. What several answers leave open is what all of them do, and since they fall
anywhere in a second that is soon little more than the quickest of them took. Clocks that may be alike are taken for so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = ["Clocks"]

SECOND = timedelta(seconds=1)
WINDOW = timedelta(minutes=15)
"""Clocks drift, and are set: what was heard longer ago tells nothing."""
HEARD = 64
"""Answers that are remembered."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """What one answer leaves open."""

    least: timedelta
    most: timedelta
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """What the newest answers have told, oldest first."""

    spans: tuple[Span, ...] = ()

    def heard(self, date: str | None, *, asked_at: datetime, at: datetime) -> "Clocks":
        """The same after one more answer, by our clock. One that contradicts the others is the only one that counts:
        a clock was set.
        """
        told = _read(date)
        if told is None or at < asked_at:
            return self
        new = Span(least=told - at, most=told + SECOND - asked_at, at=at)
        recent = (*(span for span in self.spans if at - WINDOW <= span.at <= at), new)[-HEARD:]
        agree = max(span.least for span in recent) < min(span.most for span in recent)
        return Clocks(spans=recent if agree else (new,))

    @property
    def ahead(self) -> timedelta:
        """At most so far, where the clocks are certainly not alike; else zero."""
        least = max((span.least for span in self.spans), default=timedelta(0))
        most = min((span.most for span in self.spans), default=timedelta(0))
        return timedelta(0) if least <= timedelta(0) <= most else most


def _read(date: str | None) -> datetime | None:
    try:
        told = parsedate_to_datetime(date) if date else None
    except ValueError:
        return None
    return told if told is not None and told.tzinfo is not None else None
