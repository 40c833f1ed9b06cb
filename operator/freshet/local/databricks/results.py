"""Arrow tables as the protocol carries them: a schema, and batches without one."""

from typing import Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes

__all__ = ["metadata", "row_set"]

_TYPES = (
    (pa.types.is_boolean, ttypes.TTypeId.BOOLEAN_TYPE),
    (pa.types.is_int8, ttypes.TTypeId.TINYINT_TYPE),
    (pa.types.is_int16, ttypes.TTypeId.SMALLINT_TYPE),
    (pa.types.is_int32, ttypes.TTypeId.INT_TYPE),
    (pa.types.is_integer, ttypes.TTypeId.BIGINT_TYPE),
    (pa.types.is_float32, ttypes.TTypeId.FLOAT_TYPE),
    (pa.types.is_floating, ttypes.TTypeId.DOUBLE_TYPE),
    (pa.types.is_decimal, ttypes.TTypeId.DECIMAL_TYPE),
    (pa.types.is_date, ttypes.TTypeId.DATE_TYPE),
    (pa.types.is_timestamp, ttypes.TTypeId.TIMESTAMP_TYPE),
    (pa.types.is_binary, ttypes.TTypeId.BINARY_TYPE),
)


def metadata(table: pa.Table, *, staging: bool) -> Any:
    return ttypes.TGetResultSetMetadataResp(
        status=ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS),
        schema=ttypes.TTableSchema(columns=[_column(field, at) for at, field in enumerate(table.schema, start=1)]),
        resultFormat=ttypes.TSparkRowSetType.ARROW_BASED_SET,
        lz4Compressed=False,
        arrowSchema=table.schema.serialize().to_pybytes(),
        isStagingOperation=staging,
    )


def row_set(table: pa.Table, *, offset: int) -> Any:
    batches = [
        ttypes.TSparkArrowBatch(batch=batch.serialize().to_pybytes(), rowCount=batch.num_rows)
        for batch in table.combine_chunks().to_batches()
    ]
    return ttypes.TRowSet(startRowOffset=offset, rows=[], arrowBatches=batches)


def _column(field: pa.Field, position: int) -> Any:
    kind = next((found for test, found in _TYPES if test(field.type)), ttypes.TTypeId.STRING_TYPE)
    entry = ttypes.TPrimitiveTypeEntry(type=kind)
    if pa.types.is_decimal(field.type):
        digits = {"precision": field.type.precision, "scale": field.type.scale}
        values = {name: ttypes.TTypeQualifierValue(i32Value=value) for name, value in digits.items()}
        entry.typeQualifiers = ttypes.TTypeQualifiers(qualifiers=values)
    described = ttypes.TTypeDesc(types=[ttypes.TTypeEntry(primitiveEntry=entry)])
    return ttypes.TColumnDesc(columnName=field.name, typeDesc=described, position=position)
