"""What one dbt Cloud run means for one asset. Pure: what is known of the run goes in, an Ended for the core comes out.

Ours: the asset is one that the run was for; where results are silent, the run's own status decides, since the need must
not be forgotten. Somebody else's: only what the results say of this very table counts, and a failure is told but is no
attempt of ours.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from freshet.api.asset import Asset, Check, Consumed, Outcome
from freshet.api.pipeline_status import DbtRun
from freshet.controllers.dbt_judged import OUTCOMES, outcome_of_ours
from freshet.controllers.dbt_known import Known, checks_of
from freshet.controllers.dbt_members import unique_id_of
from freshet.core.nodes import plain_relation
from freshet.core.outcome import Ended
from freshet.core.situation import definition_of
from freshet.dbtcloud import foreign
from freshet.dbtcloud.outcomes import NodeResult, same_relation
from freshet.dbtcloud.results import settle

__all__ = ["foreign_run", "own_run", "passed_run", "source_run"]

COUNTED = ("Succeeded", "Failed", "Unchanged")
"""Outcomes of somebody else's run that say something of a table."""


def own_run(known: Known, asset: Asset, intent: DbtRun) -> Ended:
    """The part of a run of ours that was for this asset."""
    unique_id = unique_id_of(asset)
    node = settle(results=known.steps, run=known.run, expected=[unique_id])[unique_id]
    outcome, message = outcome_of_ours(known, asset, node, intent)
    return _ended(
        known,
        asset,
        node,
        outcome=outcome,
        message=message or known.run.message,
        cause=intent.cause_for(asset.name),
        attempt=intent.attempts.get(asset.name, 1),
        url=known.run.href or intent.url,
        looked_at=_at_launch(known, asset, intent),
        trigger=intent.triggers.get(asset.name),
        tick=intent.ticks.get(asset.name),
        definition=intent.definitions.get(asset.name) or definition_of(asset, known.pipeline),
        options=intent.options,
    )


def passed_run(known: Known, asset: Asset, intent: DbtRun) -> Ended | None:
    """A view that was not built: it shows what its upstreams have now, if one of them was built."""
    if not any(known.built(name) or name in intent.passed for name in asset.spec.upstreams):
        return None
    node = NodeResult(unique_id=unique_id_of(asset), outcome="Success", finished_at=known.run.finished_at)
    ended = _ended(
        known,
        asset,
        node,
        outcome="Succeeded",
        message="a view: it shows what its upstreams have, without a run",
        cause=intent.cause_for(asset.name),
        url=known.run.href or intent.url,
        looked_at=_at_launch(known, asset, intent),
        definition=intent.definitions.get(asset.name),
        passed=True,
    )
    # Not the run's own id: discovery takes what a run built for built with that run's code.
    return replace(ended, id=f"view-{known.version}")


def foreign_run(known: Known, asset: Asset) -> Ended | None:
    """What somebody else's run did to this table or found out about it; None where it says nothing."""
    node, checks = known.node(asset), checks_of(known, asset)
    outcome = OUTCOMES[node.outcome] if node is not None else None
    if node is None or outcome not in COUNTED or node.outcome == "Unknown" or _elsewhere(node, asset):
        only = checks and node is None
        return _only_checks(known, checks, declared=_declared(known, asset)) if only else None
    return _ended(
        known,
        asset,
        node,
        outcome=outcome,
        message=node.message or known.run.message,
        cause=known.run.cause or "started elsewhere",
        url=known.run.href,
        looked_at=_before(known, asset),
        definition=definition_of(asset, known.pipeline),
        foreign=True,
    )


def source_run(known: Known, sources: Collection[str]) -> Ended | None:
    """What a run, whoever started it, found out about an Asset that these sources of the project are; None: nothing."""
    name = known.pipeline.name
    checks = tuple(_by_our_clock(known, check) for check in known.checks(sources, pipeline=name))
    if known.tests is None or not checks:
        return None
    return _only_checks(known, checks, declared=known.declared(sources), tests_of=name)


def _by_our_clock(known: Known, check: Check) -> Check:
    """A source is not built by dbt Cloud, so that its other times are not of that clock."""
    return msgspec.structs.replace(check, at=check.at - known.skew) if check.at is not None else check


def _ended(known: Known, asset: Asset, node: NodeResult, *, outcome: Outcome, **more: Any) -> Ended:
    run = known.run
    return Ended(
        id=known.version,
        outcome=outcome,
        executor="DbtCloud",
        finished_at=run.finished_at or known.now,
        started_at=run.started_at or run.created_at,
        version=known.version if outcome == "Succeeded" or node.outcome == "Reused" else None,
        seconds=node.seconds,
        rows=node.rows_affected,
        relation=plain_relation(node.relation) or asset.status.relation,
        checks=checks_of(known, asset),
        declared=_declared(known, asset),
        retested=known.steps is not None and known.steps.tested and node.outcome != "PartialSuccess",  # its tests wait
        reused=node.outcome == "Reused",
        **more,
    )


def _at_launch(known: Known, asset: Asset, intent: DbtRun) -> dict[str, Consumed]:
    """What upstreams had at launch; one that this very run built (or passed on) was read anew."""
    seen = {
        name: Consumed(version=version, data_time=_data_time(known, name, version))
        for name, version in intent.versions.get(asset.name, {}).items()
    }
    for name in asset.spec.upstreams:
        if known.built(name) or (name in intent.passed and _passed(known, name, intent)):
            seen[name] = Consumed(version=known.version, data_time=known.live(name))
    return seen


def _passed(known: Known, name: str, intent: DbtRun) -> bool:
    asset = known.find(name)
    ups = asset.spec.upstreams if asset else ()
    return any(known.built(up) or (up in intent.passed and _passed(known, up, intent)) for up in ups)


def _before(known: Known, asset: Asset) -> dict[str, Consumed]:
    """What upstreams had before somebody else's run started; what is not known any more is left out: due again."""
    seen = {}
    for name in asset.spec.upstreams:
        upstream = known.find(name)
        built_in_run = known.version if known.built(name) else None
        version = foreign.consumed_version(
            history=_history(upstream), started_at=_started(known, upstream), built_in_run=built_in_run
        )
        if version is not None:
            seen[name] = Consumed(version=version, data_time=_data_time(known, name, version))
    return seen


def _started(known: Known, upstream: Asset | None) -> datetime | None:
    """When the run started, by the clock that the upstream's times are of."""
    started, theirs = known.run.started_at, upstream is not None and upstream.kind == "DbtCloud"
    return started if started is None or theirs else started - known.skew


def _history(asset: Asset | None) -> list[tuple[str, datetime]]:
    """Versions with the times at which they were made."""
    if asset is None:
        return []
    status = asset.status
    items = [(item.version, item.finished_at) for item in status.history]
    now = (status.version, status.last_updated_at)
    return [(version, at) for version, at in (*items, now) if version is not None and at is not None]


def _data_time(known: Known, name: str, version: str) -> datetime | None:
    upstream = known.find(name)
    if upstream is None:
        return None
    if upstream.status.version == version or version == known.version:
        return known.live(name)
    return next((item.data_time for item in upstream.status.history if item.version == version), None)


def _elsewhere(node: NodeResult, asset: Asset) -> bool:
    """Is this about another table, of another schema or database?"""
    return same_relation(node.relation, asset.status.relation) is False


def _only_checks(known: Known, checks: tuple[Check, ...], *, declared: frozenset[str] | None, **more: Any) -> Ended:
    return Ended(
        id=known.version,
        outcome="Unchanged",
        executor="DbtCloud",
        finished_at=known.run.finished_at or known.now,
        checks=checks,
        declared=declared,
        checks_only=True,
        **more,
    )


def _declared(known: Known, asset: Asset) -> frozenset[str] | None:
    return known.declared((unique_id_of(asset),))
