"""Exports that follow one another, and the rows that a table has after each: what breaking loads is measured by."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.parts.workloads.lake import Lake

__all__ = ["OPERATIONS", "Operation", "Rows", "put", "rejected", "rows_of"]


class Place(Protocol):
    """Where input files lie."""

    folder: Path
    csv: Path

    def write(self, content: str | bytes, name: str = "in.csv") -> Path: ...


Rows = list[tuple[int, str]]
_TYPES = {"id": "BIGINT"}
_GROW = {"disposition": "append", "onFileChange": "append"}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """``after``: the rows that a table with the first ones has when the second are loaded."""

    write: dict[str, Any]
    after: Callable[[Rows, Rows], Rows]


OPERATIONS = {
    "append": Operation(write={"disposition": "append"}, after=lambda held, new: sorted(held + new)),
    "grow": Operation(write=_GROW, after=lambda held, new: sorted(held + new)),
    "merge": Operation(
        write={"disposition": "merge", "primaryKey": ["id"]},
        after=lambda held, new: sorted((dict(held) | dict(new)).items()),
    ),
    "replace": Operation(write={"disposition": "replace"}, after=lambda held, new: new),
}


def put(place: Place, operation: Operation, rows: Rows, number: int, *, bad: bool = False) -> dict[str, Any]:
    """The spec that loads it. Appending, each export is a file of its own, or goes on in the same; else one follows
    the other.

    ``bad``: with a bad row at its end.
    """
    text = "id,v\n" + "".join(f"{id_},{v}\n" for id_, v in rows) + (f"x,bad{number}\n" if bad else "")
    more = {"write": operation.write, "onBadRows": "quarantine"}
    if operation.write == _GROW:
        held = place.csv.read_text() if place.csv.exists() else ""
        place.write(held + (text.removeprefix("id,v\n") if held else text))
    elif operation.write["disposition"] == "append":
        place.write(text, f"{number:03}.csv")
        return {"csv": {"path": str(place.folder / "*.csv"), "schema": _TYPES}, **more}
    else:
        place.write(text)
    return {"csv": {"schema": _TYPES}, **more}


def rejected(lake: Lake) -> list[str]:
    """What was set aside, as it stood in the files."""
    return [raw for (raw,) in lake.query("SELECT raw FROM {raw__rejected} ORDER BY length(raw), raw")]


def rows_of(number: int) -> Rows:
    """One row of its own, and one key that each export has with another value."""
    return [(0, f"v{number}"), (number + 1, f"w{number}")]
