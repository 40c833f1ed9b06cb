"""One load, from its spec to its result: find, fingerprint, compare, parse, check, write.

Every step can be repeated: what was done before is known from the warehouse, never from this pod.
"""

import json
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.workloads import ownership, refusal
from freshet.workloads.addresses import shown
from freshet.workloads.errors import AnswerLost, InputError, InputMoved, TableMoved, Unavailable, WorkloadError
from freshet.workloads.growth import Part, wanted
from freshet.workloads.inputs import InputFile
from freshet.workloads.log import LOG
from freshet.workloads.look import Input, beside, expect_still, fetched, look, weighed
from freshet.workloads.opening import open_warehouse
from freshet.workloads.spec import IngestSpec
from freshet.workloads.told import loaded, repeated, same_as_last, unchanged, with_untold
from freshet.workloads.warehouse import Batch, Level, TableState, Warehouse

if TYPE_CHECKING:
    from freshet.workloads.prepare import Ready

__all__ = ["load"]

_ROUNDS = 5
_LOST = 2
"""So many lost answers in a row are looked into; then the schedule tries again."""


def load(*, spec: IngestSpec, last: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """The result of one load (docs/contract.md). ``last``: the newest recorded result. Raises WorkloadError."""
    lost: list[AnswerLost] = []
    moved: Exception | None = None
    for round_ in range(_ROUNDS):
        if round_:
            time.sleep(random.uniform(0.5, 1) * min(0.1 * 2**round_, 2.0))
        try:
            return _once(spec, last, started)
        except AnswerLost as error:
            lost.append(error)
            if len(lost) > _LOST:
                raise error.error from error
            LOG.info("%s Looking again at what it did.", error)
        except InputMoved as error:
            moved = error
            LOG.info("The input changed while it was read: reading it again.")
        except TableMoved as error:
            moved = error
            LOG.info("Another load changed the table meanwhile: looking again.")
    if lost:
        raise lost[-1].error from lost[-1]
    raise _in_the_way(spec) if isinstance(moved, TableMoved) else _changing(spec)


def _changing(spec: IngestSpec) -> InputError:
    return InputError(
        "InputChanging",
        f"{shown(spec.csv.path)} kept changing while it was loaded: write files under another name and rename them when"
        " they are whole.",
    )


def _in_the_way(spec: IngestSpec) -> Unavailable:
    return Unavailable(
        "TableMoving",
        f"Others kept changing the table {spec.table}, or freshet's record of loads beside it, while"
        f" {shown(spec.csv.path)} was loaded: it is tried again; if that stays, see what else writes there.",
    )


def _once(spec: IngestSpec, last: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    found = look(spec)
    if same_as_last(last, found.fingerprint):
        return repeated(spec, last, started, found)
    refusal.expect_none(last, spec=spec, found=found, now=started)
    with refusal.remembered(last, spec=spec, found=found, now=started):
        return _into(open_warehouse(spec, told=last.get("version")), spec, last, started, found)


def _into(
    warehouse: Warehouse, spec: IngestSpec, last: Mapping[str, Any], started: datetime, found: Input
) -> dict[str, Any]:
    state = warehouse.inspect()
    ownership.expect_alone(spec, state, relation=warehouse.relation)
    if _holds(state, found.fingerprint):
        warehouse.tidy()
        assert state.level is not None
        return unchanged(spec, warehouse, state, state.level, started, found)
    ownership.expect_ours(spec, state, relation=warehouse.relation)
    files = _new_files(spec, state, found.files)
    told = None
    if files:
        with tempfile.TemporaryDirectory(prefix="freshet-") as folder:
            told = _write(spec, warehouse, state, started, found, files, Path(folder))
    if told is None:
        warehouse.tidy()
        level = _level(spec, warehouse, state)
        return unchanged(spec, warehouse, state, level, started, found, has_new_files=bool(files))
    return with_untold(told, state.own, last) if spec.write.disposition == "append" else told


def _level(spec: IngestSpec, warehouse: Warehouse, state: TableState) -> Level:
    """What is recorded was loaded by another spec, perhaps with another ``dataTimeColumn``."""
    level = ownership.expect_recorded(state, relation=warehouse.relation)
    if spec.data_time_column is None:
        return level
    return replace(level, data_time=warehouse.data_time(expected=state))


def _holds(state: TableState, fingerprint: str) -> bool:
    """Whether the table is what a load of this input left."""
    is_known = state.columns is not None and state.level is not None and state.level.fingerprint == fingerprint
    return is_known and not state.unrecorded


def _new_files(spec: IngestSpec, state: TableState, files: Sequence[InputFile]) -> tuple[InputFile, ...]:
    """All files, or for ``append`` those not taken as they are. Raises InputError for one that changed otherwise."""
    if spec.write.disposition != "append":
        return tuple(files)
    return wanted(files, taken=state.taken, may_grow=spec.write.may_grow, csv=spec.csv)


def _write(
    spec: IngestSpec,
    warehouse: Warehouse,
    state: TableState,
    started: datetime,
    found: Input,
    files: Sequence[InputFile],
    folder: Path,
) -> dict[str, Any] | None:
    """None where none of the files that ``append`` finds new has a row yet."""
    from freshet.workloads import dlt_load
    from freshet.workloads.reading import read

    dlt_load.prepare(folder)
    local = fetched(found, files, folder)
    files = [weighed(file, local[file.path]) for file in files]
    warm_up = partial(dlt_load.warm_up, databricks=spec.warehouse.databricks is not None)
    with beside(warm_up, size=sum(file.size for file in files)):
        try:
            ready, parts = read(spec, state, files=files, local=local, folder=folder, stored=warehouse.stored)
        except WorkloadError:
            expect_still(found)
            raise
    expect_still(found)
    if spec.write.disposition == "append":
        parts = [part for part in parts if part.grown or part.path not in ready.parsed.empty]  # rows may come yet
    if not parts:
        LOG.info("No new file of %s has a row: nothing is new.", shown(spec.csv.path))
        return None
    batch, samples = _batch(spec, ready, found, started, parts)
    LOG.info("Loading %s rows into %s.", f"{batch.rows:,}", warehouse.relation)
    outcome = warehouse.load(batch=batch, expected=state, folder=folder)
    return loaded(spec, warehouse, outcome, started, batch, samples)


def _batch(
    spec: IngestSpec,
    ready: "Ready",
    found: Input,
    started: datetime,
    parts: Sequence[Part],
) -> tuple[Batch, list[dict[str, Any]]]:
    """What goes to the warehouse, and the first of the bad rows."""
    parsed = ready.parsed
    names = {part.path: part.file.path for part in parts}
    quarantined = (*(parsed.refused if spec.on_bad_rows == "quarantine" else ()), *parsed.doubled)
    rejected = parsed.rejected + len(parsed.doubled)
    samples = [
        {"line": one.line, "column": one.column, "reason": one.reason} for one in (*parsed.refused, *parsed.doubled)[:3]
    ]
    batch = Batch(
        path=ready.path,
        rows=ready.rows,
        rows_in=parsed.rows + rejected,
        columns=parsed.columns,
        key=ready.key,
        fingerprint=found.fingerprint,
        files=[part.file for part in parts],
        refused=[replace(one, path=names[one.path]) for one in quarantined],
        rejected=rejected,
        samples=json.dumps(samples) if samples else None,
        started_at=started,
    )
    return batch, samples
