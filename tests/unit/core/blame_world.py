"""A few assets and a Pipeline, decided about as the operator would: what scenarios of blame are told in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from tests.unit.core.making import MINUTE, NOW, asset, pipeline, ran, source

from freshet.api.asset import Asset, RunInFlight
from freshet.api.pipeline import Pipeline
from freshet.core import blame
from freshet.core.case import Trouble
from freshet.core.decide import decide
from freshet.core.lineage import Graph, key_of
from freshet.core.observed import Decision, Observed
from freshet.core.outcome import Ended
from freshet.core.situation import Waiting, definition_of

__all__ = ["FIVE", "LIMIT", "PIPE", "World", "chain"]

LIMIT = {"maximumLag": "15m"}
PIPE = {"sources": [{"asset": "orders", "csv": {"path": "/d.csv"}}], "schedule": "*/5 * * * *"}
FIVE = datetime(2026, 11, 27, 17, tzinfo=NOW.tzinfo)


class World:
    """Assets and one Pipeline, decided about until nothing changes any more, as the operator would."""

    def __init__(self, *assets: Asset, **pipe: Any) -> None:
        self.assets = {it.name: it for it in assets}
        self.pipeline: Pipeline | None = pipeline(**{**PIPE, **pipe})
        self.graph, self.words = Graph(), blame.Words()
        self.troubles: dict[str, Trouble] = {}
        self.held: dict[str, Waiting] = {}
        self.active: dict[str, RunInFlight] = {}
        self.wakes: dict[str, datetime | None] = {}

    def at(self, now: datetime, **ended: Ended) -> "World":
        """The world at that time, after those runs have ended."""
        for _ in range(len(self.assets) + 2):
            before = dict(self.assets)
            for name in before:
                self._visit(name, now, ended)
            if before == self.assets:
                return self
        raise AssertionError("it never settles")

    def _visit(self, name: str, now: datetime, ended: Mapping[str, Ended]) -> None:
        it = self.assets[name]
        self._see(it)
        decision = self._decide(it, now, ended)
        self.wakes[name] = decision.wake_at
        self.assets[name] = msgspec.structs.replace(it, status=decision.status)
        self._see(self.assets[name])

    def _see(self, it: Asset) -> None:
        self.graph.put(it)
        self.graph.settle()

    def _decide(self, it: Asset, now: datetime, ended: Mapping[str, Ended]) -> Decision:
        found = {key_of(other): other for other in self.assets.values()}
        known = definition_of(it, self.pipeline if it.spec.pipeline else None)
        return decide(
            Observed(
                asset=it,
                pipeline=self.pipeline if it.spec.pipeline else None,
                upstreams={up: self.assets[up] for up in it.spec.upstreams if up in self.assets},
                now=now,
                ended=[replace(run, definition=known) for name, run in ended.items() if name == it.name],
                cycle=self.graph.cycle(key_of(it)),
                find=self.assets.get,
                trouble=self.troubles.get(it.name),
                held=self.held.get(it.name),
                active=self.active.get(it.name),
                data_time=self.graph.preview,
                blame=lambda state: blame.ancestor(state, graph=self.graph, find=found.get, words=self.words),
                still=lambda state: blame.still(state, find=found.get, words=self.words),
            )
        )

    def reason(self, name: str) -> str:
        return self.assets[name].status.reason or ""

    def change(self, name: str, **spec: Any) -> None:
        changed = asset(name, status=self.assets[name].status, **spec)
        self.assets[name] = changed


def chain(**more: Any) -> World:
    """A source, a copy of it, a report on that; all built ten minutes before five, with the same data."""
    copy = asset("copy", upstreams=["orders"], freshness=LIMIT, **more)
    world = World(source("orders"), copy, asset("report", upstreams=["copy"], freshness=LIMIT))
    early = FIVE - 10 * MINUTE
    load = ran(id="l", at=early, version="v1", data_time=early, updated_at=early)
    world.at(early, orders=load)
    world.at(early, copy=ran(id="c", at=early, version="c1", looked_at={"orders": "v1"}))
    return world.at(early, report=ran(id="r", at=early, version="r1", looked_at={"copy": "c1"}))
