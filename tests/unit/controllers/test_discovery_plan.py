"""From a manifest and what exists to what is applied, deleted and told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from freshet.api.asset import Asset, AssetStatus, DbtFacts, Freshness
from freshet.api.names import ANNOTATION_APPLIED, ANNOTATION_PRUNE
from freshet.api.pipeline import DbtCloudSpec, Discovery, Pipeline, PipelineSpec, SecretKeyRef
from freshet.api.view import Meta, parse
from freshet.controllers.discovery_learn import Learned, adopted, external
from freshet.controllers.discovery_plan import UNOBSERVED, Plan, plan
from freshet.core.decide import decide
from freshet.core.lineage import Graph
from freshet.core.manifests.assets import POLICY, without
from freshet.core.observed import Observed
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.outcomes import NodeResult
from freshet.dbtcloud.project import Manifest, Model, Source
from freshet.dbtcloud.results import StepResults
from freshet.dbtcloud.sources import SourceState

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RAW = Source(unique_id="source.shop.raw.users", source="raw", table="users")
RUN = Run(id=7, finished_at=NOW, status=10, href="https://run/7")


def pipeline(name: str = "shop", **discovery: Any) -> Pipeline:
    settings = Discovery(**discovery)
    dbt = DbtCloudSpec(account_id=1, job_id=1, token_secret_ref=SecretKeyRef(name="dbt"), discovery=settings)
    return Pipeline(metadata=Meta(name=name, namespace="default", uid=f"uid-{name}"), spec=PipelineSpec(dbt_cloud=dbt))


def manifest(*names: str, at: datetime = NOW, **upstreams: str) -> Manifest:
    models = {
        f"model.shop.{name}": Model(
            unique_id=f"model.shop.{name}", kind="model", name=name, package="shop", path=f"models/{name}.sql",
            materialized="table", relation=f"w.shop.{name}", checksum="c",
            upstreams=(upstreams[name],) if name in upstreams else (),
        )
        for name in names
    }  # fmt: skip
    return Manifest(
        project="shop",
        generated_at=at,
        checksum="",
        models=models,
        sources={RAW.unique_id: RAW},
        tests={},
        exposures=(),
    )


def made(result: Plan, **status: Any) -> list[Asset]:
    """The Assets of a plan, as the API would have them after it was carried out."""
    assets = [parse(body, type=Asset) for body in result.apply]
    known = {name: AssetStatus(dbt=facts, **status) for name, facts in result.facts.items()}
    return [msgspec.structs.replace(asset, status=known[asset.name]) for asset in assets]


def test_the_same_again_writes_nothing() -> None:
    first = plan(manifest=manifest("a", "b"), pipeline=pipeline(), here=[])
    assert {body["metadata"]["name"] for body in first.apply} == {"a", "b"} == first.fresh
    again = plan(manifest=manifest("a", "b"), pipeline=pipeline(), here=made(first))
    assert (again.apply, again.delete, again.fresh) == ((), (), frozenset())


def test_a_vanished_model_goes_with_the_second_manifest_that_lacks_it() -> None:
    here = made(plan(manifest=manifest("a", "b"), pipeline=pipeline(), here=[]), version="1")
    once = plan(manifest=manifest("b"), pipeline=pipeline(), here=here)
    assert (once.delete, once.pruning) == ((), True)
    assert once.facts["a"].missing_since == NOW.isoformat()
    assert once.facts["a"].checksum == "c"
    here = [msgspec.structs.replace(it, status=AssetStatus(dbt=once.facts[it.name])) for it in here]
    assert plan(manifest=manifest("b"), pipeline=pipeline(), here=here).delete == ()
    later = manifest("b", at=NOW.replace(hour=13))
    twice = plan(manifest=later, pipeline=pipeline(), here=here)
    assert [asset.name for asset in twice.delete] == ["a"]
    kept = [msgspec.structs.replace(it, metadata=_noted(it.metadata, ANNOTATION_PRUNE, "disabled")) for it in here]
    assert plan(manifest=later, pipeline=pipeline(), here=kept).delete == ()
    odd = replace(later, odd=("model.shop.a",))
    assert plan(manifest=odd, pipeline=pipeline(), here=here).delete == ()
    back = plan(manifest=manifest("a", "b", at=later.generated_at or NOW), pipeline=pipeline(), here=here)
    assert back.facts["a"].missing_since is None


def test_what_select_leaves_out_goes_at_once() -> None:
    here = made(plan(manifest=manifest("a", "b"), pipeline=pipeline(), here=[]))
    result = plan(manifest=manifest("a", "b"), pipeline=pipeline(select={"paths": ["models/b.sql"]}), here=here)
    assert [asset.name for asset in result.delete] == ["a"]


@pytest.mark.parametrize(("relation", "claimed"), [("w.shop.a", True), ("w.dev.a", False), (None, True)])
def test_a_rivals_table_is_claimed_and_another_environments_is_not(relation: str | None, claimed: bool) -> None:
    rival = made(plan(manifest=manifest("a"), pipeline=pipeline("other"), here=[]))[0]
    elsewhere = msgspec.structs.replace(
        rival,
        metadata=msgspec.structs.replace(rival.metadata, namespace="elsewhere"),
        status=AssetStatus(dbt=DbtFacts(relation=relation)),
    )
    result = plan(manifest=manifest("a"), pipeline=pipeline(), here=[], rivals=[elsewhere])
    assert [problem.reason for problem in result.found.problems] == (["Conflict"] if claimed else [])
    ours = made(plan(manifest=manifest("a"), pipeline=pipeline(), here=[]))
    later = plan(manifest=manifest("a"), pipeline=pipeline(), here=ours, rivals=[elsewhere])
    assert [problem.reason for problem in later.found.problems] == (["Conflict"] if claimed else [])
    assert later.delete == (), "who has it keeps it, and is told"


def test_tables_that_are_there_are_taken_over() -> None:
    result = plan(manifest=manifest("a", "b", a=RAW.unique_id, b="model.shop.a"), pipeline=pipeline(), here=[])
    assets = {asset.name: asset for asset in made(result)}
    results = {
        f"model.shop.{name}": NodeResult(
            unique_id=f"model.shop.{name}",
            outcome="Success",
            finished_at=NOW,
            rows_affected=3,
            relation=f"w.shop.{name}",
        )
        for name in ("a", "b")
    }
    learned = Learned(results=((RUN, StepResults(which="build", nodes=results)),))
    ended = adopted(found=result.found, learned=learned, assets=assets, pipeline=pipeline(), fresh=result.fresh)
    a, b = ended["a"], ended["b"]
    assert (a.id, a.version, a.rows, a.relation, a.url, a.adopted) == ("7", "7", 3, "shop.a", "https://run/7", True)
    assert {name: it.version for name, it in a.looked_at.items()} == {"raw-users": UNOBSERVED}
    assert a.consumed == {}
    assert {name: it.version for name, it in (b.consumed or {}).items()} == {"a": "7"}
    silent = external(found=result.found, learned=learned, fresh=result.fresh, at=NOW)["raw-users"]
    assert (silent.version, silent.adopted) == (UNOBSERVED, True)


@pytest.mark.parametrize(("limit", "state"), [("3h", "Fresh"), ("90m", "Stale")])
def test_a_table_that_is_taken_over_is_as_old_as_its_build_where_an_input_has_moved_since(
    limit: str, state: str
) -> None:
    """Considered, so that nothing runs; not consumed, so that nobody calls it as fresh as its other inputs are now."""
    project = manifest("a", "b", "c")
    reads = replace(project.models["model.shop.c"], upstreams=("model.shop.a", "model.shop.b", RAW.unique_id))
    project, pipe = replace(project, models={**project.models, reads.unique_id: reads}), pipeline()
    result = plan(manifest=project, pipeline=pipe, here=[])
    assets = {it.name: it for it in made(result)}
    learned = Learned(results=tuple(_built(hours, name) for hours, name in ((1, "b"), (2, "c"), (3, "a"))))
    ended = adopted(found=result.found, learned=learned, assets=assets, pipeline=pipe, fresh=result.fresh)
    ended |= external(found=result.found, learned=learned, fresh=result.fresh, at=NOW)
    graph = Graph()
    for name in ("raw-users", "a", "b", "c"):
        spec = msgspec.structs.replace(assets[name].spec, freshness=Freshness(maximum_lag=limit))
        asset = msgspec.structs.replace(assets[name], spec=spec)
        ups = {up: assets[up] for up in asset.spec.upstreams}
        seen = Observed(
            asset=asset, pipeline=pipe, upstreams=ups, now=NOW, ended=[ended[name]], data_time=graph.preview
        )
        decision = decide(seen)
        checked = {"data_time": NOW} if name == "a" else {}  # meanwhile, and found as it was
        status = msgspec.structs.replace(decision.status, **checked)
        assets[name] = msgspec.structs.replace(asset, status=status)
        graph.put(assets[name])
        graph.settle()
        assert decision.due is None
    assert (assets["c"].status.state, assets["c"].status.data_time) == (state, NOW - 2 * HOUR)


def _built(hours: int, name: str) -> tuple[Run, StepResults]:
    """A run that built this model so many hours ago."""
    at, key = NOW - hours * HOUR, f"model.shop.{name}"
    node = NodeResult(unique_id=key, outcome="Success", finished_at=at, relation=f"w.shop.{name}")
    return msgspec.structs.replace(RUN, id=10 - hours, finished_at=at), StepResults(which="build", nodes={key: node})


def test_a_source_that_dbt_looked_at_has_its_load_as_version() -> None:
    result = plan(manifest=manifest("a", a=RAW.unique_id), pipeline=pipeline(), here=[], fed={"raw-users"})
    state = SourceState(unique_id=RAW.unique_id, version="v", data_time=NOW)
    learned = Learned(states={RAW.unique_id: (state, RUN)})
    ended = external(found=result.found, learned=learned, fresh=result.fresh, at=NOW)["raw-users"]
    assert (ended.id, ended.version, ended.data_time, ended.adopted) == ("7", "v", NOW, False)
    body = next(body for body in result.apply if body["metadata"]["name"] == "raw-users")
    assert "dataTime" not in body["spec"]


def test_fields_that_others_own_are_left_out() -> None:
    (body,) = plan(manifest=manifest("a"), pipeline=pipeline(), here=[]).apply
    body = {**body, "spec": {**body["spec"], "freshness": {"maximumLag": "1h"}}}
    left = without(body, fields=[".spec.freshness", ".metadata.labels.app.kubernetes.io/name"])
    assert left is not None
    assert "freshness" not in left["spec"]
    assert "app.kubernetes.io/name" not in left["metadata"]["labels"]
    assert left["metadata"]["annotations"][ANNOTATION_APPLIED]
    assert without(left, fields=[".spec.freshness"]) is None
    assert without(body, fields=["spec.upstreams[0]"], only=POLICY) is None
    refused = without(body, fields=["spec.freshness.maximumLag", "spec.upstreams"], only=POLICY)
    assert refused is not None
    assert "upstreams" in refused["spec"]


def _noted(meta: Meta, name: str, value: str) -> Meta:
    return msgspec.structs.replace(meta, annotations={**meta.annotations, name: value})
