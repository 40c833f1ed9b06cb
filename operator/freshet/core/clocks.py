"""How far clocks may be from each other: a node's, dbt Cloud's, our own before it was set right."""

from datetime import timedelta

__all__ = ["APART", "WRONG"]

APART = timedelta(minutes=1)
"""So much they may differ without a word."""
WRONG = timedelta(hours=1)
"""By more, and what such a clock said is left aside."""
