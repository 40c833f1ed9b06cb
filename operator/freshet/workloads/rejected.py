"""The table beside a loaded one, for the bad rows that a load sets aside: what it has, and whether it is ours."""

from collections.abc import Collection, Iterable

from freshet.workloads.columns import Column
from freshet.workloads.errors import ConfigError

__all__ = ["COLUMNS", "SUFFIX", "expect_ours", "is_ours"]

SUFFIX = "__rejected"
COLUMNS = (
    Column(name="load_id", type="VARCHAR"),
    Column(name="path", type="VARCHAR"),
    Column(name="line", type="BIGINT"),
    Column(name="column", type="VARCHAR"),
    Column(name="reason", type="VARCHAR"),
    Column(name="raw", type="VARCHAR"),
)


def is_ours(names: Iterable[str]) -> bool:
    """Whether a table with columns of those names, in lower case, may be one for bad rows: it may have more."""
    return {column.name for column in COLUMNS}.issubset(names)


def expect_ours(names: Collection[str], *, relation: str) -> None:
    """Raises ConfigError for a table with columns of those ``names``, where there is one, if it is not for bad rows."""
    if names and not is_ours(names):
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} exists, but freshet did not make it, and bad rows are to go there (their columns are"
            f" {', '.join(column.name for column in COLUMNS)}): rename it, or give the source another table.",
        )
