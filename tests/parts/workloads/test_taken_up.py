"""What a load had found of bad rows is told by whoever comes after it, where it was cut off before it told anybody."""

from typing import Any

import pytest
from tests.parts.workloads.exports import OPERATIONS, put, rows_of
from tests.parts.workloads.lake import Lake

from freshet.workloads.errors import WorkloadError

GONE = {"action": "refuse", "error": "[INSUFFICIENT_PERMISSIONS] gone", "times": None, "after": True}
PUBLISH = r"^((INSERT|MERGE) (INTO|OVERWRITE)|CREATE TABLE) \S+`raw`( AS)?"
RECORD = r"^MERGE INTO \S+_freshet_loads"


def cut_off(lake: Lake, statement: str, spec: dict[str, Any]) -> None:
    """It is done, and nothing after it."""
    lake.faults({"action": "lose", "statement": statement}, GONE)
    with pytest.raises(WorkloadError, match="do not allow"):
        lake.load(**spec)
    lake.faults()


def found(told: dict[str, Any]) -> tuple[int, int, list[dict[str, Any]]]:
    return told["rowsIn"], told["rowsRejected"], told["samples"]


def bad(*lines: int) -> list[dict[str, Any]]:
    return [{"line": line, "column": "id", "reason": "the value does not fit BIGINT"} for line in lines]


@pytest.mark.parametrize("statement", [PUBLISH, RECORD])
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_next_look_tells_it(lake: Lake, name: str, statement: str) -> None:
    spec = put(lake, OPERATIONS[name], rows_of(0), 0, bad=True)
    cut_off(lake, statement, spec)
    told = lake.load(**spec)
    assert found(told) == (3, 1, bad(4))
    assert found(lake.load(**spec)) == (3, 1, bad(4)), "and the one after it, which nobody may have heard either"
    [record] = lake.query("SELECT rows_in, rows_loaded, rows_rejected FROM {_freshet_loads}")
    assert record == (3, 2, 1)


def test_a_load_of_further_files_tells_it_beside_its_own(lake: Lake) -> None:
    append = OPERATIONS["append"]
    cut_off(lake, PUBLISH, put(lake, append, rows_of(0), 0, bad=True))
    lake.write("id,v\n5,a\ny,b\nz,c\n", "001.csv")
    told = lake.load(**put(lake, append, rows_of(2), 2))
    assert (told["rowsLoaded"], *found(told)) == (5, 8, 3, bad(4, 3, 4))
    again = lake.load(**put(lake, append, rows_of(3), 3))
    assert (again["rowsLoaded"], again["rowsIn"], again["rowsRejected"]) == (2, 2, 0)


def test_what_was_told_is_not_told_twice(lake: Lake) -> None:
    append = OPERATIONS["append"]
    spec = put(lake, append, rows_of(0), 0, bad=True)
    cut_off(lake, PUBLISH, spec)
    last = lake.load(**spec)
    told = lake.load(last=last, **put(lake, append, rows_of(1), 1))
    assert (told["rowsLoaded"], told["rowsIn"], told["rowsRejected"]) == (2, 2, 0)
