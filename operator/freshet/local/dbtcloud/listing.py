"""``GET /runs/``: which filters exist, what they mean, order and pages. A filter that is not known is refused.

Order follows PostgreSQL, where nothing is greater than everything: runs that have not finished come last by
``finished_at`` and first by ``-finished_at``.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from freshet.local.dbtcloud.envelope import bad_request, success
from freshet.local.dbtcloud.model import Run
from freshet.local.dbtcloud.times import parse_time

__all__ = ["RUN_RELATED", "Query", "page", "parse_related", "parse_run_query"]

PAGE = 100
"""The largest page, and the usual one."""
PROJECT = 1
RUN_RELATED = frozenset({"trigger", "job", "environment", "repository", "run_steps", "debug_logs"})
DBT_VERSION = "1.11.0-latest"

_Check = Callable[[Run], bool]


@dataclass(frozen=True, kw_only=True)
class Query:
    """A list request, understood."""

    checks: tuple[_Check, ...]
    order_by: str
    limit: int
    offset: int
    related: frozenset[str]
    filters: dict[str, Any]
    """As the answer repeats them."""

    def select(self, runs: Iterable[Run]) -> list[Run]:
        """The runs that match, in order, all pages."""
        matching = [run for run in runs if all(check(run) for check in self.checks)]
        field = self.order_by.removeprefix("-")
        matching.sort(key=lambda run: _sort_key(run, field), reverse=self.order_by.startswith("-"))
        return matching


def parse_run_query(query: Mapping[str, str], *, account_id: int) -> Query:
    """Understand the query string of ``GET /runs/``. Raises ApiError with status 400."""
    checks = [_FILTERS[name](name, text) for name, text in query.items() if name in _FILTERS]
    unknown = [name for name in query if name not in _FILTERS and name not in _PAGING]
    if unknown:
        raise bad_request(f"Additional properties are not allowed ({', '.join(map(repr, unknown))} were unexpected)")
    order_by = query.get("order_by", "id")
    if order_by.removeprefix("-") not in {"id", "created_at", "finished_at"}:
        raise bad_request(f"'{order_by}' is not one of id, created_at, finished_at, -id, -created_at, -finished_at")
    filters = {name: _literal(text) for name, text in query.items() if name in _FILTERS}
    limit, offset = _number("limit", query.get("limit", str(PAGE))), _number("offset", query.get("offset", "0"))
    if not 1 <= limit <= PAGE:
        raise bad_request(f"limit: {limit} is not between 1 and {PAGE}")
    return Query(
        checks=tuple(checks),
        order_by=order_by,
        limit=limit,
        offset=max(0, offset),
        related=parse_related(query.get("include_related", "[]")),
        filters={"limit": limit, "offset": offset, "state": "all", "account_id": account_id, **filters},
    )


def parse_related(text: str) -> frozenset[str]:
    """``["trigger","job"]`` or ``trigger,job``. Raises ApiError with status 400."""
    names = frozenset(map(str, _several("include_related", text)))
    if unknown := names - RUN_RELATED:
        raise bad_request(
            f"include_related: {', '.join(sorted(unknown))} is not one of {', '.join(sorted(RUN_RELATED))}"
        )
    return names


def page(query: Query, runs: list[Run], view: Callable[[Run], dict[str, Any]]) -> dict[str, Any]:
    """The envelope of one page of `runs`, which are already selected and in order."""
    shown = runs[query.offset : query.offset + query.limit]
    pagination = {"count": len(shown), "total_count": len(runs)}
    extra = {"filters": query.filters, "order_by": query.order_by, "pagination": pagination}
    return success([view(run) for run in shown], extra)


def _sort_key(run: Run, field: str) -> tuple[float, int]:
    value = getattr(run, field)
    return (math.inf if value is None else value), run.id


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"{name}: '{text}' is not of type 'integer'") from None


def _several(name: str, text: str) -> list[Any]:
    """A JSON array, or values with commas between them."""
    value = _literal(text)
    if isinstance(value, list):
        return value
    if text.startswith("["):
        raise bad_request(f"{name}: '{text}' is not of type 'array'")
    return [part.strip() for part in text.split(",")]


def _equals(field: str) -> Callable[[str, str], _Check]:
    def make(name: str, text: str) -> _Check:
        wanted = _number(name, text)
        return lambda run: _value(run, field) == wanted

    return make


def _among(field: str) -> Callable[[str, str], _Check]:
    def make(name: str, text: str) -> _Check:
        wanted = {_number(name, str(part)) for part in _several(name, text)}
        return lambda run: _value(run, field) in wanted

    return make


def _above(field: str) -> Callable[[str, str], _Check]:
    def make(name: str, text: str) -> _Check:
        least = _number(name, text)
        return lambda run: _value(run, field) > least

    return make


def _between(field: str) -> Callable[[str, str], _Check]:
    """Both ends count; what has no such time is not between."""

    def make(name: str, text: str) -> _Check:
        ends = _several(name, text)
        try:
            low, high = (parse_time(str(end)) for end in ends)
        except ValueError:
            raise bad_request(f"{name}: '{text}' is not an array of two date-times") from None
        # Times are written with microseconds: compare at that precision.
        return lambda run: (at := _value(run, field)) is not None and low - 5e-7 <= at <= high + 5e-7

    return make


def _flag(field: str) -> Callable[[str, str], _Check]:
    def make(name: str, text: str) -> _Check:
        if text.lower() not in {"true", "false"}:
            raise bad_request(f"{name}: '{text}' is not of type 'boolean'")
        return lambda run: _value(run, field) is (text.lower() == "true")

    return make


def _words(name: str, text: str) -> _Check:
    wanted = {str(part) for part in _several(name, text)}
    return lambda run: DBT_VERSION in wanted


def _any(name: str, text: str) -> _Check:
    return lambda run: True


def _value(run: Run, field: str) -> Any:
    return PROJECT if field == "project_id" else getattr(run, field)


_PAGING = frozenset({"limit", "offset", "order_by", "include_related"})
_FILTERS: dict[str, Callable[[str, str], _Check]] = {
    "account_id": _any,
    "state": _any,
    "pk": _equals("id"),
    "id__gt": _above("id"),
    "job_definition_id": _equals("job_id"),
    "environment_id": _equals("environment_id"),
    "project_id": _equals("project_id"),
    "project_id__in": _among("project_id"),
    "status": _equals("status"),
    "status__in": _among("status"),
    "created_at__range": _between("created_at"),
    "finished_at__range": _between("finished_at"),
    "deferring_run_id": _equals("retrying_run_id"),
    "has_docs_generated": _flag("has_docs_generated"),
    "has_sources_generated": _flag("has_sources_generated"),
    "dbt_version": _words,
    "dbt_version__in": _words,
}
