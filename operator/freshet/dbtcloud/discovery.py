"""From a manifest to the Assets that should exist. Pure: what to apply, what to tell a person; nothing is written here.

Ephemeral models have no table: what they read is read by those who name them. A model that is not selected, or belongs
to another project, becomes an ``external`` Asset where a selected one reads it: somebody else builds it, and its runs
are seen as foreign ones. As long as nothing says how recent an external one is, its data counts as static, so that what
is built from it is not stale by it.

Names must not collide: who has the name keeps it, the other gets a problem and no Asset, and whoever reads it names a
hashed name that does not exist, so that it says ``UpstreamNotFound`` instead of watching the wrong table.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from freshet.api.asset import DbtFacts
from freshet.api.asset import Exposure as Shown
from freshet.api.durations import exact_duration
from freshet.api.pipeline import Discovery, Pipeline, SourceSpec
from freshet.dbtcloud.manifest import Exposure, Manifest, Model, Source
from freshet.dbtcloud.meta import Policy, policy_of, tolerance
from freshet.dbtcloud.naming import asset_name, hashed_name

__all__ = ["Claim", "Desired", "Found", "Known", "Problem", "discover"]

MOST_UPSTREAMS = 200
MOST_EXPOSURES = 20
DESCRIPTION = 1024


@dataclass(frozen=True, kw_only=True)
class Desired:
    """An Asset to apply. `spec` is complete but for ``pipeline``; `facts` go to ``status.dbt``."""

    name: str
    unique_id: str
    kind: str
    """``DbtCloud`` or ``External``."""
    spec: Mapping[str, Any]
    facts: DbtFacts = field(default_factory=DbtFacts)

    @property
    def relation(self) -> str | None:
        """Where it is built, as dbt writes it."""
        return self.facts.relation


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
    """`assets` by name; `names`: unique id → Asset, sources that a Pipeline loads among them; `given`: what the
    manifest says of Assets that a person wrote, by name.
    """

    assets: Mapping[str, Desired]
    names: Mapping[str, str]
    problems: tuple[Problem, ...]
    given: Mapping[str, DbtFacts] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Another Pipeline builds the model; ``asset`` is its Asset where that can be read: in the same namespace."""

    pipeline: str
    asset: str | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is there already.

    `owners`: Asset → unique id, of those that this discovery made. `given`: unique id → Asset, of those that a person
    wrote for this Pipeline, or that another discovery made of what nobody builds here. `taken`: name → who else has it.
    `claimed`: unique id → who builds it; `shared`: who builds what this discovery has made, too.
    `fed`: external Assets of which something says how recent they are.
    """

    owners: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    taken: Mapping[str, str] = field(default_factory=dict)
    claimed: Mapping[str, Claim] = field(default_factory=dict)
    shared: Mapping[str, Claim] = field(default_factory=dict)
    fed: Collection[str] = frozenset()


def discover(*, manifest: Manifest, pipeline: Pipeline, known: Known | None = None) -> Found:
    """The Assets of this project."""
    dbt_cloud = pipeline.spec.dbt_cloud
    settings = dbt_cloud.discovery if dbt_cloud else Discovery()
    return _Discovery(manifest=manifest, pipeline=pipeline, settings=settings, known=known or Known()).result()


@dataclass(frozen=True, kw_only=True)
class _Discovery:
    manifest: Manifest
    pipeline: Pipeline
    settings: Discovery
    known: Known

    def result(self) -> Found:
        made = [self._model(model) for model in self.selected.values() if model.unique_id not in self.known.given]
        assets = {asset.name: asset for asset in (*made, *self._externals()) if self._may_have(asset)}
        problems = (*self.collisions, *self._told(), *self._crowds(made))
        return Found(
            assets=assets,
            names=self.names,
            problems=tuple(sorted(problems, key=lambda p: (p.name, p.message))),
            given={name: self._facts(model) for key, name in self.known.given.items() if (model := self._find(key))},
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
    def elsewhere(self) -> dict[str, str]:
        """Unique id → the Asset that is it already, so that none is made: a load's, or one that a person wrote."""
        return {**self.loaded, **self.known.given}

    @cached_property
    def wishes(self) -> dict[str, str]:
        """Unique id → the name that it would like."""
        read = {unique_id for upstreams in self.upstreams.values() for unique_id in upstreams}
        return {key: self._wish(key) for key in sorted({*self.selected, *read} - self.elsewhere.keys())}

    @cached_property
    def winners(self) -> dict[str, str]:
        """Name → who gets it: who has it, else the project's own and the first by id."""
        rivals: dict[str, list[str]] = {}
        for unique_id, name in self.wishes.items():
            rivals.setdefault(name, []).append(unique_id)
        free = {name: [key for key in ids if key not in self.known.claimed] for name, ids in rivals.items()}
        return {name: min(ids, key=self._claim(name)) for name, ids in free.items() if ids and name not in self.taken}

    @cached_property
    def taken(self) -> dict[str, str]:
        """Name → who has it, that is no Asset of this discovery."""
        return {**self.known.taken, **{source.asset: "a loaded source" for source in self.pipeline.spec.sources}}

    @cached_property
    def names(self) -> dict[str, str]:
        won = {unique_id: name for name, unique_id in self.winners.items()}
        lost = {key: hashed_name(name, unique_id=key) for key, name in self.wishes.items() if key not in won}
        theirs = {key: claim.asset for key, claim in self.known.claimed.items() if claim.asset and key in lost}
        return {**self.elsewhere, **won, **lost, **theirs}

    @cached_property
    def collisions(self) -> tuple[Problem, ...]:
        losers = [(name, key) for key, name in self.wishes.items() if self.winners.get(name) != key]
        return (*(self._lost(name, key) for name, key in losers), *self._shared())

    def _shared(self) -> Iterable[Problem]:
        """An Asset that a person wrote under another Pipeline builds what this one has: both would."""
        for key in sorted(self.known.shared.keys() & self.wishes.keys()):
            claim, name = self.known.shared[key], self.wishes[key]
            text = f"{key} is built by Pipeline {claim.pipeline}, too: leave it out here by discovery.select, or delete"
            where = f"Asset {claim.asset}" if claim.asset else "the Asset there"
            yield Problem(reason="Conflict", name=name, message=f"{text} {where}")

    def _lost(self, name: str, key: str) -> Problem:
        if (claim := self.known.claimed.get(key)) is not None:
            text = f"{key} is built by Pipeline {claim.pipeline}: leave it out of one of the two by discovery.select"
            return Problem(reason="Conflict", name=name, message=text)
        holder = self.taken.get(name) or self.winners.get(name)
        return Problem(reason="NameConflict", name=name, message=f"{key} would have the name of {holder}: rename one")

    def _claim(self, name: str) -> Any:
        def rank(unique_id: str) -> tuple[bool, bool, str]:
            model = self.manifest.models.get(unique_id)
            return (
                self.known.owners.get(name) != unique_id,
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
        policy, name = policy_of(model), self.names[model.unique_id]
        spec = {
            "key": ".".join(model.unique_id.split(".")[2:]),
            "upstreams": self._reads(model, policy)[:MOST_UPSTREAMS],
            "materialize": {"dbtCloud": {"uniqueId": model.unique_id}},
            **policy.spec,
        }
        return Desired(name=name, unique_id=model.unique_id, kind="DbtCloud", spec=spec, facts=self._facts(model))

    def _reads(self, model: Model, policy: Policy) -> list[str]:
        """The Assets that it reads, as the code says and as ``meta.freshet.upstreams`` adds."""
        names = {self.names[key] for key in self.upstreams[model.unique_id]} | set(policy.upstreams)
        return sorted(names - {self.names[model.unique_id]})

    def _find(self, unique_id: str) -> Model | None:
        return self.manifest.models.get(unique_id)

    def _facts(self, model: Model) -> DbtFacts:
        return _facts(model, self.exposures.get(model.unique_id, []))

    def _externals(self) -> list[Desired]:
        """What selected models read and nobody here builds."""
        read = {unique_id for upstreams in self.upstreams.values() for unique_id in upstreams}
        return [self._external(key) for key in sorted(read - self.elsewhere.keys() - self.selected.keys())]

    def _external(self, unique_id: str) -> Desired:
        source, model, name = self.manifest.sources.get(unique_id), self._find(unique_id), self.names[unique_id]
        key = source.key if source else ".".join(unique_id.split(".")[2:])
        spec = {"key": key, "upstreams": [], "materialize": {"external": {}}}
        if name not in self.known.fed:
            spec["dataTime"] = "Static"
        facts = self._facts(model) if model else _of_source(source, self.exposures.get(unique_id, []))
        return Desired(name=name, unique_id=unique_id, kind="External", spec=spec, facts=facts)

    def _told(self) -> list[Problem]:
        """What ``meta.freshet`` says that cannot be used."""
        return [
            Problem(reason="InvalidMeta", name=self.names[model.unique_id], message=f"{model.unique_id}: {text}")
            for model in self.selected.values()
            if model.unique_id not in self.known.given
            for text in policy_of(model).problems
        ]

    def _crowds(self, made: list[Desired]) -> list[Problem]:
        text = f"reads more than {MOST_UPSTREAMS} Assets: the first {MOST_UPSTREAMS} are watched"
        models = [self.selected[asset.unique_id] for asset in made]
        many = [model for model in models if len(self._reads(model, policy_of(model))) > MOST_UPSTREAMS]
        return [
            Problem(reason="TooManyUpstreams", name=self.names[model.unique_id], message=f"{model.unique_id} {text}")
            for model in many
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


def _facts(model: Model, exposures: list[Exposure]) -> DbtFacts:
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


def _of_source(source: Source | None, exposures: list[Exposure]) -> DbtFacts:
    return DbtFacts(
        relation=source.relation if source is not None else None,
        exposures=_shown(exposures),
        more_exposures=max(0, len(exposures) - MOST_EXPOSURES) or None,
    )


def _shown(exposures: list[Exposure]) -> tuple[Shown, ...]:
    return tuple(Shown(name=e.name, owner=e.owner or None, url=e.url) for e in exposures[:MOST_EXPOSURES])
