"""What dbt says of a node, and what follows from it: is its code newer than its table, may dbt be asked again?

An Asset that discovery made is held until its status says what is known of the node: else a table that has long been
built would be built again before it was adopted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from freshet.api.asset import Asset, AssetStatus, DbtFacts
from freshet.api.durations import parse_duration
from freshet.api.names import ANNOTATION_UNIQUE_ID
from freshet.api.pipeline import Pipeline

__all__ = [
    "Described",
    "ask_again_at",
    "describe",
    "is_recoded",
    "is_undescribed",
    "is_view",
    "looked",
    "plain_relation",
]

LAG_TOLERANCE = timedelta(minutes=45)
"""dbt State's own, where a project says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """``facts`` of the newest manifest; ``run`` is the dbt Cloud run that left it."""

    facts: DbtFacts
    run: str | None = None


def describe(status: AssetStatus, known: Described | None) -> AssetStatus:
    """The status with what is known of the node."""
    if known is None:
        return status
    facts = msgspec.structs.replace(known.facts, built_checksum=_built(status, known))
    return msgspec.structs.replace(status, dbt=facts, relation=status.relation or plain_relation(facts.relation))


def looked(facts: DbtFacts | None) -> DbtFacts | None:
    """A run has looked at the node: it used the newest code that is known."""
    return msgspec.structs.replace(facts, built_checksum=facts.checksum) if facts is not None else None


def is_recoded(status: AssetStatus) -> bool:
    """Has its code changed since its newest run?"""
    facts = status.dbt
    return facts is not None and bool(facts.checksum and facts.built_checksum not in (None, facts.checksum))


def is_view(status: AssetStatus) -> bool:
    """Has it no data of its own?"""
    return status.dbt is not None and status.dbt.materialized == "view"


def is_undescribed(asset: Asset, pipeline: Pipeline | None) -> bool:
    """Was it made by discovery, which has not yet said what is known of it?"""
    made = ANNOTATION_UNIQUE_ID in asset.metadata.annotations
    return made and asset.status.dbt is None and pipeline is not None and pipeline.discovers


def ask_again_at(status: AssetStatus, upstreams: Mapping[str, Asset]) -> datetime | None:
    """When dbt, which has reused the table, is asked once more: its lag tolerance after the oldest change that the
    table does not have. A run that began later was that second asking.
    """
    last, said = status.last_run, status.dbt.lag_tolerance if status.dbt is not None else None
    if last is None or last.outcome != "Unchanged" or not (said or last.reused):
        return None
    behind = [up.status.last_updated_at for name, up in upstreams.items() if _is_behind(status, name, up)]
    changed = min((at for at in behind if at is not None), default=None)
    if changed is None:
        return None
    at = changed + (parse_duration(said) if said else LAG_TOLERANCE)
    return None if last.started_at is not None and last.started_at >= at else at


def plain_relation(name: str | None) -> str | None:
    """``schema.table`` without quotes and catalog, as counts take it."""
    parts = [part.strip('"`') for part in (name or "").split(".")]
    return ".".join(parts[-2:]) if len(parts) > 1 else None


def _built(status: AssetStatus, known: Described) -> str | None:
    """At first sight a table counts as built from the code of now; the run that left this manifest used its code."""
    before, last = status.dbt.built_checksum if status.dbt else None, status.last_run
    looked_at = last is not None and last.id == known.run and last.outcome not in ("Skipped", "Interrupted")
    return known.facts.checksum if before is None or looked_at else before


def _is_behind(status: AssetStatus, name: str, upstream: Asset) -> bool:
    """The run considered this version, and the table is not built from it."""
    consumed, version = status.consumed.get(name), upstream.status.version
    return (
        version is not None and status.considered.get(name) == version and (not consumed or consumed.version != version)
    )
