"""Whether ``dateFormat`` and ``timestampFormat`` read a value without losing anything: conditions in SQL."""

import re

from freshet.workloads.sql import literal

__all__ = ["formatted", "in_calendar", "may_infer", "strptime", "zone_fits"]

_OF_DAYS = frozenset("aAbBdjmuUVwWxyYG%")
"""The letters of a format that say nothing of a time of day."""
_PARTS = {
    **dict.fromkeys("dfgHIjmMnSuUVwWy", "[0-9]+"),
    **dict.fromkeys("YG", "([0-9]{4})"),
    "c": r"([0-9]{4})[0-9-]+\s+[0-9:.]+",
    "x": "([0-9]{4})[0-9-]+",
    "X": "[0-9:.]+",
    "p": "[AaPp][Mm]",
    "%": "%",
}
"""What strptime reads by a letter, with a group for a year of four digits; by others it reads words."""
_UTC = "(?i)UTC|GMT|Z"
"""The zones that are none to a TIMESTAMP."""
_NAME = r"(Z|UTC([+-][0-9]{1,2})?|GMT([+-][0-9]{1,2}(:?[0-9]{2})?)?|[a-z_]+/[a-z0-9/_+-]+)"
"""A zone that is one: of ``BST`` DuckDB makes Bangladesh's, of ``AST`` Alaska's, of ``CST`` one of three, and of
``UTC+05:30`` five hours.
"""
_ZONED = rf"(?i)\s*epoch\s*|[^a-z]*(T[^a-z]*)?{_NAME}?\s*"


def formatted(text: str, value: str, pattern: str, *, kind: str) -> str:
    """Of what strptime reads nanoseconds (``%n``) can be lost, the time of day of a DATE, and a zone, since it makes
    UTC of the time.

    It takes ``infinity`` and ``epoch`` in any format, for a day of the year 1900.
    """
    read = strptime(text, pattern)
    exact = f" AND epoch_ns({read}) % 1000 = 0" if "%n" in pattern else ""
    if kind == "DATE" and _tells_time(pattern):
        exact = f" AND {read} = {value}::TIMESTAMP"
    exact += _of_known_zones(text, pattern, kind)
    day = f"CASE WHEN {value} = DATE '1900-01-01' THEN regexp_matches({text}, '[0-9]') ELSE true END"
    known = f"{in_calendar(value, kind)} AND {_has_century(text, value, pattern, kind=kind)}"
    return f"{value} IS NOT NULL AND {known}{exact} AND {day}"


def may_infer(pattern: str, kind: str) -> bool:
    """What says a time of day makes no DATE, and what says a zone nothing but a time with one."""
    if kind == "DATE" and _tells_time(pattern):
        return False
    return kind == "TIMESTAMP WITH TIME ZONE" or {"z", "Z"}.isdisjoint(_letters(pattern))


def strptime(text: str, pattern: str) -> str:
    """What is read, or null. DuckDB takes no ``Z`` for a zone: at the end it is written otherwise."""
    ends = re.fullmatch(r"(?:%-?.|[^%])*%([zZ])\s*", pattern, re.DOTALL)
    if ends:
        utc = {"z": "+00", "Z": "UTC"}[ends[1]]
        written = f"regexp_replace({text}, '([^A-Za-z])Z$', {literal(chr(92) + '1' + utc)})"
        text = f"CASE WHEN suffix({text}, 'Z') THEN {written} ELSE {text} END"
    return f"try_strptime({text}, {literal(pattern)})"


def zone_fits(text: str) -> str:
    """Whether a time without a format has an offset, UTC or the full name of a zone, or none."""
    return f"regexp_full_match({text}, {literal(_ZONED)})"


def _of_known_zones(text: str, pattern: str, kind: str) -> str:
    zones = [letter for letter in ("z", "Z") if letter in _letters(pattern)]
    if kind == "TIMESTAMP WITH TIME ZONE":
        return "".join(_of_zone(text, pattern, letter, f"(?i){_NAME}") for letter in zones if letter == "Z")
    return "".join(_of_zone(text, pattern, letter, _UTC) for letter in zones)


def _of_zone(text: str, pattern: str, letter: str, known: str) -> str:
    zone = f"regexp_extract({text}, {literal(_expression(pattern, zone=letter))}, 1)"
    return f" AND regexp_full_match({zone}, {literal(known)})"


def in_calendar(value: str, kind: str) -> str:
    """Of a year that Databricks' connector, Python and RFC 3339 have: 1 to 9999 in UTC. So no time is ``infinity``."""
    return f"{value} BETWEEN '0001-01-01'::{kind} AND '9999-12-31 23:59:59.999999'::{kind}"


def _tells_time(pattern: str) -> bool:
    return not _OF_DAYS.issuperset(_letters(pattern))


def _letters(pattern: str) -> list[str]:
    return re.findall("%-?(.)", pattern)


def _has_century(text: str, value: str, pattern: str, *, kind: str) -> str:
    """By ``%Y`` DuckDB makes of ``01/05/24`` the year 24. (Of which a time in UTC may be the last, or the next.)"""
    year = f"try_cast(regexp_extract({text}, {literal(_expression(pattern))}, 1) AS INTEGER)"
    written = f"coalesce({year} - year({value}) BETWEEN -1 AND 1, false)"
    return f"CASE WHEN {value} >= '1000-01-01'::{kind} THEN true ELSE {written} END"


def _expression(pattern: str, *, zone: str = "") -> str:
    """What strptime reads by ``pattern``, with a group for a year of four digits, or for what this letter reads."""
    parts = re.findall(r"%-?(.)|(\s+)|([^%\s]+)", pattern)
    return r"^\s*" + "".join(
        _part(letter, zone) if letter else r"\s*" if blank else re.escape(own) for letter, blank, own in parts
    )


def _part(letter: str, zone: str) -> str:
    if letter == zone:
        return r"(\S+)"
    part = _PARTS.get(letter, r"\S+")
    return part.replace("(", "(?:") if zone else part
