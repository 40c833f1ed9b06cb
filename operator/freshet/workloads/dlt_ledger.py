"""freshet's own record at a destination of dlt's: ``_freshet_loads``, one row for each load, with the files it took.

dlt writes it, in a package of its own after the rows were counted. Rows carry the id of their load (``LOAD_ID``).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from freshet.workloads.dlt_destination import Place
from freshet.workloads.dlt_types import moment
from freshet.workloads.inputs import InputFile
from freshet.workloads.ledger import LEVEL, LOADS, file_values, taken_file
from freshet.workloads.warehouse import Level

__all__ = ["level_of", "record", "taken_by"]

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


def record(place: Place, *, table: str, values: Mapping[str, Any], files: Sequence[InputFile]) -> None:
    """One more row; ``values`` lacks what is said beside it."""
    import dlt

    row = {"table_name": table, **values, "files": json.dumps([file_values(file) for file in files])}
    columns = {name: {"name": name, "data_type": kind, "nullable": True} for name, kind in _COLUMNS.items()}
    resource = dlt.resource([row], name=LOADS, write_disposition="append", columns=columns)
    place.run([place.afresh(resource, table=LOADS, names=_COLUMNS, mark=str(values["load_id"]))])
