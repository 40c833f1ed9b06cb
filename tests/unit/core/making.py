"""Short ways to write assets, pipelines and runs, so that a test shows only what it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from freshet.api.asset import Asset, AssetStatus, Consumed
from freshet.api.pipeline import Pipeline
from freshet.api.view import Meta
from freshet.core.outcome import Ended
from freshet.core.policy import Policy, effective

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CREATED = NOW - timedelta(days=30)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def asset(name: str = "a", *, status: AssetStatus | None = None, annotations: Any = None, **spec: Any) -> Asset:
    """An Asset whose spec is written as in a manifest; a count unless ``materialize`` says otherwise."""
    made = msgspec.convert({"materialize": {"count": {}}, **spec}, type=Asset.__annotations__["spec"])
    meta = Meta(name=name, namespace="ns", uid=f"uid-{name}", generation=1, creation_timestamp=CREATED,
                annotations=annotations or {})  # fmt: skip
    return Asset(metadata=meta, spec=made, status=status or AssetStatus())


def source(name: str = "src", **more: Any) -> Asset:
    """A source's Asset."""
    return asset(name, materialize={"source": {}}, pipeline="p", **more)


def model(name: str, **more: Any) -> Asset:
    """A dbt Cloud model."""
    return asset(name, materialize={"dbtCloud": {"uniqueId": f"model.p.{name}"}}, pipeline="p", **more)


def built(version: str | None = "v1", **more: Any) -> AssetStatus:
    """The status of an asset that has that version."""
    return AssetStatus(version=version, **more)


def up(name: str, version: str | None = "v1", **status: Any) -> Asset:
    """An upstream with that version."""
    return asset(name, materialize={"external": {}}, status=AssetStatus(version=version, **status))


def ups(*assets: Asset) -> dict[str, Asset]:
    """Assets by name."""
    return {it.name: it for it in assets}


def pipeline(**spec: Any) -> Pipeline:
    """A Pipeline whose spec is written as in a manifest."""
    meta = Meta(name="p", namespace="ns", uid="uid-p", generation=1)
    base = {"warehouse": {"duckdb": {"path": "/warehouse/w.duckdb"}}}
    return Pipeline(metadata=meta, spec=msgspec.convert({**base, **spec}, type=Pipeline.__annotations__["spec"]))


def policy(**spec: Any) -> Policy:
    """The policy of an asset with that spec and no Pipeline."""
    return effective(asset=asset(**spec), pipeline=None)


def ran(outcome: str = "Succeeded", *, id: str = "r1", at: datetime = NOW, looked_at: Any = None, **more: Any) -> Ended:
    """A run that took ten seconds; ``looked_at`` maps upstream names to versions."""
    seen = {name: Consumed(version=version) for name, version in (looked_at or {}).items()}
    facts: dict[str, Any] = {"started_at": at - 10 * SECOND, "definition": "d", **more}
    return Ended(id=id, outcome=outcome, finished_at=at, looked_at=seen, **facts)  # type: ignore[arg-type]
