"""The steps of a load into Databricks, and what may go wrong at each."""

from typing import Any

from tests.parts.workloads.lake import Lake

from freshet.workloads.errors import WorkloadError

__all__ = ["GONE", "KINDS", "POINTS", "break_at", "broken"]

GONE = {"action": "refuse", "error": "[INSUFFICIENT_PERMISSIONS] gone", "times": None, "after": True}

KINDS: dict[str, list[dict[str, Any]]] = {
    "before": [{"action": "refuse", "error": "[INTERNAL_ERROR] not done"}],
    "dropped": [{"action": "drop"}],
    "conflict": [{"action": "refuse"}],
    "lost": [{"action": "lose"}],
    "late": [{"action": "late"}],
    "cut": [{"action": "lose"}, GONE],
}
"""before: the statement fails and is not done. dropped: the connection breaks, and it is not done. conflict: another
writer was faster, and it is not done. lost: it is done, and its answer is not heard, so that the connector asks again.
late: the same, and the first comes to its end after the load has. cut: it is done, and nothing after it ever is, as
when a pod is killed.
"""

POINTS = {
    "open to look": r"^OPEN SESSION",
    "open to load": r"^OPEN SESSION",
    "open for dlt": r"^OPEN SESSION",
    "make ledger": r"^CREATE TABLE IF NOT EXISTS \S+_freshet_(loads|files)",
    "make incoming": r"^CREATE OR REPLACE TABLE",
    "clear volume": r"^DROP VOLUME",
    "make volume": r"^CREATE VOLUME",
    "dlt's schema": r"^INSERT INTO \S+_dlt_version",
    "staging": r"^PUT",
    "upload": r"^UPLOAD",
    "copy": r"^COPY INTO",
    "dlt's record": r"^INSERT INTO \S+_dlt_loads",
    "drop volume": r"^DROP VOLUME",
    "rename": r"^ALTER TABLE .* RENAME",
    "forget schema": r"^DELETE FROM \S+_dlt_version",
    "note": r"^MERGE INTO \S+_freshet_files",
    "make aside": r"^CREATE TABLE IF NOT EXISTS \S+`raw__rejected`",
    "quarantine": r"^MERGE INTO \S+`raw__rejected`",
    "publish": r"^(INSERT|MERGE) (INTO|OVERWRITE) \S+`raw`",
    "read back": r"^SELECT count\(\*\), coalesce",
    "record": r"^MERGE INTO \S+_freshet_loads",
    "settle": r"^DELETE FROM \S+_freshet_files` WHERE path",
    "drop incoming": r"^DROP TABLE",
}


def break_at(lake: Lake, statement: str, kind: str, *, skip: int = 0) -> None:
    first, *more = KINDS[kind]
    lake.faults({**first, "statement": statement, "skip": skip}, *more)


def broken(lake: Lake, spec: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a load under a fault, or None where it failed with a sentence."""
    try:
        return lake.load(**spec)
    except WorkloadError as error:
        print(f"            {error.message}")
        return None
