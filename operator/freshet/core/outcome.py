"""What a run that ended means for its asset: one pure function from (status, run) to status.

A run's outcome decides what it used up. Succeeded and Unchanged meet the need; Failed costs an attempt; Interrupted
(an outage, a locked warehouse) costs none and comes back; Cancelled costs none and does not come back by itself;
Skipped did not look at all.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from freshet.api.asset import Asset, AssetStatus, LastRun, Rejected
from freshet.core import late, nodes
from freshet.core.checks import merged
from freshet.core.ended import Ended, order
from freshet.core.history import add, put, told
from freshet.core.policy import Policy

__all__ = ["Ended", "is_recorded", "merged", "order", "record", "retry_delay"]

T = TypeVar("T")

NOT_LOOKED = ("Interrupted", "Skipped")
"""Outcomes of runs that never came to look at their input: what was due is still due."""


def is_recorded(status: AssetStatus, run: Ended) -> bool:
    """Was this run taken in already? The newest one is a watermark; history catches what shares its second.

    The run under way is news whatever its clock says: a pod's end has whole seconds of its node's clock, so it may
    seem to lie before the end of the run that preceded it. So is a dbt Cloud run of ours, whose id may not stand in the
    status yet: it is handed over until it is taken in, and not after that. Somebody else's run of dbt Cloud is told by
    what it would change (:mod:`.late`): it may come after later ones.
    """
    last = status.last_run
    if run.checks_only:
        return merged(status.checks, run) == status.checks
    if last is None:
        return False
    if run.id == last.id or any(item.id == run.id for item in status.history):
        return True
    if late.is_late(status, run):
        return late.is_told(status, run)
    if _is_ours(run) or (status.run is not None and status.run.id == run.id):
        return False
    return last.finished_at is not None and order(run) <= (last.finished_at, last.id)


def _is_ours(run: Ended) -> bool:
    return run.executor == "DbtCloud" and not run.foreign and not run.adopted


def retry_delay(policy: Policy, failures: int) -> timedelta:
    """Backoff before the attempt that follows that many failures."""
    return min(policy.backoff * (1 << min(max(failures, 1) - 1, 20)), policy.max_backoff)


def record(
    *, asset: Asset, status: AssetStatus, run: Ended, policy: Policy, upstreams: Mapping[str, Asset]
) -> AssetStatus:
    """The status after that run."""
    if run.checks_only:
        return msgspec.structs.replace(status, checks=merged(status.checks, run))
    run = _levelled(asset, status, run)
    if late.is_late(status, run):
        return _late(asset, status, run, upstreams)
    if late.is_outrun(status, run):
        return _outrun(asset, status, run, policy, upstreams)
    changes = _common(status, run)
    if run.outcome not in NOT_LOOKED and not (run.foreign and run.outcome == "Failed"):
        changes["considered"] = {name: seen.version for name, seen in run.looked_at.items()}
        changes["definition"] = run.definition or status.definition
        changes["dbt"] = status.dbt if run.passed else nodes.looked(status.dbt)
    if run.outcome == "Succeeded":
        changes |= _built(asset, status, run, upstreams)
    elif run.outcome == "Unchanged":
        changes |= _confirmed(status, run)
    elif not run.foreign:
        changes |= _unbuilt(status, run, policy)
    after = msgspec.structs.replace(status, **changes)
    return msgspec.structs.replace(after, history=add(after, run, moved=after.version != status.version))


def _late(asset: Asset, status: AssetStatus, run: Ended, upstreams: Mapping[str, Asset]) -> AssetStatus:
    """Somebody else's run that is told of after later ones (:mod:`.late`)."""
    last, changes = status.last_run, dict[str, Any](checks=late.checks(status, run))
    if last is None or last.finished_at is None or order(run) > (last.finished_at, last.id):
        changes["last_run"] = LastRun(**told(run))
    if run.outcome in ("Succeeded", "Unchanged") and not late.is_older(status, run):
        built = _built(asset, status, run, upstreams) if run.outcome == "Succeeded" else {}
        changes |= built | _kept(status) | late.need(asset, status, run, upstreams)
    return msgspec.structs.replace(status, **changes, history=put(status.history, run))


def _outrun(
    asset: Asset, status: AssetStatus, run: Ended, policy: Policy, upstreams: Mapping[str, Asset]
) -> AssetStatus:
    """A run of ours that is recorded after somebody else's newer build (:mod:`.late`)."""
    changes = _common(status, run) | {"checks": late.checks(status, run)}
    considered = late.considered(asset, status, run, upstreams)
    if run.outcome in ("Succeeded", "Unchanged"):
        changes |= {"failures": 0, "retry_at": None}
    elif not considered or considered != status.considered:
        changes |= _unbuilt(status, run, policy)
    if run.outcome not in NOT_LOOKED:
        changes["considered"] = considered
    return msgspec.structs.replace(status, **changes, history=put(status.history, run))


def _kept(status: AssetStatus) -> dict[str, Any]:
    """What a newer attempt has used up."""
    return {"failures": status.failures, "retry_at": status.retry_at}


def _levelled(asset: Asset, status: AssetStatus, run: Ended) -> Ended:
    """What was left as it was may still be a version not known here: that of a load whose Job is gone, or a table that
    dbt reuses and that nobody has seen being built. A load that tells of an older version than the known one repeats
    what it was told once: that says nothing of the table, nor how recent it is.
    """
    if run.outcome != "Unchanged" or run.version in (None, status.version):
        return run
    if asset.kind == "Source" and _is_older(run, status):
        message = f"it told of an older state of the table, which is left aside: {run.message}"
        none: dict[str, Any] = dict.fromkeys(("version", "data_time", "rows", "rejected", "level"))
        return replace(run, **none, checks=(), message=message)
    missed = asset.kind == "Source" or (asset.kind == "DbtCloud" and status.version is None)
    return replace(run, outcome="Succeeded") if missed else run


def _is_older(run: Ended, status: AssetStatus) -> bool:
    made, known = run.updated_at, status.last_updated_at
    return made is not None and known is not None and made < known


def _common(status: AssetStatus, run: Ended) -> dict[str, Any]:
    last = LastRun(**told(run))
    return {
        "last_run": last,
        "run": None,
        "last_handled_trigger": _unless_skipped(run, run.trigger, status.last_handled_trigger),
        "last_tick": _unless_skipped(run, run.tick, status.last_tick),
        "checks": merged(status.checks, run),
        "rejected": _bad_rows(status, run),
        "refused": status.refused if run.outcome in NOT_LOOKED else run.refused,
    }


def _bad_rows(status: AssetStatus, run: Ended) -> Rejected | None:
    found = status.rejected if run.rejected is None else run.rejected
    return found if found is not None and found.rows else None


def _unless_skipped(run: Ended, value: T | None, known: T | None) -> T | None:
    """What was asked for and then skipped is still to be done."""
    return known if run.outcome == "Skipped" else value or known


def _built(asset: Asset, status: AssetStatus, run: Ended, upstreams: Mapping[str, Asset]) -> dict[str, Any]:
    return {
        **_met(run),
        "version": run.version or run.id,
        "relation": run.relation or status.relation,
        "last_updated_at": run.updated_at or run.finished_at,
        "data_time": run.data_time or (run.started_at or run.finished_at if not asset.spec.upstreams else None),
        "rows": run.rows,
        "duration_seconds": run.duration,
        "consumed": dict(run.looked_at if run.consumed is None else run.consumed),
        "level": run.level or status.level,
    }


def _confirmed(status: AssetStatus, run: Ended) -> dict[str, Any]:
    """The input was looked at and the table left as it was: its data time moves, its version does not.

    Not backwards, but where the level is of another input: its spec may name another ``dataTimeColumn``.
    """
    moves = run.data_time is not None and (
        run.stated or status.data_time is None or run.data_time > status.data_time or _is_of_another(status, run)
    )
    return {
        **_met(run),
        "data_time": run.data_time if moves else status.data_time,
        "rows": run.rows if run.rows is not None else status.rows,
        "level": _level(status, run),
    }


def _level(status: AssetStatus, run: Ended) -> dict[str, Any] | None:
    """The level is handed to the next pods: it is written anew only for another input, not for each check of it."""
    if run.stated or _is_of_another(status, run):
        return run.level or status.level
    return status.level or run.level


def _is_of_another(status: AssetStatus, run: Ended) -> bool:
    known, found = status.level, run.level
    return bool(known and found and found.get("fingerprint") != known.get("fingerprint"))


def _met(run: Ended) -> dict[str, Any]:
    return {"failures": 0, "retry_at": None, "last_checked_at": run.finished_at}


def _unbuilt(status: AssetStatus, run: Ended, policy: Policy) -> dict[str, Any]:
    if run.outcome == "Failed":
        failures = status.failures + 1
        again = failures <= policy.limit
        return {
            "failures": failures,
            "retry_at": run.finished_at + retry_delay(policy, failures) if again else None,
        }
    if run.outcome in NOT_LOOKED:
        return {"retry_at": run.finished_at + _longer(status, policy)}
    return {"retry_at": None}


def _longer(status: AssetStatus, policy: Policy) -> timedelta:
    """Each run in a row that came to nothing is followed by twice the wait, as attempts are."""
    last, again = status.last_run, status.retry_at
    if last is None or last.outcome not in NOT_LOOKED or last.finished_at is None or again is None:
        return policy.backoff
    return min(max(policy.backoff, (again - last.finished_at) * 2), policy.max_backoff)
