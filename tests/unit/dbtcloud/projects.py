"""Small dbt projects, for tests of what discovery makes of them."""

from typing import Any

from freshet.api.pipeline import DbtCloudSpec, Discovery, Pipeline, PipelineSpec, SecretKeyRef, SourceSpec, Warehouse
from freshet.api.pipeline import DuckDb as DuckDbSpec
from freshet.api.view import Meta
from freshet.dbtcloud.discovery import discover
from freshet.dbtcloud.found import Found
from freshet.dbtcloud.project import Exposure, Manifest, Model, Source

RAW = Source(unique_id="source.shop.raw.users", source="raw", table="users", schema="shop", identifier="users")
LOAD = SourceSpec(asset="dlt-users", csv={"path": "/u.csv"}, table="users")


def model(name: str, *upstreams: str, **more: Any) -> Model:
    kind = more.pop("kind", "model")
    package = more.pop("package", "shop")
    fields = {"materialized": "table", "path": f"models/{name}.sql", "fqn": (package, name), **more}
    return Model(
        unique_id=f"{kind}.{package}.{name}", kind=kind, name=name, package=package, upstreams=upstreams, **fields
    )


def manifest(*models: Model, sources: tuple[Source, ...] = (), exposures: tuple[Exposure, ...] = ()) -> Manifest:
    return Manifest(
        project="shop",
        generated_at=None,
        checksum="",
        models={each.unique_id: each for each in models},
        sources={each.unique_id: each for each in sources},
        tests={},
        exposures=exposures,
    )


def pipeline(*, discovery: Discovery | None = None, sources: tuple[SourceSpec, ...] = ()) -> Pipeline:
    settings = discovery or Discovery()
    dbt = DbtCloudSpec(account_id=1, job_id=1, token_secret_ref=SecretKeyRef(name="dbt"), discovery=settings)
    spec = PipelineSpec(warehouse=Warehouse(duckdb=DuckDbSpec(path="/w.duckdb")), sources=sources, dbt_cloud=dbt)
    return Pipeline(metadata=Meta(name="shop", namespace="default"), spec=spec)


def found(*models: Model, sources: tuple[Source, ...] = (), **more: Any) -> Found:
    return discover(manifest=manifest(*models, sources=sources), pipeline=pipeline(**more))


def upstreams(result: Found) -> dict[str, list[str]]:
    return {name: list(asset.spec["upstreams"]) for name, asset in result.assets.items()}
