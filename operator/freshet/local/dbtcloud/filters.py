"""What a list may be narrowed by: each filter reads its text once and then says of each thing whether it passes.

What is not known, and a value of the wrong type, is refused, as the service does with status 400.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from freshet.local.dbtcloud.envelope import bad_request
from freshet.local.dbtcloud.times import parse_time

__all__ = [
    "DBT_VERSION",
    "PROJECT",
    "Check",
    "Filter",
    "above",
    "among",
    "between",
    "contains",
    "equals",
    "flag",
    "literal",
    "number",
    "refuse_unknown",
    "several",
    "state",
    "words",
]

PROJECT = 1
DBT_VERSION = "1.11.0-latest"
CONSTANTS: dict[str, Any] = {"project_id": PROJECT, "state": 1, "is_system": False, "triggers_schedule": False}
"""What is the same for everything here."""

Check = Callable[[Any], bool]
Filter = Callable[[str, str], Check]
"""From a parameter's name and text. Raises ApiError with status 400."""


def refuse_unknown(query: Mapping[str, str], known: frozenset[str]) -> None:
    """Raises ApiError with status 400 where something is asked that nobody knows."""
    unknown = [name for name in query if name not in known]
    if unknown:
        verb = "was" if len(unknown) == 1 else "were"
        names = ", ".join(map(repr, unknown))
        raise bad_request(f"Additional properties are not allowed ({names} {verb} unexpected)")


def equals(field: str) -> Filter:
    """That number."""

    def make(name: str, text: str) -> Check:
        wanted = number(name, text)
        return lambda it: _value(it, field) == wanted

    return make


def among(field: str) -> Filter:
    """One of those numbers."""

    def make(name: str, text: str) -> Check:
        wanted = {number(name, str(part)) for part in several(name, text)}
        return lambda it: _value(it, field) in wanted

    return make


def above(field: str) -> Filter:
    """A number beyond that one."""

    def make(name: str, text: str) -> Check:
        least = number(name, text)
        return lambda it: _value(it, field) > least

    return make


def between(field: str) -> Filter:
    """Both ends count; what has no such time is not between."""

    def make(name: str, text: str) -> Check:
        ends = several(name, text)
        try:
            low, high = (parse_time(str(end)) for end in ends)
        except ValueError:
            raise bad_request(f"{name}: '{text}' is not an array of two date-times") from None
        # Times are written with microseconds: compare at that precision.
        return lambda it: (at := _value(it, field)) is not None and low - 5e-7 <= at <= high + 5e-7

    return make


def flag(field: str) -> Filter:
    """``true`` or ``false``."""

    def make(name: str, text: str) -> Check:
        if text.lower() not in {"true", "false"}:
            raise bad_request(f"{name}: '{text}' is not of type 'boolean'")
        return lambda it: _value(it, field) is (text.lower() == "true")

    return make


def contains(field: str) -> Filter:
    """Those letters, large or small."""
    return lambda _, text: lambda it: text.lower() in str(_value(it, field)).lower()


def words(name: str, text: str) -> Check:
    """A version of dbt, or several: everything has the same here."""
    wanted = {str(part) for part in several(name, text)}
    return lambda _: DBT_VERSION in wanted


def state(name: str, text: str) -> Check:
    """1 is active, 2 deleted: nothing here is deleted."""
    return (lambda _: True) if text == "all" else equals("state")(name, text)


def number(name: str, text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"{name}: '{text}' is not of type 'integer'") from None


def several(name: str, text: str) -> list[Any]:
    """A JSON array, or values with commas between them."""
    value = literal(text)
    if isinstance(value, list):
        return value
    if text.startswith("["):
        raise bad_request(f"{name}: '{text}' is not of type 'array'")
    return [part.strip() for part in text.split(",")]


def literal(text: str) -> Any:
    """As JSON, else as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _value(it: Any, field: str) -> Any:
    return CONSTANTS[field] if field in CONSTANTS else getattr(it, field)
