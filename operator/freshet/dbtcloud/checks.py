"""What the tests of a run found, and whose they are where no manifest tells. Pure."""

from collections.abc import Collection, Mapping

from freshet.dbtcloud.outcomes import CheckResult
from freshet.dbtcloud.project import KINDS, TestNode
from freshet.dbtcloud.results_raw import RawEntry, RawResults, line, span, time

__all__ = ["checks_of", "test_name"]


def checks_of(
    entries: list[RawEntry], document: RawResults, *, tests: Mapping[str, TestNode] | None, models: Collection[str]
) -> tuple[CheckResult, ...]:
    """Those of one run_results.json; ``tests`` of the manifest, ``models``: what else a test may be about."""
    built = {entry.unique_id for entry in entries if entry.unique_id.partition(".")[0] in KINDS}
    tables = sorted(built.union(models))
    found = (_check(entry, document, tests=tests, tables=tables) for entry in entries)
    return tuple(check for check in found if check is not None)


def _check(
    entry: RawEntry, document: RawResults, *, tests: Mapping[str, TestNode] | None, tables: list[str]
) -> CheckResult | None:
    """A skipped test, or one of a status not known, says nothing: what is known of it stays."""
    kind, status = entry.unique_id.partition(".")[0], (entry.status or "").lower()
    if kind not in ("test", "unit_test") or status not in ("pass", "success", "warn", "fail", "error", "runtime error"):
        return None
    declared = (tests or {}).get(entry.unique_id) or TestNode(nodes=_guess(entry.unique_id, tables=tables))
    passed = status in ("pass", "success")
    return CheckResult(
        unique_id=entry.unique_id,
        name=test_name(entry.unique_id),
        nodes=declared.nodes,
        passed=passed,
        severity="warn" if status == "warn" else declared.severity if passed else "error",
        message=line(entry.message),
        at=span(entry)[1] or time(document.metadata.get("generated_at")),
    )


def _guess(unique_id: str, *, tables: list[str]) -> tuple[str, ...]:
    """Where the manifest does not have it: ``test.pkg.not_null_<model>_<column>.<hash>`` names its model, the first if
    it names two, and ``test.pkg.source_not_null_<source>_<table>_<column>.<hash>`` its source.
    """
    parts = unique_id.split(".")
    if parts[0] == "unit_test":
        return (f"model.{parts[1]}.{parts[2]}",) if len(parts) > 3 else ()
    text = f"_{parts[2] if len(parts) > 2 else ''}_"
    kind = [table for table in tables if table.startswith("source.") == text.startswith("_source_")]
    places = [(text.find(f"_{_plain_name(table)}_"), -len(table), table) for table in kind]
    hits = sorted(place for place in places if place[0] >= 0)
    return (hits[0][2],) if hits else ()


def _plain_name(unique_id: str) -> str:
    """``model.shop.dim.v2`` → ``dim_v2``, as test names have it."""
    return "_".join(unique_id.split(".")[2:])


def test_name(unique_id: str) -> str:
    """What a test is called for people: the middle of its unique id."""
    parts = unique_id.split(".")
    return ".".join(parts[2:]) if parts[0] == "unit_test" else parts[2] if len(parts) > 2 else unique_id
