"""What each asset says in a scrape, kept from one scrape to the next: most assets have not changed in between.

Values are kept as text; of ten thousand assets, 200,000 numbers take longer to write than to send.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key
from freshet.core import seen
from freshet.core.freshness import Turns
from freshet.core.lineage import NEVER_OLD, UNKNOWN, key_of
from freshet.metrics import values
from freshet.metrics.families import GAUGES
from freshet.metrics.text import escape, unix
from freshet.runtime.cache import Cache
from freshet.runtime.clock import Clock

__all__ = ["LiveDataTime", "Row", "Rows"]


class LiveDataTime(Protocol):
    """The part of the graph of assets that metrics read."""

    def data_time(self, key: Key) -> datetime | None:
        """How recent the data inside is, as of the newest checks; NEVER_OLD as it is."""
        ...


class Row(NamedTuple):
    """``labels`` as they stand between the braces; ``numbers`` as text, in the order of GAUGES, NEXT_LOAD and LIVE;
    None where there is nothing to say.
    """

    labels: str
    state: str | None
    numbers: tuple[str | None, ...]
    upstreams: tuple[str, ...]


class Still(NamedTuple):
    """What does not move while the asset and its Pipeline stay as they are."""

    asset: Asset
    pipeline: Pipeline | None
    labels: str
    numbers: tuple[str | None, ...]
    upstreams: tuple[str, ...]
    limits: seen.InForce | None


class Kept(NamedTuple):
    """A row, and what it was made of: it is good for the same, from ``since`` until before ``until``."""

    still: Still
    data_time: datetime | None
    since: datetime
    until: datetime
    row: Row


class Rows:
    """Remembers the rows of the newest scrape, thus nothing of what is gone."""

    def __init__(self, *, cache: Cache, graph: LiveDataTime, clock: Clock) -> None:
        self._cache, self._graph, self._clock = cache, graph, clock
        self._kept: dict[Key, Kept] = {}

    def collect(self) -> Iterator[Row]:
        """The rows of all assets that there are now, one after the other."""
        now, kept = self._clock.now(), dict[Key, Kept]()
        for asset in list(self._cache.assets):
            key = key_of(asset)
            kept[key] = self._current(key, asset, now)
            yield kept[key].row
        self._kept = kept

    def _current(self, key: Key, asset: Asset, now: datetime) -> Kept:
        before, data_time, pipeline = self._kept.get(key), self._graph.data_time(key), self._pipeline_of(asset)
        still = before.still if before is not None else None
        if still is None or still.asset is not asset or still.pipeline is not pipeline:
            return _made(_still(asset, pipeline), data_time, now)
        if before is not None and before.data_time == data_time and before.since <= now < before.until:
            return before
        return _made(still, data_time, now)

    def _pipeline_of(self, asset: Asset) -> Pipeline | None:
        """Only a source's says something of it here."""
        name = asset.spec.pipeline if asset.kind == "Source" else None
        return self._cache.pipelines.get(Key("Pipeline", asset.namespace, name)) if name else None


def _still(asset: Asset, pipeline: Pipeline | None) -> Still:
    next_load = values.next_load(asset, pipeline) if asset.kind == "Source" else None
    return Still(
        asset=asset,
        pipeline=pipeline,
        labels=_labels(asset),
        numbers=(*[_text(value(asset)) for _, _, value in GAUGES], _text(next_load)),
        upstreams=tuple(escape(name) for name in asset.spec.upstreams),
        limits=seen.limits_in_force(asset),
    )


def _made(still: Still, data_time: datetime | None, now: datetime) -> Kept:
    turns = seen.turns_of(still.asset, still.limits, data_time=data_time)
    row = Row(
        labels=still.labels,
        state=seen.state(still.asset, turns, now=now),
        numbers=still.numbers + _live(still.asset, data_time, turns, now),
        upstreams=still.upstreams,
    )
    until = turns.next(now) if turns is not None else None
    return Kept(still, data_time, now, until or NEVER_OLD, row)


def _live(
    asset: Asset, data_time: datetime | None, turns: Turns | None, now: datetime
) -> tuple[str | None, str | None, str | None]:
    """In the order of LIVE."""
    fresh, known = seen.fresh(asset, turns, now=now), None if data_time == NEVER_OLD else data_time
    stale = turns.stale if turns is not None else None
    deadline = values.deadline(asset, known) if stale is None or stale == UNKNOWN else stale.timestamp()
    return (_text(None if fresh is None else float(fresh)), _text(unix(known)), _text(deadline))


def _text(value: float | None) -> str | None:
    return None if value is None else f"{value!r}\n"


def _labels(asset: Asset) -> str:
    """The API allows no character in names that needs escaping; a name that is only mentioned is not checked."""
    pipeline = escape(asset.spec.pipeline or "")
    return f'asset="{asset.name}",kind="{asset.kind}",namespace="{asset.namespace}",pipeline="{pipeline}"'
