"""From a manifest and the Assets that exist to what discovery does. Pure: it writes nothing, so that it may be computed
in a thread beside the event loop.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from freshet.api.asset import Asset, DbtFacts
from freshet.api.names import ANNOTATION_APPLIED, ANNOTATION_PRUNE, ANNOTATION_UNIQUE_ID
from freshet.api.pipeline import Pipeline
from freshet.core.manifests.assets import discovered_asset
from freshet.dbtcloud.discovery import discover
from freshet.dbtcloud.found import Claim, Desired, Found, Known
from freshet.dbtcloud.outcomes import same_relation
from freshet.dbtcloud.project import Manifest
from freshet.dbtcloud.pruning import Pruning, prune

__all__ = ["UNOBSERVED", "Plan", "is_discovered", "plan"]

UNOBSERVED = "unobserved"
"""The version of an external Asset of which nothing says how recent it is: dbt has it, that is all that is known."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``apply``: manifests that differ from what was applied last; ``delete``: Assets of models that are gone;
    ``facts``: what is known of each Asset, by name; ``fresh``: names of those that discovery has said nothing of yet.
    """

    found: Found
    apply: tuple[dict[str, Any], ...]
    delete: tuple[Asset, ...]
    facts: Mapping[str, DbtFacts]
    fresh: frozenset[str]
    pruning: bool


def is_discovered(asset: Asset, pipeline: Pipeline) -> bool:
    """Did this Pipeline's discovery make it?"""
    owned = any(owner.controller and owner.uid == pipeline.metadata.uid for owner in asset.metadata.owner_references)
    return owned and ANNOTATION_UNIQUE_ID in asset.metadata.annotations


def plan(
    *,
    manifest: Manifest,
    pipeline: Pipeline,
    here: Collection[Asset],
    rivals: Iterable[Asset] = (),
    fed: Collection[str] = (),
    told: Collection[str] = (),
) -> Plan:
    """``here``: the Assets of the namespace. ``rivals``: those of other Pipelines of the same dbt Cloud account, in any
    namespace. ``fed``: names of external Assets of which something says now how recent they are. ``told``: names of
    Assets whose reconcilers have been told already.
    """
    ours = {asset.name: asset for asset in here if is_discovered(asset, pipeline)}
    known = _known(manifest, pipeline, here=here, ours=ours, rivals=rivals, fed=fed)
    found = discover(manifest=manifest, pipeline=pipeline, known=known)
    bodies = {name: _body(pipeline, desired) for name, desired in found.assets.items()}
    gone = [asset for name, asset in ours.items() if name not in found.assets and not _is_kept(asset, manifest)]
    left_out = [asset for asset in gone if asset.kind == "DbtCloud" and asset.dbt_node in manifest.models]
    pruned = _prune([asset for asset in gone if asset not in left_out], manifest)
    given = {a.name: a for a in here if a.name in found.given and a.spec.pipeline == pipeline.name}
    facts = {name: desired.facts for name, desired in found.assets.items()} | {
        name: found.given[name] for name in given
    }
    facts |= {name: _missing(ours[name], since) for name, since in pruned.missing.items()}
    return Plan(
        found=found,
        apply=tuple(body for name, body in bodies.items() if _mark(body) != _applied(ours.get(name))),
        delete=(*left_out, *(ours[name] for name in pruned.delete)),
        facts=facts,
        fresh=frozenset(name for name in facts if name not in told and _is_fresh(ours.get(name) or given.get(name))),
        pruning=bool(pruned.missing),
    )


def _known(
    manifest: Manifest,
    pipeline: Pipeline,
    *,
    here: Collection[Asset],
    ours: Mapping[str, Asset],
    rivals: Iterable[Asset],
    fed: Collection[str],
) -> Known:
    owners = {name: node for name, asset in ours.items() if (node := asset.dbt_node)}
    written = [asset for asset in here if asset.name not in ours]
    usable = [
        asset
        for asset in written
        if asset.kind == "External" or (asset.kind == "DbtCloud" and asset.spec.pipeline == pipeline.name)
    ]
    claims = {
        node: Claim(pipeline=_who(asset, pipeline), asset=asset.name if asset.namespace == pipeline.namespace else None)
        for asset in rivals
        if (node := asset.dbt_node) and _is_same_table(asset, manifest)
    }
    owned = set(owners.values())
    return Known(
        owners=owners,
        given={asset.dbt_node: asset.name for asset in usable if asset.dbt_node},
        taken={asset.name: _holder(asset, pipeline) for asset in written},
        claimed={node: claim for node, claim in claims.items() if node not in owned},
        shared={node: claim for node, claim in claims.items() if node in owned},
        fed={*fed, *(name for name, asset in ours.items() if asset.status.version not in (None, UNOBSERVED))},
    )


def _body(pipeline: Pipeline, desired: Desired) -> dict[str, Any]:
    component = "external" if desired.kind == "External" else "model"
    return discovered_asset(
        pipeline=pipeline, name=desired.name, unique_id=desired.unique_id, component=component, spec=desired.spec
    )


def _prune(gone: list[Asset], manifest: Manifest) -> Pruning:
    since = {asset.name: asset.status.dbt.missing_since for asset in gone if asset.status.dbt}
    return prune(
        existing=[asset.name for asset in gone],
        desired=[],
        missing={name: mark for name, mark in since.items() if mark},
        manifest=manifest.generated_at.isoformat() if manifest.generated_at else manifest.checksum,
    )


def _is_kept(asset: Asset, manifest: Manifest) -> bool:
    """A person keeps it, or the manifest has it in a form that could not be read."""
    return asset.metadata.annotations.get(ANNOTATION_PRUNE) == "disabled" or asset.dbt_node in manifest.odd


def _missing(asset: Asset, since: str) -> DbtFacts:
    return msgspec.structs.replace(asset.status.dbt or DbtFacts(), missing_since=since)


def _is_fresh(asset: Asset | None) -> bool:
    return asset is None or asset.status.dbt is None


def _is_same_table(asset: Asset, manifest: Manifest) -> bool:
    """Two environments of one project have models of one unique id in different schemas: those are two tables."""
    model = manifest.models.get(asset.dbt_node or "")
    theirs = asset.status.dbt.relation if asset.status.dbt else asset.status.relation
    return model is not None and same_relation(model.relation, theirs) is not False


def _mark(body: dict[str, Any]) -> str:
    mark: str = body["metadata"]["annotations"][ANNOTATION_APPLIED]
    return mark


def _applied(asset: Asset | None) -> str | None:
    return asset.metadata.annotations.get(ANNOTATION_APPLIED) if asset is not None else None


def _holder(asset: Asset, pipeline: Pipeline) -> str:
    other = asset.spec.pipeline
    return f"an Asset of Pipeline {other}" if other and other != pipeline.name else "an Asset that somebody else made"


def _who(asset: Asset, pipeline: Pipeline) -> str:
    name = asset.spec.pipeline or ""
    return name if asset.namespace == pipeline.namespace else f"{asset.namespace}/{name}"
