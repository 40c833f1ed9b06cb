"""What dlt is handed in one load: the rows, each with the id of its load, and beside them those that were set aside."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from freshet.workloads import parquet
from freshet.workloads.dlt_destination import Place
from freshet.workloads.dlt_types import arrow_type
from freshet.workloads.errors import ConfigError
from freshet.workloads.ledger import LOAD_ID
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import Batch

__all__ = ["batches", "file_format", "rejected", "resources"]

_REJECTED = {"load_id": "text", "path": "text", "line": "bigint", "column": "text", "reason": "text", "raw": "text"}


def rejected(table: str) -> str:
    """The table beside it for bad rows: dlt's snake_case makes one _ of two."""
    return f"{table}_rejected"


def resources(place: Place, spec: IngestSpec, batch: Batch, *, table: str, load_id: str) -> Iterator[Any]:
    """dlt's resources. Raises ConfigError where the destination cannot do what is asked."""
    import dlt

    rows = dlt.resource(
        lambda: batches(batch, load_id),
        name=table,
        write_disposition=_disposition(place, spec),
        primary_key=list(batch.table_key) or None,
    )
    names = [*(column.in_table for column in batch.columns), LOAD_ID]
    yield place.afresh(rows, table=table, names=names, mark=load_id)
    if batch.refused:
        refused = [{"load_id": load_id, **asdict(one)} for one in batch.refused]
        columns = {name: {"name": name, "data_type": kind} for name, kind in _REJECTED.items()}
        aside = dlt.resource(refused, name=rejected(table), write_disposition="append", columns=columns)
        yield place.afresh(aside, table=rejected(table), names=_REJECTED, mark=load_id)


def _disposition(place: Place, spec: IngestSpec) -> Any:
    """Merging, upsert is preferred: it leaves columns alone that are not in the file."""
    if spec.write.disposition != "merge":
        return spec.write.disposition
    known = place.capabilities.supported_merge_strategies or ()
    found = next((one for one in ("upsert", "delete-insert") if one in known), None)
    if found is None:
        raise ConfigError(
            "DispositionUnsupported",
            "dlt cannot merge at this destination (warehouse.dlt): use write.disposition append or replace.",
        )
    return {"disposition": "merge", "strategy": found}


def file_format(place: Place, spec: IngestSpec) -> str | None:
    """CSV, several times as fast as statements, where no value is an empty text: CSV takes that for none."""
    known = place.capabilities.supported_loader_file_formats or ()
    if place.capabilities.preferred_loader_file_format != "insert_values":
        return None
    return "csv" if "csv" in known and "" in spec.csv.null_strings else "insert_values"


def batches(batch: Batch, load_id: str) -> Iterator[Any]:
    """Arrow record batches."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(column.in_table, arrow_type(column.type)) for column in batch.columns])
    own = [column.name for column in batch.columns]
    with pq.ParquetFile(batch.path) as source:
        for found in parquet.batches(source, columns=own):
            rows = found.select(own).rename_columns(schema.names).cast(schema)
            yield rows.append_column(LOAD_ID, pa.repeat(pa.scalar(load_id), rows.num_rows))
