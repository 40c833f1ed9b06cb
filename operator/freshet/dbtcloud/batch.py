"""One run for many: what is due, closed downstream. Pure.

Models that are due together form one run. A model joins that only this run makes due, if its own policy lets it, so
that a chain of five is one run and a diamond is built once; dbt keeps the order inside. What may not join stops the
wave: it and what is below it wait for their own turn.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

__all__ = ["Batch", "Candidate", "Joins", "plan"]

Joins = Literal["Any", "All", "Never"]
"""How a model becomes due by its upstreams: ``AnyUpstreamUpdated``, ``AllUpstreamsUpdated``, or not by them at all."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model of the job.

    `upstreams`: all Assets that it reads. `blocked`: why it may not run now, if it may not (suspended, ``minInterval``,
    a failed check or a missing version of an upstream, an upstream that is being built elsewhere); where it would be
    cured by that upstream's being built in this very run, the upstream stands in `cured_by` instead. `settled`:
    upstreams that count as updated for ``All`` without this run. `passes`: a view that is not built but hands the new
    version on. `free`: a seed or snapshot, which no budget counts.
    """

    upstreams: tuple[str, ...] = ()
    joins: Joins = "Any"
    blocked: str | None = None
    cured_by: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    passes: bool = False
    free: bool = False


@dataclass(frozen=True, kw_only=True)
class Batch:
    """`build` in an order that respects the graph; `joined` are those of it that were not due by themselves.

    `passed`: views that get a new version without a run. `left`: what was due and is not in it, and why.
    """

    build: tuple[str, ...] = ()
    joined: frozenset[str] = frozenset()
    passed: tuple[str, ...] = ()
    left: Mapping[str, str] | None = None


def plan(*, due: Collection[str], models: Mapping[str, Candidate], limit: int | None = None) -> Batch:
    """The next run. `due` are models that are due and may run; `limit` is how many may still be built (a budget)."""
    wave: dict[str, bool] = {}
    left = {name: "NotInPipeline" for name in due if name not in models}
    built = 0
    for name in _ordered(models):
        if not _belongs(name, models[name], due=due, wave=wave):
            continue
        if _blocked(models[name], wave=wave) is not None:
            _leave(name, _blocked(models[name], wave=wave) or "", due=due, left=left)
        elif models[name].passes and name not in due:
            wave[name] = False
        elif limit is not None and built >= limit and not models[name].free:
            _leave(name, "BudgetExhausted", due=due, left=left)
        else:
            wave[name], built = True, built + (not models[name].free)
    build = tuple(name for name, builds in wave.items() if builds)
    passed = tuple(name for name, builds in wave.items() if not builds)
    return Batch(build=build, joined=frozenset(build) - frozenset(due), passed=passed, left=left)


def _belongs(name: str, model: Candidate, *, due: Collection[str], wave: Mapping[str, bool]) -> bool:
    if name in due:
        return True
    moving = [upstream for upstream in model.upstreams if upstream in wave]
    if not moving or model.joins == "Never":
        return False
    return model.joins == "Any" or all(upstream in wave or upstream in model.settled for upstream in model.upstreams)


def _blocked(model: Candidate, *, wave: Mapping[str, bool]) -> str | None:
    if model.blocked is not None:
        return model.blocked
    return None if all(wave.get(upstream, False) for upstream in model.cured_by) else "WaitingForUpstream"


def _leave(name: str, why: str, *, due: Collection[str], left: dict[str, str]) -> None:
    if name in due:
        left[name] = why


def _ordered(models: Mapping[str, Candidate]) -> Iterable[str]:
    """Upstreams first, by name where the graph leaves it open. A cycle (a condition says so) is left out."""
    graph = {name: [up for up in models[name].upstreams if up in models] for name in sorted(models)}
    while True:
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            for name in error.args[1]:
                graph.pop(name, None)
            graph = {name: [up for up in ups if up in graph] for name, ups in graph.items()}
