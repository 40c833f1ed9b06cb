"""Types of a CSV's columns in Databricks and back: pure.

The way there is by parquet, whose types COPY INTO takes as they are; so what Databricks does not know is refused
before anything is loaded.
"""

import re
from collections.abc import Iterable

from freshet.workloads.columns import Column
from freshet.workloads.errors import ConfigError

__all__ = ["expect_known", "from_databricks", "stored", "to_databricks"]

_NAMES = {
    "TINYINT": "TINYINT",
    "SMALLINT": "SMALLINT",
    "INTEGER": "INT",
    "BIGINT": "BIGINT",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "VARCHAR": "STRING",
    "UUID": "STRING",
    "TIME": "STRING",
}
_BACK = {name: kind for kind, name in _NAMES.items() if kind not in ("UUID", "TIME")} | {"LONG": "BIGINT"}


def to_databricks(kind: str) -> str:
    """``kind`` in DuckDB's spelling → Databricks'; what no CSV can fill comes from a table, and is its word already."""
    return _NAMES.get(kind, kind)


def from_databricks(kind: str) -> str:
    """A ``full_data_type`` of the information schema → DuckDB's spelling; what no CSV can fill stays as it is.

    So does CHAR(n), which Databricks fills up with spaces: no row would be found as it was loaded.
    """
    text = re.sub(r"\s", "", kind.upper())
    if text.startswith("DECIMAL("):
        return text
    return "VARCHAR" if re.fullmatch(r"VARCHAR\(\d+\)", text) else _BACK.get(text, text)


def stored(kind: str) -> str:
    """As what the table holds a column of ``kind``: Databricks keeps a UUID and a time of day as text."""
    return "VARCHAR" if kind in ("UUID", "TIME") else kind


def expect_known(columns: Iterable[Column]) -> None:
    """Raises ConfigError for a type that Databricks lacks."""
    for column in columns:
        if not column.type.startswith("DECIMAL(") and column.type not in _NAMES:
            raise ConfigError(
                "TypeUnknown",
                f"Column {column.name} is {column.type}, which Databricks or a CSV lacks: "
                "use BIGINT, DECIMAL(38,0) or VARCHAR in csv.schema.",
            )
