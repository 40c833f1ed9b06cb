"""``freshet_asset_*``: labels namespace, pipeline, asset, kind."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Protocol, get_args

from freshet.api.asset import Asset, State
from freshet.api.view import Key
from freshet.metrics import values
from freshet.metrics.text import CHUNK, escape, head, parts, unix
from freshet.runtime.cache import Cache

__all__ = ["STATES", "AssetMetrics", "LiveDataTime"]

STATES: tuple[str, ...] = get_args(State)
Value = Callable[[Asset], float | None]


class LiveDataTime(Protocol):
    """The part of the graph of assets that metrics read."""

    def live(self, key: Key) -> datetime | None:
        """How recent the data inside is, as of the newest checks."""
        ...


GAUGES: tuple[tuple[str, str, Value], ...] = (
    (
        "freshet_asset_last_update_timestamp_seconds",
        "When the newest version of the asset was made (Unix time).",
        lambda asset: unix(asset.status.last_updated_at),
    ),
    (
        "freshet_asset_last_check_timestamp_seconds",
        "When a run last built the asset or found its input unchanged (Unix time).",
        lambda asset: unix(asset.status.last_checked_at),
    ),
    (
        "freshet_asset_fresh",
        "1 while the data is within its limits, 0 when it is not; nothing where no limit is set.",
        values.fresh,
    ),
    (
        "freshet_asset_objective_ratio",
        "The share of time that the asset shall be fresh; nothing where no limit is set.",
        values.objective,
    ),
    ("freshet_asset_failing", "1 when the retries of the asset are used up.", values.failing),
    ("freshet_asset_failed_checks", "Checks of severity error that do not hold.", values.failed_checks),
    ("freshet_asset_max_lag_seconds", "The lag that the asset's policy allows.", values.max_lag),
    ("freshet_asset_warn_lag_seconds", "The lag from which on the asset is called aging.", values.warn_lag),
    (
        "freshet_asset_max_unchanged_seconds",
        "How long the content may stay as it is before the asset is called stale.",
        values.max_unchanged,
    ),
    ("freshet_asset_rows", "Rows of the newest version.", values.rows),
    (
        "freshet_asset_rejected_rows",
        "Rows that were set aside of the input that the newest version was loaded from.",
        values.rejected_rows,
    ),
    (
        "freshet_asset_load_refused",
        "1 when the newest load loaded nothing because of bad rows, keys or text.",
        values.load_refused,
    ),
    (
        "freshet_asset_run_duration_seconds",
        "How long the run that made the newest version took.",
        lambda asset: asset.status.duration_seconds,
    ),
    (
        "freshet_asset_run_started_timestamp_seconds",
        "When the run that is under way was started (Unix time).",
        values.run_started,
    ),
    ("freshet_asset_timeout_seconds", "How long a run of the asset may take.", values.timeout),
    (
        "freshet_asset_dbt_cloud_run",
        "Id of the dbt Cloud run under way, or of the newest that ended.",
        values.dbt_cloud_run,
    ),
)


class AssetMetrics:
    """All families of the assets that the cache knows."""

    def __init__(self, *, cache: Cache, graph: LiveDataTime) -> None:
        self._cache = cache
        self._graph = graph

    def chunks(self) -> Iterator[str]:
        """All families, in pieces that take milliseconds (some are empty); all describe the assets as of the first."""
        assets, rows = list(self._cache.assets), []
        for start in range(0, len(assets), CHUNK):
            rows += [(asset, _labels(asset)) for asset in assets[start : start + CHUNK]]
            yield ""
        for name, help, value in (*GAUGES, *self._looked_up()):
            yield head(name, help)
            for part in parts(rows):
                yield "".join(
                    [f"{name}{{{labels}}} {x!r}\n" for asset, labels in part if (x := value(asset)) is not None]
                )
        yield head("freshet_asset_state", "1 for the state that the asset is in, 0 for every other.")
        for part in parts(rows):
            yield "".join([_states(asset, labels) for asset, labels in part])
        yield head("freshet_asset_upstream_info", "An asset and one that it is built from.")
        for part in parts(rows):
            yield "".join([_upstreams(asset, labels) for asset, labels in part])

    def _looked_up(self) -> tuple[tuple[str, str, Value], ...]:
        """What the asset alone does not say."""
        return (
            (
                "freshet_asset_data_timestamp_seconds",
                "How recent the data inside the asset is, as of the newest checks of its sources (Unix time).",
                lambda asset: unix(self._live(asset)),
            ),
            (
                "freshet_asset_deadline_timestamp_seconds",
                "When the first of the asset's limits is or was passed if nothing newer comes (Unix time).",
                lambda asset: values.deadline(asset, self._live(asset)),
            ),
            (
                "freshet_asset_next_load_timestamp_seconds",
                "When the first load that a source's newest one does not cover is or was due (Unix time).",
                self._next_load,
            ),
        )

    def _live(self, asset: Asset) -> datetime | None:
        return self._graph.live(Key("Asset", asset.namespace, asset.name))

    def _next_load(self, asset: Asset) -> float | None:
        if asset.kind != "Source" or not asset.spec.pipeline:
            return None
        pipeline = self._cache.pipelines.get(Key("Pipeline", asset.namespace, asset.spec.pipeline))
        return values.next_load(asset, pipeline)


def _labels(asset: Asset) -> str:
    """The API allows no character in names that needs escaping; a name that is only mentioned is not checked."""
    pipeline = escape(asset.spec.pipeline or "")
    return f'asset="{asset.name}",kind="{asset.kind}",namespace="{asset.namespace}",pipeline="{pipeline}"'


@lru_cache(maxsize=len(STATES))
def _suffixes(now: str) -> tuple[str, ...]:
    return tuple(f',state="{state}"}} {float(state == now)}\n' for state in STATES)


def _states(asset: Asset, labels: str) -> str:
    now, line = asset.status.state, f"freshet_asset_state{{{labels}"
    return "".join([line + suffix for suffix in _suffixes(now)]) if now is not None else ""


def _upstreams(asset: Asset, labels: str) -> str:
    line = f"freshet_asset_upstream_info{{{labels},upstream="
    return "".join([f'{line}"{escape(name)}"}} 1.0\n' for name in asset.spec.upstreams])
