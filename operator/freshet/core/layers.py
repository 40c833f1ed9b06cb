"""Settings as they are written, from the nearest layer that has them: the Asset's own, then its Pipeline's defaults.

The Pipeline's defaults are never copied into Assets, so that changing one line there changes them all.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from freshet.api.asset import Asset, Automation, Freshness, Retries
from freshet.api.pipeline import Pipeline, SourceSpec

__all__ = [
    "DEFAULT_TIME_ZONE",
    "automation",
    "first",
    "freshness",
    "retries",
    "schedule_of",
    "source_of",
    "time_zone_of",
    "timeout",
]

T = TypeVar("T")
DEFAULT_SCHEDULE = "*/5 * * * *"
DEFAULT_TIME_ZONE = "Etc/UTC"


def source_of(asset: Asset, pipeline: Pipeline | None) -> SourceSpec | None:
    """The Pipeline's source that materializes this asset."""
    sources = pipeline.spec.sources if pipeline else ()
    return next((source for source in sources if source.asset == asset.name), None)


def schedule_of(pipeline: Pipeline, source: SourceSpec) -> str:
    """The source's own schedule, or the Pipeline's, or every five minutes."""
    return source.schedule or pipeline.spec.schedule or DEFAULT_SCHEDULE


def time_zone_of(pipeline: Pipeline, source: SourceSpec) -> str:
    """The source's own time zone, or the Pipeline's, or UTC."""
    return source.time_zone or pipeline.spec.time_zone or DEFAULT_TIME_ZONE


def automation(*, asset: Asset, pipeline: Pipeline | None) -> Automation:
    """Each setting from the nearest layer that has it; a preset's schedule and time zone come along with it.

    A source is loaded by its schedule, whatever the Pipeline says of what is built from it.
    """
    source = source_of(asset, pipeline) if asset.kind == "Source" else None
    if pipeline is not None and source is not None:
        return Automation(when="Cron", schedule=schedule_of(pipeline, source), time_zone=time_zone_of(pipeline, source))
    own = asset.spec.automation
    layers: list[Automation] = [own, *_defaults(asset=asset, pipeline=pipeline, field="automation")]
    preset = next((layer for layer in layers if layer.when is not None), own)
    return Automation(
        when=preset.when,
        schedule=preset.schedule,
        time_zone=preset.time_zone,
        min_interval=first(layer.min_interval for layer in layers),
        max_wait=first(layer.max_wait for layer in layers),
        require_checks=first(layer.require_checks for layer in layers),
        on_code_change=first(layer.on_code_change for layer in layers),
    )


def freshness(*, asset: Asset, pipeline: Pipeline | None) -> Freshness:
    """What never grows old has no limits, whoever set them."""
    if asset.spec.data_time == "Static":
        return Freshness()
    if asset.spec.freshness is not None:
        return asset.spec.freshness
    return first(_defaults(asset=asset, pipeline=pipeline, field="freshness")) or Freshness()


def retries(*, asset: Asset, pipeline: Pipeline | None) -> Retries:
    """Of a source, its own only: loads come back with their schedule."""
    layers: list[Retries] = [asset.spec.retries]
    if asset.kind != "Source":
        layers += _defaults(asset=asset, pipeline=pipeline, field="retries")
    return Retries(
        limit=first(layer.limit for layer in layers),
        backoff=first(layer.backoff for layer in layers),
        max_backoff=first(layer.max_backoff for layer in layers),
    )


def timeout(*, asset: Asset, pipeline: Pipeline | None) -> str | None:
    """How long a run may take."""
    return asset.spec.timeout or first(_defaults(asset=asset, pipeline=pipeline, field="timeout"))


def _defaults(*, asset: Asset, pipeline: Pipeline | None, field: str) -> list[Any]:
    """The Pipeline's settings of that name, nearest first: its dbt Cloud block's for models, then its own."""
    if pipeline is None:
        return []
    nearest = pipeline.spec.dbt_cloud if asset.kind == "DbtCloud" else None
    found = [getattr(block, field) for block in (nearest, pipeline.spec) if block is not None]
    return [value for value in found if value is not None]


def first(values: Iterable[T | None]) -> T | None:
    """The first that is given."""
    return next((value for value in values if value is not None), None)
