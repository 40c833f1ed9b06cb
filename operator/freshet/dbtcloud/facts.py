"""What ``status.dbt`` says of a node. Pure."""

from collections.abc import Sequence

from freshet.api.asset import DbtFacts
from freshet.api.asset import Exposure as Shown
from freshet.api.durations import exact_duration
from freshet.dbtcloud.meta import tolerance
from freshet.dbtcloud.project import Exposure, Model, Source

__all__ = ["of_model", "of_source"]

MOST_EXPOSURES = 20
DESCRIPTION = 1024


def of_model(model: Model, exposures: Sequence[Exposure]) -> DbtFacts:
    """Of a model, and of the exposures that depend on it."""
    lag = tolerance(model)
    return DbtFacts(
        description=model.description[:DESCRIPTION] or None,
        tags=model.tags,
        relation=model.relation,
        materialized=model.materialized or None,
        checksum=model.checksum,
        lag_tolerance=exact_duration(lag) if lag else None,
        exposures=_shown(exposures),
        more_exposures=max(0, len(exposures) - MOST_EXPOSURES) or None,
    )


def of_source(source: Source | None, exposures: Sequence[Exposure]) -> DbtFacts:
    """Of a source, and of the exposures that read it directly."""
    return DbtFacts(
        relation=source.relation if source is not None else None,
        exposures=_shown(exposures),
        more_exposures=max(0, len(exposures) - MOST_EXPOSURES) or None,
    )


def _shown(exposures: Sequence[Exposure]) -> tuple[Shown, ...]:
    return tuple(Shown(name=e.name, owner=e.owner or None, url=e.url) for e in exposures[:MOST_EXPOSURES])
