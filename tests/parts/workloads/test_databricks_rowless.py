"""Loads into Databricks that write no row: nothing in the table tells another pod of them."""

from functools import partial
from typing import Any

import pytest
from tests.parts.workloads.exports import rejected
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.test_databricks_two_pods import Pod, Stage
from tests.parts.workloads.writes import GROW, MERGE, TYPED

RECORD = r"MERGE INTO \S+`_freshet_loads`"


@pytest.mark.parametrize(("tail", "on"), [("x,bad\n", "quarantine"), ("x,bad\n", "drop"), ("\n", "drop")])
def test_the_record_of_one_does_not_come_over_that_of_a_longer_file(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tail: str, on: str
) -> None:
    """Its rows would come again."""
    spec: dict[str, Any] = {"csv": TYPED, "write": GROW, "onBadRows": on}
    lake.write("id,v\n1,a\n")
    lake.load(**spec)
    lake.write("id,v\n1,a\n" + tail)
    late, other = Pod(lake, spec, ahead_of=RECORD), Pod(lake, spec)
    Stage(lake, monkeypatch).play(late, other, between=partial(lake.write, "id,v\n1,a\n" + tail + "2,b\n"))
    assert not lake.load(**spec)["changed"]
    assert lake.rows() == [(1, "a"), (2, "b")]
    assert on == "drop" or rejected(lake) == ["x,bad"]


def test_nor_does_that_of_a_merge_take_the_version_back(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    spec: dict[str, Any] = {"csv": TYPED, "write": MERGE}
    lake.write("id,v\n1,a\n2,b\n")
    first = lake.load(**spec)
    lake.write("id,v\n2,b\n1,a\n")
    late, other = Pod(lake, spec, ahead_of=RECORD), Pod(lake, spec)
    Stage(lake, monkeypatch).play(late, other, between=partial(lake.write, "id,v\n1,A\n3,c\n"))
    assert other.told is not None
    assert lake.load(**spec)["version"] == other.told["version"] != first["version"]


@pytest.mark.parametrize("at", [None, r"INSERT INTO \S+`raw`"])
def test_two_assets_of_which_one_brings_only_a_bad_row(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, at: str | None
) -> None:
    def of(asset: str) -> dict[str, Any]:
        csv = {"path": str(lake.folder / f"{asset}.csv"), **TYPED}
        return {"csv": csv, "write": {**GROW, "adopt": True}, "asset": asset, "onBadRows": "quarantine"}

    for asset, row in (("a", "1,a\n"), ("b", "9,b\n")):
        lake.write("id,v\n" + row, f"{asset}.csv")
        lake.load(**of(asset))
    lake.write("id,v\n1,a\nx,bad\n", "a.csv")
    one, two = Pod(lake, of("a"), ahead_of=RECORD), Pod(lake, of("b"), **({"ahead_of": at} if at else {}))
    Stage(lake, monkeypatch).play(one, two, between=partial(lake.write, "id,v\n9,b\n10,b\n", "b.csv"))
    for asset in "ab":
        assert "by hand" not in lake.load(**of(asset))["message"]
    assert (lake.rows(), rejected(lake)) == ([(1, "a"), (9, "b"), (10, "b")], ["x,bad"])
