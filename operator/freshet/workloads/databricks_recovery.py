"""Loads that were cut off between their rows, which are in the table, and their record: recorded, or taken out."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from freshet.workloads import databricks_ledger as ledger
from freshet.workloads import databricks_publish as publish
from freshet.workloads.addresses import shown
from freshet.workloads.columns import Column
from freshet.workloads.databricks_sql import Sql
from freshet.workloads.errors import ConfigError
from freshet.workloads.inputs import find
from freshet.workloads.ledger import LOADS
from freshet.workloads.log import LOG
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import Level, doubled

__all__ = ["UPDATED", "disposition_of", "finish", "previous"]

UPDATED = "all of which were updated"


def finish(
    sql: Sql,
    target: tuple[str, str, str],
    level: Level | None,
    unrecorded: Iterable[str],
    *,
    spec: IngestSpec,
    relation: str,
    columns: Sequence[Column],
    told: str | None,
) -> Level | None:
    """Records them, after the ``level`` that is known. Returns the level then. Raises InputError, ConfigError, and
    TableMoved where another pod records one meanwhile.

    Such a record has no fingerprint: no input counts as loaded on its word. What it found of bad rows is as its note
    says. Its rows came at once: if fewer are there than it had, somebody has deleted the others. One of which more are
    there is taken out, so that it is done again, if this source does it again; else that is for a person to say. Where
    nothing is recorded, the record may be lost, and others may have changed those rows since.
    """
    *place, table = target
    expected = ledger.pending(sql, place, table) if unrecorded else {}
    is_lost = level is None
    for load_id, noted in expected.items():
        if load_id not in unrecorded:
            continue
        how = disposition_of(noted, spec)
        rows, written = publish.rows_of(sql, target, load_id)
        if how == "append" and noted.is_fewer_than(written) and spec.write.disposition != "replace":
            if not is_lost and _comes_again(sql, target, load_id, spec):
                LOG.warning("Of an earlier load's %s rows, %s are there: it is done again.", noted.rows, written)
                publish.take_back(sql, target, load_id, loads=(*target[:2], LOADS))
                continue
            _expect_adopted(noted, spec, is_lost=is_lost, written=written, relation=relation)
        _expect_once(noted, spec, how=how, written=written, relation=relation)
        LOG.info("An earlier load wrote its rows and was cut off: it is recorded now.")
        values = {
            **_values(noted, level, how=how, load_id=load_id, asset=noted.asset or spec.asset),
            "previous_rows": previous(level, told=told),
            "data_time": publish.newest(sql, target, spec.data_time_column, columns=columns),
            "rows": rows,
            "rows_loaded": written,
        }
        level = ledger.record(sql, place, table=table, values=values, last=level)
    return level


def _values(noted: ledger.Noted, level: Level | None, *, how: str, load_id: str, asset: str) -> dict[str, Any]:
    """What is known without the table."""
    now = datetime.now(UTC)
    return {
        "load_id": load_id,
        "asset": asset,
        "fingerprint": "",
        "version": load_id,
        "changed": True,
        "updated_at": now,
        **noted.found,
        "files_taken": noted.files or _kept(how, level),
        "finished_at": now,
    }


def disposition_of(noted: ledger.Noted, spec: IngestSpec) -> str:
    """Of the load itself: the spec may be of another by now, or of another asset. Earlier freshets did not note it."""
    guess = "merge" if spec.write.disposition == "append" else spec.write.disposition
    return noted.disposition or ("append" if noted.files else guess)


def _kept(how: str, level: Level | None) -> int | None:
    """Files of ``append`` that are in the table whatever a load without files did."""
    return level.files_taken if level is not None and how == "merge" else 0


def previous(level: Level | None, *, told: str | None) -> int | None:
    """Rows as they last were told: a level without a fingerprint is of a load that was cut off and told nobody, unless
    a look ``told`` that version since.
    """
    if level is None:
        return None
    return level.rows if level.fingerprint or level.version == told else level.previous_rows


def _comes_again(sql: Sql, target: tuple[str, str, str], load_id: str, spec: IngestSpec) -> bool:
    """Whether the source still has the files that the load took for good."""
    *place, table = target
    if spec.write.disposition != "append":
        return False
    return ledger.files_of(sql, place, table, load_id=load_id) <= {shown(path) for path, *_ in find(spec.csv.path)}


def _expect_adopted(noted: ledger.Noted, spec: IngestSpec, *, is_lost: bool, written: int, relation: str) -> None:
    """Raises ConfigError for an appended load of more rows than it had: it came twice, or they are others' rows."""
    if not spec.write.adopt:
        why = "no load is on record" if is_lost else "its files are not among those that this source appends"
        raise ConfigError(
            "TableNotOurs",
            f"The table {relation} holds {written:,} rows of a load that had {noted.rows:,}, and {why}: drop it to load"
            " anew, give the source another table, or set write.adopt to leave those rows as they are.",
        )


def _expect_once(noted: ledger.Noted, spec: IngestSpec, *, how: str, written: int, relation: str) -> None:
    """Raises InputError where a ``merge`` has updated several rows of a key: the next cannot be told from that."""
    if how == spec.write.disposition == "merge" and noted.is_fewer_than(written):
        raise doubled(relation, key=spec.write.primary_key or (), done=UPDATED)
