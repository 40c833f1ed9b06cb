"""Which warehouse a spec names. Each is imported only where it is used: a load into DuckDB needs no connector."""

from freshet.workloads.errors import ConfigError
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import Warehouse

__all__ = ["open_warehouse"]


def open_warehouse(spec: IngestSpec, *, told: str | None = None) -> Warehouse:
    """``told``: the version of the newest result, if there is one. Raises ConfigError."""
    if spec.warehouse.duckdb is not None:
        from freshet.workloads.duckdb_warehouse import DuckDbWarehouse

        return DuckDbWarehouse(spec=spec, where=spec.warehouse.duckdb)
    if spec.warehouse.databricks is not None:
        from freshet.workloads.databricks_warehouse import DatabricksWarehouse

        return DatabricksWarehouse(spec=spec, where=spec.warehouse.databricks, told=told)
    if spec.warehouse.dlt is not None:
        from freshet.workloads.dlt_warehouse import DltWarehouse

        return DltWarehouse(spec=spec, where=spec.warehouse.dlt)
    raise ConfigError("WarehouseUnsupported", "The spec names no warehouse: give duckdb, databricks or dlt.")
