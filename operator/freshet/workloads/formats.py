"""Whether ``dateFormat`` and ``timestampFormat`` read a value without losing anything: conditions in SQL."""

import re

from freshet.workloads.sql import literal

__all__ = ["formatted", "has_zone", "in_calendar"]

_OF_DAYS = frozenset("aAbBdjmuUVwWxyYG%")
"""The letters of a format that say nothing of a time of day."""
_YEARS = {"Y": "([0-9]{4})", "G": "([0-9]{4})", "c": r"([0-9]{4})\S+\s+\S+", "x": r"([0-9]{4})\S+", "%": "%"}
_NUMBERS = frozenset("dfgHIjmMnSuUVwWy")
_UTC = r"(?i)(^|[^a-z/_])(UTC|GMT)($|[^a-z0-9+/_-])"
"""The zones that are none to a TIMESTAMP."""


def formatted(text: str, value: str, pattern: str, *, kind: str) -> str:
    """Of what strptime reads nanoseconds (``%n``) can be lost, the time of day of a DATE, and a zone, since it makes
    UTC of the time.

    It takes ``infinity`` and ``epoch`` in any format, for a day of the year 1900.
    """
    read = f"try_strptime({text}, {literal(pattern)})"
    exact = f" AND epoch_ns({read}) % 1000 = 0" if "%n" in pattern else ""
    if kind == "DATE" and not _OF_DAYS.issuperset(_letters(pattern)):
        exact = f" AND {read} = {value}::TIMESTAMP"
    if has_zone(pattern) and kind != "TIMESTAMP WITH TIME ZONE":
        exact += f" AND regexp_matches({text}, {literal(_UTC)})"
    day = f"CASE WHEN {value} = DATE '1900-01-01' THEN regexp_matches({text}, '[0-9]') ELSE true END"
    known = f"{in_calendar(value, kind)} AND {_has_century(text, value, pattern, kind=kind)}"
    return f"{value} IS NOT NULL AND {known}{exact} AND {day}"


def has_zone(pattern: str) -> bool:
    return not {"z", "Z"}.isdisjoint(_letters(pattern))


def in_calendar(value: str, kind: str) -> str:
    """Of a year that Databricks' connector, Python and RFC 3339 have: 1 to 9999 in UTC. So no time is ``infinity``."""
    return f"{value} BETWEEN '0001-01-01'::{kind} AND '9999-12-31 23:59:59.999999'::{kind}"


def _letters(pattern: str) -> list[str]:
    return re.findall("%-?(.)", pattern)


def _has_century(text: str, value: str, pattern: str, *, kind: str) -> str:
    """By ``%Y`` DuckDB makes of ``01/05/24`` the year 24. (Of which a time in UTC may be the last, or the next.)"""
    year = f"try_cast(regexp_extract({text}, {literal(_expression(pattern))}, 1) AS INTEGER)"
    written = f"coalesce({year} - year({value}) BETWEEN -1 AND 1, false)"
    return f"CASE WHEN {value} >= '1000-01-01'::{kind} THEN true ELSE {written} END"


def _expression(pattern: str) -> str:
    """What strptime reads by ``pattern``, with a group for a year of four digits."""
    parts = re.findall(r"%-?(.)|(\s+)|([^%\s]+)", pattern)
    return r"^\s*" + "".join(
        _part(letter) if letter else r"\s*" if blank else re.escape(own) for letter, blank, own in parts
    )


def _part(letter: str) -> str:
    return _YEARS.get(letter, "[0-9]+" if letter in _NUMBERS else r"\S+")
