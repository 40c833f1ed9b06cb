"""Rows in Databricks of which freshet's record does not tell: nothing is written over them, and no file comes again."""

from typing import Any

import pytest
from tests.parts.workloads.breaking import GONE, break_at, broken
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.writes import APPEND, GROW, MERGE

from freshet.workloads import databricks_strangers
from freshet.workloads.errors import WorkloadError

REPLACE = {"disposition": "replace"}


def of_all(lake: Lake, write: dict[str, Any] = APPEND, **more: Any) -> dict[str, Any]:
    """The spec of all files; ``adopt`` and the like in ``more``."""
    return {"csv": {"path": str(lake.folder / "*.csv")}, "write": {**write, **more}}


def several(lake: Lake, write: dict[str, Any] = APPEND) -> dict[str, Any]:
    """Two files, of two loads."""
    spec = of_all(lake, write)
    for name, row in (("a", "1,a"), ("b", "2,b")):
        lake.write(f"id,v\n{row}\n", f"{name}.csv")
        lake.load(**spec)
    return spec


def refused(lake: Lake, *, match: str, **spec: Any) -> None:
    """Also by the next look, and nothing is written."""
    held = lake.rows(table=spec.get("table", "raw"))
    for _ in range(2):
        with pytest.raises(WorkloadError, match=match) as caught:
            lake.load(**spec)
        assert (caught.value.reason, caught.value.exit_code) == ("TableNotOurs", 2)
    assert lake.rows(table=spec.get("table", "raw")) == held


@pytest.mark.parametrize("write", [APPEND, REPLACE, MERGE], ids=lambda write: write["disposition"])
def test_an_adoption_that_was_refused_makes_no_table_freshets(lake: Lake, write: dict[str, Any]) -> None:
    """It had added the column by which rows name their load, and published nothing."""
    lake.query(f'CREATE SCHEMA "main@"."{lake.schema}"')
    lake.query("CREATE TABLE {raw} (id BIGINT, v VARCHAR NOT NULL); INSERT INTO {raw} VALUES (1, 'theirs')")
    lake.write("id,v\n2,\n")
    with pytest.raises(WorkloadError) as caught:
        lake.load(write={**APPEND, "adopt": True})
    assert caught.value.reason == "ConstraintViolated"
    lake.write("id,v\n2,b\n")
    for asset in ("raw", "another"):
        refused(lake, match="exists, but freshet did not make it", write=write, asset=asset)
    assert lake.load(write={**write, "adopt": True})["rows"] == (1 if write is REPLACE else 2)


@pytest.mark.parametrize("write", [REPLACE, MERGE], ids=lambda write: write["disposition"])
def test_a_copy_of_a_table_of_freshets_is_nobodys(lake: Lake, write: dict[str, Any]) -> None:
    lake.write("id,v\n1,a\n2,b\n")
    lake.load()
    lake.query("CREATE TABLE {backup} AS FROM {raw}")
    lake.write("id,v\n9,z\n")
    spec = {"table": "backup", "asset": "other"}
    refused(lake, match="2 rows of loads that freshet has no record of", write=write, **spec)
    assert lake.load(write={**write, "adopt": True}, **spec)["rows"] == (1 if write is REPLACE else 3)


@pytest.mark.parametrize("write", [APPEND, REPLACE, MERGE], ids=lambda write: write["disposition"])
def test_a_first_load_that_was_cut_off_is_finished_by_itself(lake: Lake, write: dict[str, Any]) -> None:
    lake.write("id,v\n1,a\n")
    break_at(lake, r"^CREATE TABLE \S+`raw` AS", "cut")
    assert broken(lake, {"write": write}) is None
    lake.faults()
    assert lake.load(write=write)["rows"] == 1


def test_so_is_one_after_another_that_never_came(lake: Lake) -> None:
    spec = of_all(lake)
    lake.write("id,v\n1,a\n", "a.csv")
    lake.faults({"action": "drop", "statement": r"^CREATE TABLE \S+`raw` AS"}, GONE)
    assert broken(lake, spec) is None
    lake.write("id,v\n2,b\n", "b.csv")
    break_at(lake, r"^CREATE TABLE \S+`raw` AS", "cut")
    assert broken(lake, spec) is None
    lake.faults()
    assert (lake.load(**spec)["rows"], lake.rows()) == (2, [(1, "a"), (2, "b")])


def grown(lake: Lake) -> dict[str, Any]:
    """By a line that is no row."""
    lake.write("id,v\n1,a\n", "a.csv")
    lake.write("id,v\n2,b\n", "b.csv")
    lake.load(**of_all(lake, GROW))
    lake.write("id,v\n1,a\n\n", "a.csv")
    lake.load(**of_all(lake, GROW))
    return of_all(lake, GROW)


def updated(lake: Lake) -> dict[str, Any]:
    """All rows of one of its files."""
    spec = several(lake)
    merged = lake.write("id,v\n1,A\n", "m.txt")
    lake.load(csv={"path": str(merged)}, write=MERGE)
    return spec


def purged(lake: Lake) -> dict[str, Any]:
    """Of all rows of one of its files."""
    spec = several(lake)
    lake.query("DELETE FROM {raw} WHERE id = 1")
    return spec


@pytest.mark.parametrize("made", [grown, updated, purged])
def test_where_the_record_of_loads_is_gone_a_file_of_no_row_is_not_taken_for_one_that_never_came(
    lake: Lake, made: Any
) -> None:
    spec = made(lake)
    lake.query("DROP TABLE {_freshet_loads}")
    lake.write("id,v\n3,c\n", "c.csv")
    refused(lake, match=r"no row of it tells whether \S+/a.csv was loaded; .* set write.adopt", **spec)
    lake.load(**{**spec, "write": {**spec["write"], "adopt": True}})
    lake.write("id,v\n4,d\n", "d.csv")
    assert lake.load(**spec)["rowsLoaded"] == 1, "what was adopted is known from then on"


def copied(lake: Lake) -> dict[str, Any]:
    """From a table that has more files."""
    lake.write("id,v\n1,a\n", "a.csv")
    lake.load(**of_all(lake))
    lake.write("id,v\n2,b\n", "b.csv")
    lake.load(table="prod", asset="prod", **of_all(lake))
    lake.query("CREATE OR REPLACE TABLE {raw} AS FROM {prod}")
    return of_all(lake)


def restored(lake: Lake) -> dict[str, Any]:
    """As it was before a ``replace``, with which the files of its rows went off the record."""
    several(lake)
    lake.query("CREATE TABLE {before} AS FROM {raw}")
    other = lake.write("id,v\n9,z\n", "x.txt")
    lake.load(csv={"path": str(other)}, write=REPLACE)
    lake.query("CREATE OR REPLACE TABLE {raw} AS FROM {before}")
    return of_all(lake)


@pytest.mark.parametrize("made", [copied, restored])
def test_nothing_is_appended_to_rows_of_loads_that_are_not_on_record(lake: Lake, made: Any) -> None:
    spec = made(lake)
    refused(lake, match="2 rows of loads that freshet has no record of", **spec)
    adopted = {**spec, "write": {**spec["write"], "adopt": True}}
    lake.load(**adopted)
    lake.write("id,v\n4,d\n", "d.csv")
    assert lake.load(**spec)["rowsLoaded"] == 1, "what was adopted is known from then on"


def test_what_was_adopted_is_known_also_where_no_file_was_new(lake: Lake) -> None:
    several(lake)
    lake.load(table="prod", asset="prod", **of_all(lake))
    lake.query("CREATE OR REPLACE TABLE {raw} AS FROM {prod}")
    lake.write("id,v\n3,c\n", "c.csv")
    refused(lake, match="no record of", **of_all(lake))
    (lake.folder / "c.csv").unlink()
    lake.load(**of_all(lake, adopt=True))
    lake.write("id,v\n3,c\n", "c.csv")
    assert lake.load(**of_all(lake))["rowsLoaded"] == 1


def test_rows_of_another_pod_that_is_just_publishing_are_no_strangers(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen without the note that was there before them: a statement has no one moment for several tables."""
    spec = several(lake)
    counted, first = databricks_strangers.counted, iter((1,))

    def seen(*where: Any) -> tuple[int, int, int]:
        rows, loaded, strange = counted(*where)
        return rows, loaded, strange + next(first, 0)

    monkeypatch.setattr(databricks_strangers, "counted", seen)
    lake.write("id,v\n3,c\n", "c.csv")
    assert lake.load(**spec)["rows"] == 3
