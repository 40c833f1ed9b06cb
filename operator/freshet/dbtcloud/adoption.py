"""First sight of a project that has long been built: take its tables as they are, so that nothing runs. Pure.

A model's version and time come from the newest run that built it. It has *considered* whatever its upstreams have now,
so that it is not due; it has *consumed* an upstream's version only where that one was there before the model was built.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from freshet.dbtcloud.found import Found
from freshet.dbtcloud.outcomes import NodeResult, same_relation
from freshet.dbtcloud.results import StepResults

__all__ = ["Adopted", "Built", "adopt", "newest"]


@dataclass(frozen=True, kw_only=True)
class Built:
    """A version of an Asset: its name and when it was made."""

    version: str
    at: datetime | None
    result: NodeResult | None = None


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """What goes to the Asset's status. `considered` and `consumed`: upstream Asset → version."""

    built: Built
    considered: Mapping[str, str]
    consumed: Mapping[str, str]


def newest(runs: Iterable[tuple[int, StepResults]]) -> dict[str, Built]:
    """Unique id → its newest version, from runs in the order of their end (run id, results)."""
    found: dict[str, Built] = {}
    for run_id, results in runs:
        built = {key: node for key, node in results.nodes.items() if node.built}
        found |= {key: Built(version=str(run_id), at=node.finished_at, result=node) for key, node in built.items()}
    return found


def adopt(*, found: Found, built: Mapping[str, Built], others: Mapping[str, Built] | None = None) -> dict[str, Adopted]:
    """Asset → what it takes over. `built` is by unique id; `others` are Assets that have a version already, by name.

    A model whose result is about another relation, or that has none, is not adopted: it is Missing, and built.
    """
    own = {name: built[each.unique_id] for name, each in found.assets.items() if _fits(each.unique_id, found, built)}
    known = {**own, **(others or {})}
    return {name: _adopted(name, found, known) for name in own if found.assets[name].kind == "DbtCloud"}


def _adopted(name: str, found: Found, known: Mapping[str, Built]) -> Adopted:
    mine = known[name]
    upstreams = {each: known[each] for each in found.assets[name].spec["upstreams"] if each in known}
    return Adopted(
        built=mine,
        considered={each: version.version for each, version in upstreams.items()},
        consumed={each: version.version for each, version in upstreams.items() if _before(version, mine)},
    )


def _before(upstream: Built, model: Built) -> bool:
    """Was the upstream's version there when the model was built? Within one run dbt saw to it."""
    if upstream.result is not None and upstream.version == model.version:
        return True
    return upstream.at is not None and model.at is not None and upstream.at <= model.at


def _fits(unique_id: str, found: Found, built: Mapping[str, Built]) -> bool:
    result = built[unique_id].result if unique_id in built else None
    if result is None:
        return unique_id in built
    return same_relation(result.relation, found.assets[found.names[unique_id]].relation) is not False
