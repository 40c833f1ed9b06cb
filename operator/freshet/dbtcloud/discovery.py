"""From a manifest to the Assets that should exist. Pure: what to apply, what to tell a person; nothing is written here.

A model that is not selected, or belongs to another project, becomes an ``external`` Asset where a selected one reads
it: somebody else builds it, and its runs are seen as foreign ones. As long as nothing says how recent an external one
is, its data counts as static, so that what is built from it is not stale by it.
"""

from dataclasses import dataclass
from functools import cached_property

from freshet.api.asset import DbtFacts
from freshet.api.pipeline import Discovery, Pipeline
from freshet.dbtcloud import facts
from freshet.dbtcloud.chosen import Chosen
from freshet.dbtcloud.contest import Contest
from freshet.dbtcloud.feeds import mapped
from freshet.dbtcloud.found import Desired, Found, Known, Problem
from freshet.dbtcloud.meta import Policy, policy_of
from freshet.dbtcloud.project import Manifest, Model

__all__ = ["discover"]

MOST_UPSTREAMS = 200


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
        models = self.chosen.models.values()
        made = [self._model(model) for model in models if model.unique_id not in self.known.given]
        all_made = (*made, *self._externals())
        problems = (*self.contest.problems, *self._told(), *self._crowds(made))
        return Found(
            assets={asset.name: asset for asset in all_made if self.contest.has(asset.name, asset.unique_id)},
            names=self.names,
            problems=tuple(sorted(problems, key=lambda p: (p.name, p.message))),
            given={name: self._facts(model) for key, name in self.known.given.items() if (model := self._find(key))},
        )

    @cached_property
    def chosen(self) -> Chosen:
        return Chosen(manifest=self.manifest, settings=self.settings)

    @cached_property
    def contest(self) -> Contest:
        return Contest(
            manifest=self.manifest,
            known=self.known,
            nodes=self.chosen.read | self.chosen.models.keys(),
            elsewhere=self.elsewhere,
            loads=tuple(source.asset for source in self.pipeline.spec.sources),
        )

    @property
    def names(self) -> dict[str, str]:
        return self.contest.names

    @cached_property
    def elsewhere(self) -> dict[str, str]:
        """Unique id → the Asset that is it already, so that none is made: a load's, or one that a person wrote."""
        loaded = {key: mapped(source, self.pipeline, self.settings) for key, source in self.manifest.sources.items()}
        return {**{key: name for key, name in loaded.items() if name is not None}, **self.known.given}

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
        names = {self.names[key] for key in self.chosen.upstreams[model.unique_id]} | set(policy.upstreams)
        return sorted(names - {self.names[model.unique_id]})

    def _find(self, unique_id: str) -> Model | None:
        return self.manifest.models.get(unique_id)

    def _facts(self, model: Model) -> DbtFacts:
        return facts.of_model(model, self.chosen.exposures.get(model.unique_id, ()))

    def _externals(self) -> list[Desired]:
        """What selected models read and nobody here builds."""
        chosen = self.chosen
        return [self._external(key) for key in sorted(chosen.read - self.elsewhere.keys() - chosen.models.keys())]

    def _external(self, unique_id: str) -> Desired:
        source, model, name = self.manifest.sources.get(unique_id), self._find(unique_id), self.names[unique_id]
        key = source.key if source else ".".join(unique_id.split(".")[2:])
        spec = {"key": key, "upstreams": [], "materialize": {"external": {}}}
        if name not in self.known.fed:
            spec["dataTime"] = "Static"
        exposures = self.chosen.exposures.get(unique_id, ())
        known = self._facts(model) if model else facts.of_source(source, exposures)
        return Desired(name=name, unique_id=unique_id, kind="External", spec=spec, facts=known)

    def _told(self) -> list[Problem]:
        """What ``meta.freshet`` says that cannot be used."""
        return [
            Problem(reason="InvalidMeta", name=self.names[model.unique_id], message=f"{model.unique_id}: {text}")
            for model in self.chosen.models.values()
            if model.unique_id not in self.known.given
            for text in policy_of(model).problems
        ]

    def _crowds(self, made: list[Desired]) -> list[Problem]:
        text = f"reads more than {MOST_UPSTREAMS} Assets: the first {MOST_UPSTREAMS} are watched"
        models = [self.chosen.models[asset.unique_id] for asset in made]
        many = [model for model in models if len(self._reads(model, policy_of(model))) > MOST_UPSTREAMS]
        return [
            Problem(reason="TooManyUpstreams", name=self.names[model.unique_id], message=f"{model.unique_id} {text}")
            for model in many
        ]
