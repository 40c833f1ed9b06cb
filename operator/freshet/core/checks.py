"""The checks of an asset after a run."""

from freshet.api.asset import Check
from freshet.core.ended import Ended

__all__ = ["merged"]


def merged(known: tuple[Check, ...], run: Ended) -> tuple[Check, ...]:
    """The checks after a run. A Job reports all checks of what it built, so that one which is no longer declared goes;
    a dbt run may have run some of the tests or none, and an older result never replaces a newer one.
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
