"""freshet's own record at a destination of dlt's: ``_freshet_loads``, one row for each load, with the files it took.

dlt writes it, in a package of its own after the rows were counted. Rows carry the id of their load (``LOAD_ID``).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from freshet.workloads.dlt_destination import Place
from freshet.workloads.dlt_types import moment
from freshet.workloads.inputs import InputFile
from freshet.workloads.ledger import LEVEL, LOAD_ID, LOADS, file_values, taken_file
from freshet.workloads.warehouse import Level

__all__ = ["level_of", "record", "taken_by", "unrecorded"]

_COLUMNS = {
    "load_id": "text",
    "asset": "text",
    "table_name": "text",
    "fingerprint": "text",
    "version": "text",
    "updated_at": "timestamp",
    "data_time": "timestamp",
    "rows": "bigint",
    "previous_rows": "bigint",
    "rows_in": "bigint",
    "rows_loaded": "bigint",
    "rows_rejected": "bigint",
    "bytes": "bigint",
    "finished_at": "timestamp",
    "made_anew": "bool",
    "files": "text",
    "samples": "text",
}


def level_of(place: Place, table: str, *, asset: str | None = None) -> Level | None:
    """What the newest load of the table left; None where none is recorded. ``asset``: of its loads alone."""
    held = place.columns(LOADS)
    names = [name for name in LEVEL if name in held]  # an earlier freshet's has fewer
    if not held:
        return None
    wanted = {"table_name": table, **({"asset": asset} if asset else {})}
    loads, own = place.named(LOADS), " AND ".join(f"{place.quoted(name)} = %s" for name in wanted)
    newest = f"SELECT max({place.quoted('finished_at')}) FROM {loads} WHERE {own}"
    found = place.ask(
        f"SELECT {', '.join(map(place.quoted, names))} FROM {loads}"
        f" WHERE {own} AND {place.quoted('finished_at')} = ({newest})",
        *wanted.values(),
        *wanted.values(),
    )
    if not found:
        return None
    values = dict(zip(names, found[0], strict=True))
    times = {name: moment(values[name], column=name) for name in ("updated_at", "data_time")}
    return Level(**{**values, **times})


def taken_by(place: Place, table: str) -> dict[str, InputFile]:
    """Each file, by path, whose rows are in the table: those of the loads since it was last made anew."""
    if not place.columns(LOADS):
        return {}
    found = place.ask(
        f"SELECT {place.quoted('made_anew')}, {place.quoted('files')} FROM {place.named(LOADS)}"
        f" WHERE {place.quoted('table_name')} = %s ORDER BY {place.quoted('finished_at')}",
        table,
    )
    taken: dict[str, InputFile] = {}
    for anew, files in found:
        if anew:
            taken.clear()
        taken.update({values["path"]: taken_file(**values) for values in json.loads(files)})
    return taken


def unrecorded(place: Place, table: str) -> frozenset[str]:
    """Loads that were cut off between their rows, which are in the table, and their record.

    Rows that an adopted table had name none.
    """
    mark, known = place.quoted(LOAD_ID), ""
    values: tuple[str, ...] = ()
    if place.columns(LOADS):
        ids = f"SELECT {place.quoted('load_id')} FROM {place.named(LOADS)} WHERE {place.quoted('table_name')} = %s"
        known, values = f" AND {mark} NOT IN ({ids})", (table,)
    found = place.ask(f"SELECT DISTINCT {mark} FROM {place.named(table)} WHERE {mark} IS NOT NULL{known}", *values)
    return frozenset(str(load_id) for (load_id,) in found)


def record(
    place: Place, *, table: str, values: Mapping[str, Any], files: Sequence[InputFile], before: Iterable[str] = ()
) -> None:
    """One more row; ``values`` lacks what is said beside it. ``before``: loads that were cut off, whose rows stay."""
    import dlt

    row = {"table_name": table, **values, "files": json.dumps([file_values(file) for file in files])}
    columns = {name: {"name": name, "data_type": kind, "nullable": True} for name, kind in _COLUMNS.items()}
    rows = [*(_cut_off(row, load_id) for load_id in sorted(before)), row]
    resource = dlt.resource(rows, name=LOADS, write_disposition="append", columns=columns)
    place.run([place.afresh(resource, table=LOADS, names=_COLUMNS, mark=str(values["load_id"]))])


def _cut_off(row: Mapping[str, Any], load_id: str) -> dict[str, Any]:
    """All that is known of it: which table it was, and that it came before the one of ``row``."""
    earlier = row["finished_at"] - timedelta(seconds=1)
    known = {"table_name": row["table_name"], "load_id": load_id, "version": load_id, "fingerprint": ""}
    return {**dict.fromkeys(row), **known, "finished_at": earlier, "made_anew": False, "files": "[]"}
