"""One load, from its spec to its result: find, fingerprint, compare, parse, check, write.

Every step can be repeated: what was done before is known from the warehouse, never from this pod.
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from freshet.workloads import checks, refusal
from freshet.workloads.errors import AnswerLost, ConfigError, InputError, TableMoved, WorkloadError
from freshet.workloads.growth import Part, part_of, wanted, with_content
from freshet.workloads.inputs import InputFile, Stamp, find_files, fingerprint, hash_files, stamps
from freshet.workloads.log import LOG
from freshet.workloads.opening import open_warehouse
from freshet.workloads.remote import RemoteFile, fetch, is_remote, name_of
from freshet.workloads.result import parse_time, rfc3339
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import Batch, Level, Outcome, TableState, Warehouse

__all__ = ["load"]

_ROUNDS = 5
_LOST = 2
"""So many lost answers in a row are looked into; then the schedule tries again."""
_LARGE = 16 << 20


@dataclass(frozen=True, kw_only=True)
class _Input:
    paths: tuple[str, ...]
    files: tuple[InputFile, ...]
    fingerprint: str
    stamps: tuple[Stamp, ...]


class _InputMoved(Exception):
    """A file was written to while it was read."""


def load(*, spec: IngestSpec, last: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """The result of one load (docs/contract.md). ``last``: the newest recorded result. Raises WorkloadError."""
    lost: list[WorkloadError] = []
    for round_ in range(_ROUNDS):
        try:
            return _once(spec, last, started)
        except AnswerLost as error:
            lost.append(error.error)
            if len(lost) > _LOST:
                raise error.error from error
            LOG.info("%s Looking again at what it did.", error)
            time.sleep(0.2 * 2**round_)
        except _InputMoved:
            LOG.info("The input changed while it was read: reading it again.")
            time.sleep(min(0.2 * 2**round_, 2.0))
        except TableMoved:
            LOG.info("Another load changed the table meanwhile: looking again.")
    if lost:
        raise lost[-1]
    raise InputError(
        "InputChanging",
        f"{spec.csv.path} or its table kept changing while it was loaded: write files under another name and "
        "rename them when they are whole.",
    )


def _once(spec: IngestSpec, last: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    found = _look(spec)
    if _same_as_last(last, found.fingerprint):
        return _repeated(spec, last, started, found)
    refusal.expect_none(last, spec=spec, fingerprint=found.fingerprint, now=started)
    with refusal.remembered(last, spec=spec, fingerprint=found.fingerprint, now=started):
        return _into(open_warehouse(spec), spec, last, started, found)


def _into(
    warehouse: Warehouse, spec: IngestSpec, last: Mapping[str, Any], started: datetime, found: _Input
) -> dict[str, Any]:
    state = warehouse.inspect()
    if _holds(state, found.fingerprint):
        warehouse.tidy()
        assert state.level is not None
        return _unchanged(spec, warehouse, state, state.level, started, found)
    _expect_ours(spec, warehouse, state)
    files = _new_files(spec, state, found.files)
    if not files:
        warehouse.tidy()
        assert state.level is not None
        return _unchanged(spec, warehouse, state, state.level, started, found)
    with tempfile.TemporaryDirectory(prefix="freshet-") as folder:
        told = _write(spec, warehouse, state, started, found, files, Path(folder))
    return _with_untold(told, state.level, last) if spec.write.disposition == "append" else told


def _holds(state: TableState, fingerprint: str) -> bool:
    """Whether the table is what a load of this input left."""
    loaded = state.columns is not None and state.level is not None and state.level.fingerprint == fingerprint
    return loaded and not state.unrecorded


def _expect_still(found: _Input) -> None:
    """What was parsed is what was fingerprinted; half a line at the end of a growing file is no bad row either."""
    if stamps(found.paths) != found.stamps:
        raise _InputMoved


@contextmanager
def _beside(work: Callable[[], None], *, size: int) -> Iterator[None]:
    """Run ``work`` (imports) in a thread meanwhile, where ``size`` bytes keep native code busy that needs no GIL."""
    if size < _LARGE:
        yield
        return
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _preload() -> None:
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401


def _look(spec: IngestSpec) -> _Input:
    paths = find_files(spec.csv.path)
    before = stamps(paths)
    with _beside(_preload, size=sum(size for _, _, size, _ in before)):
        files = hash_files(before)
    return _Input(paths=paths, files=files, fingerprint=fingerprint(spec=spec, files=files), stamps=before)


def _fetched(found: _Input, files: Sequence[InputFile], folder: Path) -> dict[str, str]:
    """Where the files are to be read: name for people → path."""
    names = {file.path for file in files}
    if not any(map(is_remote, names)):
        return {name: name for name in names}
    wanted = [one for one in found.stamps if name_of(one[0]) in names]
    remote = [RemoteFile(url=url, size=size, mark=str(mark)) for url, mark, size, _ in wanted]
    return {name_of(url): path for path, url in fetch(remote, folder).items()}


def _parts(
    spec: IngestSpec, state: TableState, files: Sequence[InputFile], local: Mapping[str, str], folder: Path
) -> list[Part]:
    taken = state.taken if spec.write.disposition == "append" else {}
    return [part_of(file, taken.get(file.path), path=local[file.path], csv=spec.csv, folder=folder) for file in files]


def _expect_ours(spec: IngestSpec, warehouse: Warehouse, state: TableState) -> None:
    if state.columns is not None and state.level is None and not (state.marked or spec.write.adopt):
        raise ConfigError(
            "TableNotOurs",
            f"The table {warehouse.relation} exists, but freshet did not make it: give the source another "
            "table, or set write.adopt to load into this one.",
        )


def _new_files(spec: IngestSpec, state: TableState, files: Sequence[InputFile]) -> tuple[InputFile, ...]:
    """All files, or for ``append`` those not taken as they are. Raises InputError for one that changed otherwise."""
    if spec.write.disposition != "append":
        return tuple(files)
    return wanted(files, taken=state.taken, may_grow=spec.write.on_file_change == "append")


def _write(
    spec: IngestSpec,
    warehouse: Warehouse,
    state: TableState,
    started: datetime,
    found: _Input,
    files: Sequence[InputFile],
    folder: Path,
) -> dict[str, Any]:
    from freshet.workloads import dlt_load
    from freshet.workloads.prepare import prepare

    dlt_load.prepare(folder)
    local = _fetched(found, files, folder)
    parts: list[Part] = []
    warm_up = partial(dlt_load.warm_up, databricks=spec.warehouse.databricks is not None)
    with _beside(warm_up, size=sum(file.size for file in files)):
        try:
            parts += _parts(spec, state, files, local, folder)
            ready = prepare(spec=spec, state=state, parts=parts, folder=folder, stored=warehouse.stored)
            if spec.write.disposition == "append":
                left_open = ready.parsed.left_open
                files = [with_content(part, csv=spec.csv, is_open=part.path in left_open) for part in parts]
        except WorkloadError as error:
            _expect_still(found)
            error.renamed({part.path: part.file.path for part in parts})
            raise
    _expect_still(found)
    parsed = ready.parsed
    names = {part.path: part.file.path for part in parts}
    quarantined = (*(parsed.refused if spec.on_bad_rows == "quarantine" else ()), *parsed.doubled)
    refused = [replace(one, path=names[one.path]) for one in quarantined]
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
        files=files,
        refused=refused,
        rejected=rejected,
        samples=json.dumps(samples) if samples else None,
        started_at=started,
    )
    LOG.info("Loading %s rows into %s.", f"{batch.rows:,}", warehouse.relation)
    outcome = warehouse.load(batch=batch, expected=state, folder=folder)
    return _loaded(spec, warehouse, outcome, started, batch, samples)


def _loaded(
    spec: IngestSpec,
    warehouse: Warehouse,
    outcome: Outcome,
    started: datetime,
    batch: Batch,
    samples: list[dict[str, Any]],
) -> dict[str, Any]:
    level = outcome.level
    aside = f", {batch.rejected:,} bad rows {'set aside' if batch.refused else 'dropped'}" if batch.rejected else ""
    done = f"{outcome.written:,} rows written" if outcome.changed else "nothing in them is new"
    return {
        **_level(spec, warehouse, level, started, rows=level.rows),
        "changed": outcome.changed,
        "rowsIn": batch.rows_in,
        "rowsLoaded": outcome.written,
        "rowsRejected": batch.rejected,
        "bytes": sum(file.size for file in batch.files),
        "fingerprint": batch.fingerprint,
        "samples": samples or None,
        "message": f"{batch.rows_in:,} rows read, {done}{aside}: {warehouse.relation} holds {level.rows:,} rows.",
    }


def _unchanged(
    spec: IngestSpec, warehouse: Warehouse, state: TableState, level: Level, started: datetime, found: _Input
) -> dict[str, Any]:
    by_hand = f", though {level.rows:,} were left there: it was changed by hand" if state.rows != level.rows else ""
    return {
        **_level(spec, warehouse, level, started, rows=state.rows),
        **_nothing(found),
        **_found_before(level),
        "message": f"The input is unchanged: {warehouse.relation} holds {state.rows:,} rows{by_hand}.",
    }


def _found_before(level: Level) -> dict[str, Any]:
    """What the load found in its input, once more: its pod may have been lost before it told anybody."""
    if level.rows_in is None:
        return {}
    samples = json.loads(level.samples) if level.samples else None
    return {"rowsIn": level.rows_in, "rowsRejected": level.rows_rejected or 0, "samples": samples}


def _with_untold(told: dict[str, Any], before: Level | None, last: Mapping[str, Any]) -> dict[str, Any]:
    """With what a load of other files had found that was cut off before it told anybody: it has no fingerprint."""
    if before is None or before.fingerprint or before.version == last.get("version") or before.rows_in is None:
        return told
    more = {"rowsIn": before.rows_in, "rowsLoaded": before.rows_loaded or 0, "rowsRejected": before.rows_rejected or 0}
    samples = [*(json.loads(before.samples) if before.samples else []), *(told["samples"] or [])][:3]
    message = f"{told['message']} {more['rowsIn']:,} more rows had been read by a load that was cut off."
    sums = {name: told[name] + count for name, count in more.items()}
    return {**told, **sums, "samples": samples or None, "message": message}


def _level(spec: IngestSpec, warehouse: Warehouse, level: Level, started: datetime, *, rows: int) -> dict[str, Any]:
    data_time = (level.data_time and rfc3339(level.data_time)) if spec.data_time_column else rfc3339(started)
    return {
        "version": level.version,
        "updatedAt": rfc3339(level.updated_at),
        "dataTime": data_time,
        "rows": rows,
        "previousRows": level.previous_rows,
        "relation": warehouse.relation,
        "checks": checks.evaluate(checks=spec.checks, rows=rows, previous=level.previous_rows),
    }


def _nothing(found: _Input) -> dict[str, Any]:
    total = sum(file.size for file in found.files)
    return {
        "changed": False,
        "rowsIn": 0,
        "rowsLoaded": 0,
        "rowsRejected": 0,
        "bytes": total,
        "fingerprint": found.fingerprint,
    }


def _same_as_last(last: Mapping[str, Any], own: str) -> bool:
    whole = isinstance(last.get("version"), str) and isinstance(last.get("rows"), int) and not last.get("error")
    return whole and last.get("fingerprint") == own and _still_trusted(last.get("trustedUntil"))


def _still_trusted(until: Any) -> bool:
    """Another load may have run since, of which whoever wrote this did not know."""
    return until is None or datetime.now(UTC) < parse_time(until)


def _repeated(spec: IngestSpec, last: Mapping[str, Any], started: datetime, found: _Input) -> dict[str, Any]:
    """The level as the operator has it: the warehouse stays asleep."""
    data_time = last.get("dataTime") if spec.data_time_column else rfc3339(started)
    previous = last.get("previousRows")
    kept = {key: last.get(key) for key in ("version", "updatedAt", "rows", "previousRows", "relation")}
    return {
        **kept,
        **_nothing(found),
        "dataTime": data_time,
        "checks": checks.evaluate(checks=spec.checks, rows=last["rows"], previous=previous),
        "message": f"The input is unchanged since the newest load: {last.get('relation') or spec.table} holds "
        f"{last['rows']:,} rows; the warehouse was not opened.",
    }
