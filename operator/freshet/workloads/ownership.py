"""Whose table it is: a load goes into one that freshet made for this asset, unless ``write.adopt``. Pure."""

from freshet.workloads.errors import ConfigError
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import TableState

__all__ = ["expect_alone", "expect_ours"]


def expect_alone(spec: IngestSpec, state: TableState, *, relation: str) -> None:
    """Raises ConfigError where another asset loads into the table: neither would know what the other has done."""
    if state.columns is not None and state.rival and not spec.write.adopt:
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} was last loaded by the asset {state.rival}: give the source of"
            f" {spec.asset} another table; if both are to load into it, or that is the asset's former name, set"
            " write.adopt.",
        )


def expect_ours(spec: IngestSpec, state: TableState, *, relation: str) -> None:
    """Raises ConfigError where the load would write what nobody asked it to."""
    if state.columns is None or spec.write.adopt:
        return
    if state.level is None and not state.marked:
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} exists, but freshet did not make it: give the source another "
            "table, or set write.adopt to load into this one.",
        )
    if spec.write.disposition == "append":
        _expect_told(state, relation=relation)


def _expect_told(state: TableState, *, relation: str) -> None:
    """The record tells which files are in the table."""
    if state.untold:
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} {state.untold}; files that are in it would come again: drop it to load"
            " them anew, give the source another table, or set write.adopt to append them all.",
        )
    if state.level is None and state.loaded:
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} holds {state.loaded:,} rows of loads that freshet has no record of: files"
            " that are in it might come again; give the source another table, or set write.adopt to append them all.",
        )
