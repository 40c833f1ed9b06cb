"""The checks of an asset after a run: those of what builds it, then those of projects that read it as a source."""

from freshet.api.asset import Asset, Check
from freshet.api.pipeline import Pipeline
from freshet.core.ended import Ended

__all__ = ["merged", "retested_first"]


def merged(known: tuple[Check, ...], run: Ended) -> tuple[Check, ...]:
    """The checks after a run; it says nothing of those that others report."""
    mine = tuple(check for check in known if check.pipeline == run.tests_of)
    others = [check for check in known if check.pipeline != run.tests_of]
    return tuple(sorted((*_after(mine, run), *others), key=lambda check: check.pipeline or ""))


def _after(known: tuple[Check, ...], run: Ended) -> tuple[Check, ...]:
    """A Job reports all checks of what it built, so that one which is no longer declared goes; a dbt run may have run
    some of the tests or none, and an older result never replaces a newer one.
    """
    if run.executor == "Job":
        return run.checks if run.checks or run.outcome == "Succeeded" else known
    if run.declared is not None:
        known = tuple(check for check in known if check.name in run.declared)
    elif run.retested and run.outcome == "Succeeded":
        known = ()
    found = {check.name: check for check in known}
    for check in run.checks:
        before = found.get(check.name)
        if before is None or before.at is None or check.at is None or check.at >= before.at:
            found[check.name] = check
    return tuple(found[name] for name in sorted(found))


def retested_first(asset: Asset, upstream: Asset, *, pipeline: Pipeline | None) -> tuple[Check, ...]:
    """Failed tests of a source that was loaded since: a run of the model that reads it tests it again first, and dbt
    builds the model only where they pass.
    """
    spec = pipeline.spec.dbt_cloud if pipeline is not None and asset.kind == "DbtCloud" else None
    loaded = upstream.status.last_updated_at
    if spec is None or not spec.runs_tests or loaded is None:
        return ()
    ours = (check for check in upstream.status.checks if check.broken and check.pipeline == asset.spec.pipeline)
    sources = (check for check in ours if (check.source or "").startswith("source."))  # a model would be built
    return tuple(check for check in sources if check.at is not None and check.at < loaded)
