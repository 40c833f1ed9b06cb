"""Whose table it is: a load goes into one that freshet made for this asset, unless ``write.adopt``. Pure."""

from freshet.workloads.errors import ConfigError
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import Level, TableState

__all__ = ["expect_alone", "expect_ours", "expect_recorded"]


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
    if state.level is None:
        _expect_made(spec, state, relation=relation)
    if spec.write.disposition == "append":
        _expect_told(state, relation=relation)


def _expect_made(spec: IngestSpec, state: TableState, *, relation: str) -> None:
    """Its rows name loads of freshet's. That it has the column says nothing: a refused load may have left it."""
    if not state.marked or (state.strange and not state.loaded):
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} exists, but freshet did not make it: give the source another "
            "table, or set write.adopt to load into this one.",
        )
    if state.strange and spec.write.disposition != "append":
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} holds {state.strange:,} rows of loads that freshet has no record of: it is a copy,"
            " or the record was dropped; give the source another table, or set write.adopt to load into this one.",
        )


def _expect_told(state: TableState, *, relation: str) -> None:
    """The record tells which files are in the table."""
    if state.untold:
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} {state.untold}; files that are in it would come again: drop it to load"
            " them anew, give the source another table, or set write.adopt to append them all.",
        )
    unknown = state.strange or (state.loaded if state.level is None else 0)
    if unknown:
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} holds {unknown:,} rows of loads that freshet has no record of: files"
            " that are in it might come again; give the source another table, or set write.adopt to append them all.",
        )


def expect_recorded(state: TableState, *, relation: str) -> Level:
    """What the table should hold, where nothing is to be loaded. Raises ConfigError if nobody knows."""
    if state.level is None:
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} has all files, by _freshet_files, but no load of them is on record any more, so that"
            " nobody knows whether their rows are there: drop it to load them anew, or bring a new file, which is"
            " loaded into it.",
        )
    return state.level
