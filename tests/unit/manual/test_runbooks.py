"""What a person reads on the screen at night is in the runbook, and what the runbook names does occur."""

import re
from pathlib import Path

from freshet.api import conditions as c
from freshet.manual.folder import runbooks

DOCS = Path(__file__).parents[3] / "docs"
WELL = {c.WITHIN_LIMIT, c.NO_POLICY}
OF_KUBERNETES = {"DeadlineExceeded", "OOMKilled"}
NEEDS_CHANGE = {
    *(c.INVALID_SPEC, c.INVALID_SCHEDULE, c.INVALID_TIME_ZONE, c.INVALID_JOB_TEMPLATE, c.CYCLE_DETECTED),
    *(c.PIPELINE_NOT_FOUND, c.UPSTREAM_NOT_FOUND, c.RELATION_UNKNOWN, c.NAME_CONFLICT, c.WRITE_REFUSED),
}
OF_DBT_CLOUD = {
    *(c.UNREACHABLE, c.AUTHENTICATION_FAILED, c.SECRET_NOT_FOUND, c.OVERRIDE_REFUSED, c.RUN_REFUSED, c.JOB_NOT_FOUND),
    *(c.JOB_FAILING, c.RUN_NOT_FOUND, c.RUN_NOT_ENDING, c.RUN_OUT_OF_REACH),
}


def named(name: str) -> set[str]:
    """The words that the first cells of a runbook's table begin with."""
    rows = [line.split(" | ")[0] for line in runbooks()[name].read_text().splitlines() if line.startswith("| ")]
    return {word for row in rows for word in re.findall(r"`([A-Z]\w+)", row)}


def lines() -> set[str]:
    """What an Asset's line may begin with (tests/unit/core/test_core_reasons.py holds that these are all)."""
    section = (DOCS / "freshness.md").read_text().partition("## Whom to blame\n")[2].partition("\n## ")[0]
    cells = [row.split(" | ")[0] for row in section.splitlines() if row.startswith("| `")]
    return {word for cell in cells for word in re.findall(r"`([A-Z]\w+)", cell)}


def told(code: int) -> set[str]:
    """What a pod that ends with that code may say (docs/loads.md)."""
    (row,) = re.findall(rf"^\| {code} \| (.*) \|$", (DOCS / "loads.md").read_text(), re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))


def test_whatever_a_stale_asset_says_has_its_row() -> None:
    assert named("asset-stale") == lines() - WELL


def test_whatever_needs_a_change_has_its_row() -> None:
    assert named("not-ready") == NEEDS_CHANGE


def test_whatever_keeps_dbt_cloud_from_being_used_has_its_row() -> None:
    assert named("dbt-cloud-unreachable") == OF_DBT_CLOUD


def test_whatever_is_said_of_the_warehouse_has_its_row() -> None:
    elsewhere = {"SourceUnavailable", "Terminated"}
    assert named("warehouse-unreachable") == told(4) - elsewhere


def test_what_a_load_refuses_has_its_row_and_no_row_is_of_what_does_not_occur() -> None:
    assert told(3) <= named("asset-failing") <= told(2) | told(3) | OF_KUBERNETES
