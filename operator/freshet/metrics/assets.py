"""``freshet_asset_*``: labels namespace, pipeline, asset, kind."""

from collections.abc import Iterator
from functools import lru_cache
from typing import get_args

from freshet.api.asset import State
from freshet.metrics.families import GAUGES, LIVE, NEXT_LOAD
from freshet.metrics.rows import LiveDataTime, Row, Rows
from freshet.metrics.text import CHUNK, head, parts
from freshet.runtime.cache import Cache
from freshet.runtime.clock import Clock

__all__ = ["STATES", "AssetMetrics", "LiveDataTime"]

STATES: tuple[str, ...] = get_args(State)
FAMILIES = (*((name, help) for name, help, _ in GAUGES), NEXT_LOAD, *LIVE)


class AssetMetrics:
    """All families of the assets that the cache knows, as they are by the clock."""

    def __init__(self, *, cache: Cache, graph: LiveDataTime, clock: Clock) -> None:
        self._rows = Rows(cache=cache, graph=graph, clock=clock)

    def chunks(self) -> Iterator[str]:
        """All families, in pieces that take milliseconds (some are empty); all describe the assets as of the first."""
        rows: list[Row] = []
        for row in self._rows.collect():
            rows.append(row)
            if len(rows) % CHUNK == 0:
                yield ""
        for index, (name, help) in enumerate(FAMILIES):
            yield head(name, help)
            for part in parts(rows):
                yield _lines(name, index, part)
        yield head("freshet_asset_state", "1 for the state that the asset is in, 0 for every other.")
        for part in parts(rows):
            yield "".join([_states(row) for row in part if row.state is not None])
        yield head("freshet_asset_upstream_info", "An asset and one that it is built from.")
        for part in parts(rows):
            yield "".join([_upstreams(row) for row in part if row.upstreams])


def _lines(name: str, index: int, rows: list[Row]) -> str:
    return "".join(
        [f"{name}{{{labels}}} {text}" for labels, _, numbers, _ in rows if (text := numbers[index]) is not None]
    )


@lru_cache(maxsize=len(STATES))
def _suffixes(now: str) -> tuple[str, ...]:
    return tuple(f',state="{state}"}} {float(state == now)}\n' for state in STATES)


def _states(row: Row) -> str:
    line = f"freshet_asset_state{{{row.labels}"
    return line + line.join(_suffixes(row.state or ""))


def _upstreams(row: Row) -> str:
    line = f"freshet_asset_upstream_info{{{row.labels},upstream="
    return "".join([f'{line}"{name}"}} 1.0\n' for name in row.upstreams])
