"""Which Asset is a source of the project? Pure."""

from freshet.api.pipeline import Discovery, Pipeline, SourceSpec
from freshet.dbtcloud.project import Source

__all__ = ["mapped"]


def mapped(source: Source, pipeline: Pipeline, settings: Discovery) -> str | None:
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
