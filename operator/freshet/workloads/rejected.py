"""The table beside a loaded one, for the bad rows that a load sets aside: what it has, and whether it is ours."""

from collections.abc import Sequence

from freshet.workloads.columns import Column
from freshet.workloads.errors import ConfigError

__all__ = ["COLUMNS", "SUFFIX", "expect_ours", "not_ours"]

SUFFIX = "__rejected"
COLUMNS = (
    Column(name="load_id", type="VARCHAR"),
    Column(name="path", type="VARCHAR"),
    Column(name="line", type="BIGINT"),
    Column(name="column", type="VARCHAR"),
    Column(name="reason", type="VARCHAR"),
    Column(name="raw", type="VARCHAR"),
)


def expect_ours(held: Sequence[Column] | None, *, relation: str) -> None:
    """``held``: the columns of the table that is there, which may have more than ours. Raises ConfigError."""
    if held is not None and not set(COLUMNS).issubset(held):
        raise not_ours(relation)


def not_ours(relation: str) -> ConfigError:
    return ConfigError(
        "TableNotOurs",
        f"The table {relation} exists, but freshet did not make it, and bad rows are to go there (their columns are"
        f" {', '.join(column.name for column in COLUMNS)}): rename it, or give the source another table.",
    )
