"""Lists of runs, jobs and environments: which filters each has, order and pages.

Order follows PostgreSQL, where nothing is greater than everything: runs that have not finished come last by
``finished_at`` and first by ``-finished_at``.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from freshet.local.dbtcloud import filters as f
from freshet.local.dbtcloud.envelope import bad_request, success

__all__ = ["ENVIRONMENTS", "JOBS", "RUNS", "Kind", "Query", "page", "parse_query", "parse_related"]

PAGE = 100
"""The largest page, and the usual one."""
ACCOUNT = "account_id"
"""A filter of every list; the path says it already."""
PAGING = frozenset({"limit", "offset", "order_by", "include_related"})
RUN_RELATED = frozenset({"trigger", "job", "environment", "repository", "run_steps", "debug_logs"})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a list of its kind understands beside pages."""

    filters: Mapping[str, f.Filter]
    orders: tuple[str, ...] = ("id",)
    related: frozenset[str] = frozenset()


SHARED: dict[str, f.Filter] = {
    "state": f.state,
    "pk": f.equals("id"),
    "project_id": f.equals("project_id"),
    "project_id__in": f.among("project_id"),
    "dbt_version__in": f.words,
}
RUNS = Kind(
    filters={
        **SHARED,
        "id__gt": f.above("id"),
        "job_definition_id": f.equals("job_id"),
        "environment_id": f.equals("environment_id"),
        "status": f.equals("status"),
        "status__in": f.among("status"),
        "created_at__range": f.between("created_at"),
        "finished_at__range": f.between("finished_at"),
        "deferring_run_id": f.equals("retrying_run_id"),
        "has_docs_generated": f.flag("has_docs_generated"),
        "has_sources_generated": f.flag("has_sources_generated"),
        "dbt_version": f.words,
    },
    orders=("id", "created_at", "finished_at"),
    related=RUN_RELATED,
)
JOBS = Kind(
    filters={
        **SHARED,
        "environment_id": f.equals("environment_id"),
        "is_system": f.flag("is_system"),
        "name__icontains": f.contains("name"),
        "triggers_schedule": f.flag("triggers_schedule"),
    },
    orders=("id", "name"),
)
ENVIRONMENTS = Kind(filters={**SHARED, "dbt_version": f.words}, orders=("id", "name"))


@dataclass(frozen=True, kw_only=True)
class Query:
    """A list request, understood."""

    checks: tuple[f.Check, ...]
    order_by: str
    limit: int
    offset: int
    related: frozenset[str]
    filters: dict[str, Any]
    """As the answer repeats them."""

    def select(self, things: Iterable[Any]) -> list[Any]:
        """What matches, in order, all pages."""
        matching = [it for it in things if all(check(it) for check in self.checks)]
        field = self.order_by.removeprefix("-")
        matching.sort(key=lambda it: _sort_key(it, field), reverse=self.order_by.startswith("-"))
        return matching


def parse_query(query: Mapping[str, str], *, kind: Kind, account_id: int) -> Query:
    """Understand the query string of a list. Raises ApiError with status 400."""
    f.refuse_unknown(query, PAGING.union(kind.filters, {ACCOUNT}))
    given = {name: text for name, text in query.items() if name not in PAGING}
    order_by = query.get("order_by", "id")
    if order_by.removeprefix("-") not in kind.orders:
        orders = ", ".join((*kind.orders, *(f"-{it}" for it in kind.orders)))
        raise bad_request(f"order_by: '{order_by}' is not one of {orders}")
    limit, offset = f.number("limit", query.get("limit", str(PAGE))), f.number("offset", query.get("offset", "0"))
    if not 1 <= limit <= PAGE:
        raise bad_request(f"limit: {limit} is not between 1 and {PAGE}")
    if offset < 0:
        raise bad_request(f"offset: {offset} is less than the minimum of 0")
    told = {name: f.literal(text) for name, text in given.items()}
    return Query(
        checks=tuple(_check(kind, name, text, account_id) for name, text in given.items()),
        order_by=order_by,
        limit=limit,
        offset=offset,
        related=parse_related(query.get("include_related", "[]"), known=kind.related),
        filters={"limit": limit, "offset": offset, "state": "all", "account_id": account_id, **told},
    )


def parse_related(text: str, *, known: frozenset[str] = RUN_RELATED) -> frozenset[str]:
    """``["trigger","job"]`` or ``trigger,job``. Raises ApiError with status 400."""
    names = frozenset(map(str, f.several("include_related", text)))
    if unknown := names - known:
        raise bad_request(f"include_related: {', '.join(sorted(unknown))} is not one of {', '.join(sorted(known))}")
    return names


def page(query: Query, things: list[Any], view: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """The envelope of one page of `things`, which are already selected and in order."""
    shown = things[query.offset : query.offset + query.limit]
    pagination = {"count": len(shown), "total_count": len(things)}
    extra = {"filters": query.filters, "order_by": query.order_by, "pagination": pagination}
    return success([view(it) for it in shown], extra)


def _check(kind: Kind, name: str, text: str, account_id: int) -> f.Check:
    if name == ACCOUNT:
        mine = f.number(name, text) == account_id
        return lambda _: mine
    return kind.filters[name](name, text)


def _sort_key(it: Any, field: str) -> tuple[Any, int]:
    value = getattr(it, field)
    return (math.inf if value is None else value), it.id
