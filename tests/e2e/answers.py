"""What each query of the dashboard and each recording rule should answer, by what kubectl says."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from manifests.monitoring.grafana.looks import RANKS
from tests.e2e.kubectl_says import Answer, Name, Object, Told, condition, exactly, seconds, unix

__all__ = [
    "ANSWERS", "ASSET", "AT_LEAST", "COUNTERS", "PIPELINE", "RECORDED", "Says",
    "dbt_ready", "field", "holds", "number", "reached", "rejected",
]  # fmt: skip

Says = tuple[tuple[str, ...], Callable[[Told], Answer]]
"""The labels that are compared, and the ranges that the samples should lie in."""
ASSET, PIPELINE = ("namespace", "asset"), ("namespace", "pipeline")
POSITIVE, LATENCY = (1e-9, math.inf), (1e-9, 120.0)
BUCKETS = (0, 1, 2.5, 5, 10, 30, 60, 120, 300)


def field(path: str) -> Callable[[Object], Any]:
    """Of the status, such as ``policy.warnLag``; None where it is not there."""

    def look(asset: Object) -> Any:
        found: Any = asset["status"]
        for part in path.split("."):
            found = found.get(part) if found is not None else None
        return found

    return look


def number(path: str, read: Callable[[Any], float] = float) -> Callable[[Told], Answer]:
    get = field(path)
    return lambda told: told.each(lambda asset: read(x) if (x := get(asset)) is not None else None)


def count(holds: Callable[[Object], Any]) -> Says:
    return (), lambda told: told.sum(lambda asset: bool(holds(asset)))


def holds(type: str, wanted: str = "True") -> Callable[[Object], bool]:
    return lambda asset: condition(asset, type) == wanted


def failed(asset: Object) -> int:
    return sum(not check["passed"] and check["severity"] == "error" for check in asset["status"].get("checks", ()))


def lag(told: Told) -> Answer:
    return exactly({name: told.at - x for name in told.assets if (x := told.live(name)) is not None})


def left(told: Told) -> Answer:
    return exactly({name: x - told.at for name in told.assets if (x := told.deadline(name)) is not None})


def of_limit(told: Told) -> Answer:
    spans, limits = left(told), number("policy.maximumLag", seconds)(told)
    return exactly({name: 1 - spans[name][0] / limits[name][0] for name in spans.keys() & limits.keys()})


def since_update(told: Told) -> Answer:
    return exactly({name: told.at - at for name, (at, _) in number("lastUpdatedAt", unix)(told).items()})


def limited(asset: Object) -> bool:
    return any(field(f"policy.{name}")(asset) for name in ("maximumLag", "schedule", "maximumUnchanged"))


def objective(told: Told) -> Answer:
    """Of what has a limit."""

    def share(asset: Object) -> float | None:
        given = field("policy.objective")(asset) or "99%"
        return float(given.removesuffix("%")) / 100 if limited(asset) else None

    return told.each(share)


def budget(told: Told) -> Answer:
    return exactly({name: 1 - share for name, (share, _) in objective(told).items()})


def share(told: Told) -> Answer:
    """Of time fresh: nothing of what was never built, and something of what was."""
    known = {name: it for name, it in told.assets.items() if limited(it)}
    return {name: (1e-9, 1) if field("version")(it) else (0, 0) for name, it in known.items()}


def durations(told: Told) -> Answer:
    """Prometheus knows in which bucket a duration is."""
    took: dict[str, list[float]] = {}
    for executor, run in told.runs():
        took.setdefault(executor, []).append(run.get("durationSeconds", 0.0))
    ends = list(pairwise(BUCKETS))
    low = {executor: max(low for low, _ in ends if low <= min(times)) for executor, times in took.items()}
    return {(name,): (low[name], min(high for _, high in ends if high >= max(took[name]))) for name in took}


def rejected(asset: Object) -> float | None:
    loaded = asset["status"]["kind"] == "Source" and "version" in asset["status"]
    return (asset["status"].get("rejected") or {"rows": 0})["rows"] if loaded else None


def dbt_ready(told: Told) -> Answer:
    words = {"True": 1.0, "False": 0.0}
    return exactly({name: words.get(condition(it, "DbtCloudReady") or "") for name, it in told.pipelines.items()})


def reached(told: Told) -> Answer:
    """By each Pipeline's newest load or count; here none fails for another cause."""

    def newest(pipeline: Name) -> float | None:
        mine = [it["status"] for (ns, _), it in told.assets.items() if (ns, it["spec"].get("pipeline")) == pipeline]
        ended = [it["lastRun"] for it in mine if it["kind"] in ("Source", "Count") and "lastRun" in it]
        last = max(ended, key=lambda run: str(run["finishedAt"]), default=None)
        return float(last["outcome"] != "Interrupted") if last is not None else None

    return exactly({name: newest(name) for name in told.pipelines})


def dbt_runs(told: Told) -> Answer:
    runs = {name: it["status"].get("run") or it["status"].get("lastRun") for name, it in told.assets.items()}
    return exactly({(*name, run["id"]): 1.0 for name, run in runs.items() if run and told.kind(name) == "DbtCloud"})


def nodes(told: Told) -> Answer:
    states = {name: it["status"]["state"] for name, it in told.assets.items()}
    return exactly({("/".join(name), name[1], state): RANKS[state] for name, state in states.items()})


def edges(told: Told) -> Answer:
    """Between those that there are."""
    pairs = [(ns, name, above) for (ns, name), it in told.assets.items() for above in it["spec"].get("upstreams", ())]
    return exactly({(f"{ns}/{up}", f"{ns}/{name}"): 1.0 for ns, name, up in pairs if (ns, up) in told.assets})


def not_ready(told: Told) -> Answer:
    found = sum(condition(it, "Ready") == "False" for it in [*told.assets.values(), *told.pipelines.values()])
    return {(): (found, found)}


ANSWERS: dict[str, Says] = {
    "assets": count(lambda _: True),
    "fresh": count(holds("Fresh")),
    "stale": count(holds("Fresh", "False")),
    "aging": count(lambda asset: asset["status"]["state"] == "Aging"),
    "not ready": ((), not_ready),
    "failing": count(holds("Failing")),
    "under way": count(field("run")),
    "failed checks": ((), lambda told: told.sum(failed)),
    "state": (ASSET, number("state", RANKS.__getitem__)),
    "lag": (ASSET, lag),
    "limit": (ASSET, number("policy.maximumLag", seconds)),
    "stale in": (ASSET, left),
    "since update": (ASSET, since_update),
    "rows": (ASSET, number("rows")),
    "dbt run": ((*ASSET, "run"), dbt_runs),
    "share of limit": (ASSET, of_limit),
    "objective": (ASSET, objective),
    "fresh 1h": (ASSET, share),
    "fresh 1d": (ASSET, share),
    "fresh 30d": (ASSET, share),
    "outcomes": (("executor", "outcome"), lambda told: {(e, run["outcome"]): (0, math.inf) for e, run in told.runs()}),
    "run p50": (("executor",), durations),
    "run p95": (("executor",), durations),
    "newest run": (ASSET, number("durationSeconds")),
    "rejected rows": (ASSET, lambda told: told.each(rejected)),
    "trigger p50": ((), lambda _: {(): LATENCY}),
    "trigger p99": ((), lambda _: {(): LATENCY}),
    "reconcile p99": (("kind",), lambda _: {(kind,): LATENCY for kind in ("Asset", "Pipeline", "DbtCloud")}),
    "queue": ((), lambda _: {(): (0, math.inf)}),
    "leader": ((), lambda told: {(): (1, 1)} if told.holder else {(): (0, 0)}),
    "memory": ((), lambda _: {(): (10e6, 1e9)}),
    "dbt Cloud ready": (PIPELINE, dbt_ready),
    "dbt Cloud requests": (("code",), lambda _: {("200",): POSITIVE, ("error",): POSITIVE}),
    # increase() goes on as before to the ends of its range: of three it may make 3.01.
    "models built": ((), lambda told: {(): (1, 1.01 * sum(executor == "DbtCloud" for executor, _ in told.runs()))}),
    "warehouse": (PIPELINE, reached),
    "nodes": (("id", "title", "mainstat"), nodes),
    "edges": (("source", "target"), edges),
}
"""By the dashboard's name for a query. What only the operator knows of itself has wide ranges."""

AT_LEAST = {"outcomes", "reconcile p99", "dbt Cloud requests", "sum by (executor, outcome) (freshet_runs_total)"}
"""What kubectl does not know all of may have more."""


def ended(told: Told) -> Answer:
    """Of all that succeeded or failed, the history still has each here."""
    return {key: (n, n) for key, n in Counter((executor, run["outcome"]) for executor, run in told.runs()).items()}


COUNTERS: dict[str, Says] = {
    "sum by (executor, outcome) (freshet_runs_total)": (("executor", "outcome"), ended),
    "freshet_dbt_cloud_models_built_total": (
        (),
        lambda told: {(): ended(told)["DbtCloud", "Succeeded"]},
    ),
}

RECORDED: dict[str, Says] = {
    "freshet:asset_fresh:avg5m": (ASSET, share),
    "freshet:asset_fresh:avg1h": (ASSET, share),
    "freshet:asset_fresh:avg1d": (ASSET, share),
    "freshet:asset_fresh:avg30d": (ASSET, share),
    "freshet:asset_budget:ratio": (ASSET, budget),
}
