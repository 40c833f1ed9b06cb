"""What a load tells (docs/contract.md): the level of its table, what it found and did, or another did."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from freshet.workloads import checks
from freshet.workloads.look import Input
from freshet.workloads.result import parse_time, rfc3339
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import Batch, Level, Outcome, TableState, Warehouse

__all__ = ["loaded", "repeated", "same_as_last", "unchanged", "with_untold"]


def loaded(
    spec: IngestSpec,
    warehouse: Warehouse,
    outcome: Outcome,
    started: datetime,
    batch: Batch,
    samples: list[dict[str, Any]],
) -> dict[str, Any]:
    level = outcome.level
    done = f"{outcome.written:,} rows written" if outcome.changed else "nothing in them is new"
    return {
        **_level(spec, warehouse, level, started, rows=level.rows),
        "changed": outcome.changed,
        "rowsIn": batch.rows_in,
        "rowsLoaded": outcome.written,
        "rowsRejected": batch.rejected,
        "bytes": sum(file.size for file in batch.files),
        "fingerprint": None if outcome.awaited else batch.fingerprint,  # so that the next pod looks again
        "samples": samples or None,
        "message": f"{batch.rows_in:,} rows read, {done}{_bad(batch)}: {warehouse.relation} holds {level.rows:,} rows.",
    }


def _bad(batch: Batch) -> str:
    kept = len(batch.refused)
    counts = {"set aside": kept, "dropped": batch.rejected - kept}
    text = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f", bad rows: {text}" if text else ""


def unchanged(
    spec: IngestSpec,
    warehouse: Warehouse,
    state: TableState,
    level: Level,
    started: datetime,
    found: Input,
    *,
    has_new_files: bool = False,
) -> dict[str, Any]:
    """``has_new_files``: none of which has a row yet."""
    why = "No new file has a row" if has_new_files else "The input is unchanged"
    by_hand = f", though {level.rows:,} were left there: it was changed by hand" if state.rows != level.rows else ""
    return {
        **_level(spec, warehouse, level, started, rows=state.rows),
        **_nothing(found),
        **({"fingerprint": None} if state.awaited else {}),
        **_found_before(state.own),
        "message": f"{why}: {warehouse.relation} holds {state.rows:,} rows{by_hand}.",
    }


def _found_before(level: Level | None) -> dict[str, Any]:
    """What the load found in its input, once more: its pod may have been lost before it told anybody."""
    if level is None or level.rows_in is None:
        return {}
    samples = json.loads(level.samples) if level.samples else None
    return {"rowsIn": level.rows_in, "rowsRejected": level.rows_rejected or 0, "samples": samples}


def with_untold(told: dict[str, Any], before: Level | None, last: Mapping[str, Any]) -> dict[str, Any]:
    """With what a load of other files had found that was cut off before it told anybody: it has no fingerprint."""
    if before is None or before.fingerprint or before.rows_in is None or _was_told(before, last):
        return told
    more = {"rowsIn": before.rows_in, "rowsLoaded": before.rows_loaded or 0, "rowsRejected": before.rows_rejected or 0}
    samples = [*(json.loads(before.samples) if before.samples else []), *(told["samples"] or [])][:3]
    message = f"{told['message']} {more['rowsIn']:,} more rows had been read by a load that was cut off."
    sums = {name: told[name] + count for name, count in more.items()}
    return {**told, **sums, "samples": samples or None, "message": message}


def _was_told(own: Level, last: Mapping[str, Any]) -> bool:
    """The newest result tells of that load, or of a table that has moved since, by another asset's: of both then."""
    if own.version == last.get("version"):
        return True
    updated = last.get("updatedAt")
    return isinstance(updated, str) and parse_time(rfc3339(own.updated_at)) <= parse_time(updated)


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


def _nothing(found: Input) -> dict[str, Any]:
    total = sum(file.size for file in found.files)
    return {
        "changed": False,
        "rowsIn": 0,
        "rowsLoaded": 0,
        "rowsRejected": 0,
        "bytes": total,
        "fingerprint": found.fingerprint,
    }


def same_as_last(last: Mapping[str, Any], own: str) -> bool:
    whole = isinstance(last.get("version"), str) and isinstance(last.get("rows"), int) and not last.get("error")
    return whole and last.get("fingerprint") == own and _still_trusted(last.get("trustedUntil"))


def _still_trusted(until: Any) -> bool:
    """Another load may have run since, of which whoever wrote this did not know."""
    return until is None or datetime.now(UTC) < parse_time(until)


def repeated(spec: IngestSpec, last: Mapping[str, Any], started: datetime, found: Input) -> dict[str, Any]:
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
