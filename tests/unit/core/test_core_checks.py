"""The checks of an asset: of what builds it, and of projects that read it as a source."""

from typing import Any

import msgspec
import pytest
from tests.unit.core.making import MINUTE, NOW, model, pipeline, ran, up

from freshet.api.asset import Asset, Check
from freshet.core.checks import merged, retested_first
from freshet.core.ended import Ended


def check(name: str, *, passed: bool = True, pipeline: str | None = None, minutes: int = 0) -> Check:
    return Check(name=name, passed=passed, severity="error", at=NOW + minutes * MINUTE, pipeline=pipeline)


def told(*checks: Check, of: str | None = "shop", **more: Any) -> Ended:
    return ran("Unchanged", executor="DbtCloud", checks=checks, checks_only=True, tests_of=of, **more)


ROWS, MINE, YOURS = check("rows"), check("not_null", pipeline="shop"), check("not_null", pipeline="yours")


def test_nobody_takes_away_the_checks_of_another() -> None:
    known = merged(merged(merged((), ran(checks=(ROWS,))), told(YOURS, of="yours")), told(MINE))
    assert known == (ROWS, MINE, YOURS)
    other = check("columns", passed=False)
    assert merged(known, ran(checks=(other,))) == (other, MINE, YOURS)
    assert merged(known, ran(checks=())) == (MINE, YOURS)
    assert merged(known, told(declared=frozenset())) == (ROWS, YOURS)
    assert merged(known, ran(executor="DbtCloud", declared=frozenset())) == (MINE, YOURS)


def test_of_one_test_the_newest_result_counts() -> None:
    failed, older = check("not_null", passed=False, pipeline="shop", minutes=1), MINE
    assert merged((ROWS, MINE), told(failed)) == (ROWS, failed)
    assert merged((ROWS, failed), told(older)) == (ROWS, failed)
    assert merged((failed,), told(check("unique", pipeline="shop"), declared=frozenset({"unique", "not_null"}))) == (
        failed,
        check("unique", pipeline="shop"),
    )


def shop(**dbt: Any) -> Any:
    return pipeline(dbtCloud={"accountId": 1, "jobId": 1, "tokenSecretRef": {"name": "s"}, **dbt})


BROKEN = Check(name="t", passed=False, severity="error", at=NOW, pipeline="p", source="source.p.raw.a")


def again(*, minutes: int = 1, reader: Asset | None = None, check: Check = BROKEN, **dbt: Any) -> bool:
    """Is the source, loaded so long after its test had failed, tested again first?"""
    loaded = up("a", last_updated_at=NOW + minutes * MINUTE, checks=(check,))
    return bool(retested_first(reader or model("m"), loaded, pipeline=shop(**dbt)))


def test_what_was_loaded_since_its_test_failed_is_tested_again_first() -> None:
    assert again()
    assert again(mode="WholeJob", command="dbt run {select}")
    assert not again(minutes=0), "the verdict is of this very data"
    assert not again(command="dbt run {select}"), "no run of ours would test it"
    assert not again(reader=up("count")), "nothing but dbt runs dbt's tests"


@pytest.mark.parametrize(
    "change",
    [
        {"passed": True},
        {"severity": "warn"},
        {"pipeline": "q"},
        {"source": None},
        {"source": "model.v.util"},
        {"at": None},
    ],
)
def test_other_checks_are_not_tested_again(change: Any) -> None:
    assert not again(check=msgspec.structs.replace(BROKEN, **change))
