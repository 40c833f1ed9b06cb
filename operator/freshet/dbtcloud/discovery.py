"""From a manifest to the Assets that should exist. Pure: what to apply, what to tell a person; nothing is written here.

Ephemeral models have no table: what they read is read by those who name them. A model that is not selected, or belongs
to another project, becomes an ``external`` Asset where a selected one reads it: somebody else builds it, and its runs
are seen as foreign ones. Names must not collide: who has the name keeps it, the other gets a problem and no Asset, and
whoever reads it names a hashed name that does not exist, so that it says ``UpstreamNotFound`` instead of watching the
wrong table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from freshet.api.pipeline import Discovery, Pipeline, SourceSpec
from freshet.dbtcloud.manifest import Exposure, Manifest, Model, Source
from freshet.dbtcloud.meta import policy_of
from freshet.dbtcloud.naming import asset_name, hashed_name

__all__ = ["Desired", "Found", "Problem", "discover"]

MOST_UPSTREAMS = 200
MOST_EXPOSURES = 20
DESCRIPTION = 1024


@dataclass(frozen=True, kw_only=True)
class Desired:
    """An Asset to apply. `spec` is complete but for ``pipeline``; `dbt` goes to ``status.dbt``."""

    name: str
    unique_id: str
    kind: str
    """``DbtCloud`` or ``External``."""
    spec: Mapping[str, Any]
    relation: str | None = None
    dbt: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a person must see. `reason` is for a condition, `name` the Asset that it is about."""

    reason: str
    name: str
    message: str

    @property
    def sentence(self) -> str:
        """Name and message, also the order of problems."""
        return f"{self.name}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """`assets` by name; `names`: unique id → Asset, sources that a Pipeline loads among them."""

    assets: Mapping[str, Desired]
    names: Mapping[str, str]
    problems: tuple[Problem, ...]


def discover(*, manifest: Manifest, pipeline: Pipeline, owners: Mapping[str, str] | None = None) -> Found:
    """The Assets of this project. `owners`: Asset name → unique id, of the Assets that exist."""
    dbt_cloud = pipeline.spec.dbt_cloud
    settings = dbt_cloud.discovery if dbt_cloud else Discovery()
    return _Discovery(manifest=manifest, pipeline=pipeline, settings=settings, owners=owners or {}).result()


@dataclass(frozen=True, kw_only=True)
class _Discovery:
    manifest: Manifest
    pipeline: Pipeline
    settings: Discovery
    owners: Mapping[str, str]

    def result(self) -> Found:
        made = [self._model(model) for model in self.selected.values()]
        assets = {asset.name: asset for asset in (*made, *self._externals()) if self._may_have(asset)}
        problems = (*self.collisions, *self._told(), *self._crowds(made))
        return Found(
            assets=assets, names=self.names, problems=tuple(sorted(problems, key=lambda p: (p.name, p.message)))
        )

    @cached_property
    def selected(self) -> dict[str, Model]:
        """What becomes a DbtCloud Asset."""
        models = self.manifest.models.items()
        return {key: model for key, model in models if _is_selected(model, self.settings)}

    @cached_property
    def exposures(self) -> dict[str, list[Exposure]]:
        found: dict[str, list[Exposure]] = {}
        for exposure in self.manifest.exposures:
            for unique_id in self._through(exposure.upstreams):
                found.setdefault(unique_id, []).append(exposure)
        return found

    @cached_property
    def upstreams(self) -> dict[str, tuple[str, ...]]:
        """Per selected model, the unique ids that it reads, ephemeral models seen through."""
        return {key: tuple(self._through(model.upstreams)) for key, model in self.selected.items()}

    @cached_property
    def loaded(self) -> dict[str, str]:
        """Source's unique id → the Asset that feeds it, where one is known."""
        found = {key: _mapped(source, self.pipeline, self.settings) for key, source in self.manifest.sources.items()}
        return {key: name for key, name in found.items() if name is not None}

    @cached_property
    def wishes(self) -> dict[str, str]:
        """Unique id → the name that it would like."""
        read = {unique_id for upstreams in self.upstreams.values() for unique_id in upstreams}
        return {key: self._wish(key) for key in sorted({*self.selected, *(read - self.loaded.keys())})}

    @cached_property
    def winners(self) -> dict[str, str]:
        """Name → who gets it: who has it, else the project's own and the first by id."""
        rivals: dict[str, list[str]] = {}
        for unique_id, name in self.wishes.items():
            rivals.setdefault(name, []).append(unique_id)
        taken = {source.asset for source in self.pipeline.spec.sources}
        return {name: min(ids, key=self._claim(name)) for name, ids in rivals.items() if name not in taken}

    @cached_property
    def names(self) -> dict[str, str]:
        won = {unique_id: name for name, unique_id in self.winners.items()}
        lost = {key: hashed_name(name, unique_id=key) for key, name in self.wishes.items() if key not in won}
        return {**self.loaded, **won, **lost}

    @cached_property
    def collisions(self) -> tuple[Problem, ...]:
        losers = [(name, key) for key, name in self.wishes.items() if self.winners.get(name) != key]
        return tuple(
            Problem(
                reason="NameConflict",
                name=name,
                message=f"{key} would have the name of {self.winners.get(name, 'a loaded source')}: rename one",
            )
            for name, key in losers
        )

    def _claim(self, name: str) -> Any:
        def rank(unique_id: str) -> tuple[bool, bool, str]:
            model = self.manifest.models.get(unique_id)
            return (
                self.owners.get(name) != unique_id,
                model is None or model.package != self.manifest.project,
                unique_id,
            )

        return rank

    def _wish(self, unique_id: str) -> str:
        source = self.manifest.sources.get(unique_id)
        if source is not None:
            return asset_name(source.source, source.table, unique_id=unique_id)
        return asset_name(*unique_id.split(".")[2:], unique_id=unique_id)

    def _may_have(self, asset: Desired) -> bool:
        return self.winners.get(asset.name) == asset.unique_id

    def _through(self, unique_ids: Iterable[str]) -> list[str]:
        """Tables behind these ids: ephemeral models replaced by what they read; each once, sorted."""
        found: set[str] = set()
        seen: set[str] = set()
        queue = list(unique_ids)
        while queue:
            unique_id = queue.pop()
            if unique_id in seen:
                continue
            seen.add(unique_id)
            model = self.manifest.models.get(unique_id)
            if model is not None and model.ephemeral:
                queue.extend(model.upstreams)
            elif unique_id.partition(".")[0] in ("model", "seed", "snapshot", "source"):
                found.add(unique_id)
        return sorted(found)

    def _model(self, model: Model) -> Desired:
        policy = policy_of(model)
        read = {self.names[key] for key in self.upstreams[model.unique_id]} | set(policy.upstreams)
        name = self.names[model.unique_id]
        upstreams = sorted(read - {name})[:MOST_UPSTREAMS]
        spec = {
            "key": ".".join(model.unique_id.split(".")[2:]),
            "upstreams": upstreams,
            "materialize": {"dbtCloud": {"uniqueId": model.unique_id}},
            **policy.spec,
        }
        dbt = _described(model, self.exposures.get(model.unique_id, []))
        return Desired(
            name=name, unique_id=model.unique_id, kind="DbtCloud", spec=spec, relation=model.relation, dbt=dbt
        )

    def _externals(self) -> list[Desired]:
        """What selected models read and nobody here builds."""
        read = {unique_id for upstreams in self.upstreams.values() for unique_id in upstreams}
        return [self._external(key) for key in sorted(read - self.loaded.keys() - self.selected.keys())]

    def _external(self, unique_id: str) -> Desired:
        source, model = self.manifest.sources.get(unique_id), self.manifest.models.get(unique_id)
        key = source.key if source else ".".join(unique_id.split(".")[2:])
        relation = source.relation if source else model.relation if model else None
        spec = {"key": key, "upstreams": [], "materialize": {"external": {}}}
        return Desired(name=self.names[unique_id], unique_id=unique_id, kind="External", spec=spec, relation=relation)

    def _told(self) -> list[Problem]:
        """What ``meta.freshet`` says that cannot be used."""
        return [
            Problem(reason="InvalidMeta", name=self.names[model.unique_id], message=f"{model.unique_id}: {text}")
            for model in self.selected.values()
            for text in policy_of(model).problems
        ]

    def _crowds(self, made: list[Desired]) -> list[Problem]:
        text = f"reads more than {MOST_UPSTREAMS} Assets: the first {MOST_UPSTREAMS} are watched"
        many = [asset for asset in made if len(self.upstreams[asset.unique_id]) > MOST_UPSTREAMS]
        return [
            Problem(reason="TooManyUpstreams", name=asset.name, message=f"{asset.unique_id} {text}") for asset in many
        ]


def _is_selected(model: Model, settings: Discovery) -> bool:
    """It has a table, this project builds it, and it fits every list that is given."""
    if model.ephemeral or model.foreign:
        return False
    tags, paths, packages = (settings.select.get(name) or () for name in ("tags", "paths", "packages"))
    below = any(model.path == path or model.path.startswith(f"{path.rstrip('/')}/") for path in paths)
    return (
        (not tags or not set(tags).isdisjoint(model.tags))
        and (not paths or below)
        and (not packages or model.package in packages)
    )


def _mapped(source: Source, pipeline: Pipeline, settings: Discovery) -> str | None:
    """The Asset that feeds this source: by ``discovery.sources``, ``meta.freshet.asset``, or the table loaded."""
    if (name := settings.sources.get(source.key)) is not None:
        return name
    declared = (source.meta or {}).get("asset")
    if isinstance(declared, str) and declared:
        return declared
    return next((load.asset for load in pipeline.spec.sources if _loads(load, source, pipeline)), None)


def _loads(load: SourceSpec, source: Source, pipeline: Pipeline) -> bool:
    """Does this load write that table? Catalogs are compared where both are known."""
    schema, catalog = _target(pipeline)
    table = load.table or load.key or load.asset.replace("-", "_")
    same = _fold(schema) == _fold(source.schema) and _fold(table) == _fold(source.identifier)
    return same and (catalog is None or source.database is None or _fold(catalog) == _fold(source.database))


def _target(pipeline: Pipeline) -> tuple[str | None, str | None]:
    """Schema and catalog that the Pipeline's loads write to; DuckDB's default schema is the Pipeline's name."""
    warehouse = pipeline.spec.warehouse
    if warehouse and warehouse.databricks:
        return warehouse.databricks.schema, warehouse.databricks.catalog
    if warehouse and warehouse.duckdb:
        return warehouse.duckdb.schema or pipeline.name.replace("-", "_"), None
    return None, None


def _fold(text: str | None) -> str | None:
    return text.casefold() if text else None


def _described(model: Model, exposures: list[Exposure]) -> dict[str, Any]:
    shown = [{"name": each.name, "owner": each.owner, "url": each.url} for each in exposures[:MOST_EXPOSURES]]
    found = {
        "description": model.description[:DESCRIPTION],
        "tags": list(model.tags),
        "materialized": model.materialized,
        "checksum": model.checksum,
        "exposures": [{key: value for key, value in each.items() if value} for each in shown],
    }
    return {key: value for key, value in found.items() if value}
