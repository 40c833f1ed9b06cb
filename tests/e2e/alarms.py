"""Whom each alert should be about, by what kubectl says."""

from collections.abc import Callable
from typing import Any

from tests.e2e.answers import ASSET, PIPELINE, dbt_ready, holds, number, reached, rejected
from tests.e2e.kubectl_says import Object, Told, condition, seconds, unix

__all__ = ["ALERTS"]

TWO_HOURS = 7200
WHICHEVER = (*ASSET, "pipeline")


def names(told: Told, holds: Callable[[Object], Any]) -> set[tuple[str, ...]]:
    return {name for name, asset in told.assets.items() if holds(asset)}


def overdue(told: Told) -> set[tuple[str, ...]]:
    """Sources whose newest look is hours ago, though they are loaded each hour."""
    seen = number("lastCheckedAt", unix)(told)
    return {name for name, (at, _) in seen.items() if told.kind(name) == "Source" and told.at - at > TWO_HOURS}


def endless(told: Told) -> set[tuple[str, ...]]:
    """Those that should have ended more than ten minutes ago."""
    began, allowed = number("run.startedAt", unix)(told), number("policy.timeout", seconds)(told)
    return {name for name, (at, _) in began.items() if told.at - at > allowed[name][0] + 600}


def mistaken(told: Told) -> set[tuple[str, ...]]:
    """Assets and Pipelines: of the latter, the label asset is empty."""
    assets = {(ns, name, it["spec"].get("pipeline", "")) for (ns, name), it in told.assets.items() if unready(it)}
    return assets | {(ns, "", name) for (ns, name), it in told.pipelines.items() if unready(it)}


def unready(item: Object) -> bool:
    return condition(item, "Ready") == "False"


ALERTS: dict[str, tuple[tuple[str, ...], Callable[[Told], set[tuple[str, ...]]]]] = {
    "FreshetFreshnessBudgetBurnsFast": (ASSET, lambda _: {("watched", "broken")}),
    "FreshetFreshnessBudgetBurnsSlowly": (ASSET, lambda _: {("watched", "broken")}),
    "FreshetAssetStale": (ASSET, lambda told: names(told, holds("Fresh", "False"))),
    "FreshetAssetAging": (ASSET, lambda told: names(told, lambda it: it["status"]["state"] == "Aging")),
    "FreshetNotReady": (WHICHEVER, mistaken),
    "FreshetAssetFailing": (ASSET, lambda told: names(told, holds("Failing"))),
    "FreshetAssetStuck": (ASSET, endless),
    "FreshetNoLoad": (ASSET, overdue),
    "FreshetLoadRejectsRows": (ASSET, lambda told: names(told, rejected)),
    "FreshetDbtCloudUnreachable": (PIPELINE, lambda told: {n for n, x in dbt_ready(told).items() if x == (0, 0)}),
    "FreshetWarehouseUnreachable": (PIPELINE, lambda told: {n for n, x in reached(told).items() if x == (0, 0)}),
}
"""Whom each concerns; the two of the operator itself are seen apart."""
