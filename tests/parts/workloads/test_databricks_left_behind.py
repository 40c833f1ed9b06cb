"""What a load into Databricks that was cut off has left, where something has changed by the time that others look."""

from typing import Any

import pytest
from tests.parts.workloads.breaking import GONE, POINTS, break_at, broken
from tests.parts.workloads.exports import rejected
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.writes import APPEND, GROW, MERGE, TYPED
from tests.support.waiting import wait_for

from freshet.workloads.errors import WorkloadError
from freshet.workloads.ledger import LOAD_ID

DOUBLED = f"INSERT INTO {{raw}} SELECT * FROM {{raw}} WHERE {LOAD_ID} NOT IN (SELECT load_id FROM {{_freshet_loads}})"


def appended(lake: Lake) -> dict[str, Any]:
    """A second file, whose load was cut off with its rows in the table."""
    spec = {"csv": {"path": str(lake.folder / "*.csv")}, "write": APPEND}
    lake.write("id,v\n1,a\n", "a.csv")
    lake.load(**spec)
    lake.write("id,v\n2,b\n3,c\n4,d\n", "b.csv")
    break_at(lake, POINTS["publish"], "cut")
    assert broken(lake, spec) is None
    lake.faults()
    return spec


def merged(lake: Lake, action: str) -> None:
    """A second export, whose load was cut off while it published."""
    lake.write("id,v\n1,a\n")
    lake.load(write=MERGE)
    lake.write("id,v\n2,b\n")
    lake.faults({"action": action, "statement": r"^MERGE INTO \S+`raw`"}, GONE)
    assert broken(lake, {"write": MERGE}) is None


@pytest.mark.parametrize("following", ["nothing", "its file is gone", "a merge of another"])
def test_rows_that_somebody_deleted_do_not_take_the_others_with_them(lake: Lake, following: str) -> None:
    spec = appended(lake)
    lake.query("DELETE FROM {raw} WHERE id = 3")
    held = [(1, "a"), (2, "b"), (4, "d")]
    if following == "its file is gone":
        (lake.folder / "b.csv").unlink()
    elif following == "a merge of another":
        other = lake.write("id,v\n9,z\n", "m.txt")
        lake.load(csv={"path": str(other)}, write=MERGE)
        held.append((9, "z"))
    lake.load(**spec)
    assert lake.rows() == held
    assert not lake.load(**spec)["changed"], "its file is on record"


@pytest.mark.parametrize("following", ["its file is gone", "a merge of another"])
def test_rows_that_are_too_many_stay_where_nobody_would_load_them_again(lake: Lake, following: str) -> None:
    spec = appended(lake)
    lake.query(DOUBLED)
    held = lake.rows()
    if following == "its file is gone":
        (lake.folder / "b.csv").unlink()
    else:
        other = lake.write("id,v\n9,z\n", "m.txt")
        spec = {"csv": {"path": str(other)}, "write": MERGE}
    for _ in range(2):
        with pytest.raises(WorkloadError, match="holds 6 rows of a load that had 3") as caught:
            lake.load(**spec)
        assert (caught.value.reason, caught.value.exit_code, lake.rows()) == ("TableNotOurs", 2, held)
    lake.load(**{**spec, "write": {**spec["write"], "adopt": True}})
    assert set(held) <= set(lake.rows())


def test_a_replace_takes_them_away_without_a_word(lake: Lake) -> None:
    appended(lake)
    lake.query(DOUBLED)
    other = lake.write("id,v\n9,z\n", "m.txt")
    lake.load(csv={"path": str(other)}, write={"disposition": "replace"})
    assert lake.rows() == [(9, "z")]


def test_what_may_still_come_is_looked_for_after_a_load_of_another_input(lake: Lake) -> None:
    """Its rows would be in no version until the input changes."""
    merged(lake, "late")
    lake.server.faults._uses.clear()
    lake.write("id,v\n3,c\n")
    told = lake.load(write=MERGE)
    assert (told["changed"], told["fingerprint"]) == (True, None)
    lake.server.faults.go()
    wait_for(lambda: (2, "b") in lake.rows(), what="what comes late is there")
    lake.faults()
    again = lake.load(write=MERGE, last=told)
    assert (again["version"] != told["version"], again["rows"]) == (True, 3)
    assert again["fingerprint"]


@pytest.mark.parametrize("asset", ["raw", "other"])
def test_bad_rows_of_a_merge_that_comes_late_are_there_though_the_next_load_appends(lake: Lake, asset: str) -> None:
    """Its pod is gone; the source's spec has changed since, or another asset loads into the table."""
    merge = {"csv": TYPED, "write": MERGE, "onBadRows": "quarantine"}
    lake.write("id,v\n1,a\n")
    lake.load(**merge)
    lake.write("id,v\n2,b\nx,bad\n")
    lake.faults({"action": "late", "statement": r"^MERGE INTO \S+`raw`"}, GONE)
    assert broken(lake, merge) is None
    lake.server.faults._uses.clear()
    path = lake.write("id,v\n3,c\n", "next.txt")
    following = {
        "csv": {**TYPED, "path": str(path)},
        "write": {**APPEND, "adopt": asset == "other"},
        "onBadRows": "quarantine",
        "asset": asset,
    }
    lake.load(**following)
    lake.server.faults.go()
    wait_for(lambda: (2, "b") in lake.rows(), what="what comes late is there")
    lake.faults()
    lake.load(**following)
    assert lake.rows() == [(1, "a"), (2, "b"), (3, "c")]
    assert rejected(lake) == ["x,bad"]


def test_bad_rows_that_an_earlier_try_of_the_load_had_set_aside_are_those_of_the_last(lake: Lake) -> None:
    """The table was made anew with a wider type meanwhile, so that the one row is bad no more, or both."""
    lake.query(f'CREATE SCHEMA "main@"."{lake.schema}"')
    spec = {"write": {**APPEND, "adopt": True}, "onBadRows": "quarantine"}
    for number, (kind, left) in enumerate({"VARCHAR": [], "BIGINT": ["x,c"]}.items()):
        lake.query("DROP TABLE IF EXISTS {raw}; CREATE TABLE {raw} (id INTEGER, v VARCHAR NOT NULL)")
        lake.query("DROP TABLE IF EXISTS {raw__rejected}")
        lake.write(f"id,v\n1,a{number}\n5000000000,b\nx,c\n4,\n")
        with pytest.raises(WorkloadError) as caught:
            lake.load(**spec)
        assert caught.value.reason == "ConstraintViolated"
        assert rejected(lake) == ["x,c", "5000000000,b"]
        lake.query(f"DROP TABLE {{raw}}; CREATE TABLE {{raw}} (id {kind}, v VARCHAR)")
        told = lake.load(**spec)
        assert (told["rowsLoaded"], told["rowsRejected"], rejected(lake)) == (4 - len(left), len(left), left)


@pytest.mark.parametrize("meanwhile", [False, True])
def test_what_a_load_that_was_cut_off_had_read_is_told_once_also_where_another_asset_loads(
    lake: Lake, meanwhile: bool
) -> None:
    def of(asset: str) -> dict[str, Any]:
        return {"csv": {"path": str(lake.folder / f"{asset}*.csv")}, "write": {**APPEND, "adopt": True}, "asset": asset}

    lake.write("id,v\n1,a\n", "a1.csv")
    lake.write("id,v\n9,b\n", "b1.csv")
    told = lake.load(**of("a"))
    lake.write("id,v\n2,a\n", "a2.csv")
    break_at(lake, POINTS["publish"], "cut")
    assert broken(lake, of("a")) is None
    lake.faults()
    if meanwhile:
        lake.load(**of("b"))
    told = lake.load(last=told, **of("a"))
    assert told["rowsIn"] == 1
    lake.write("id,v\n3,a\n", "a3.csv")
    again = lake.load(last=told, **of("a"))
    assert (again["rowsIn"], again["rowsLoaded"]) == (1, 1)


def test_bad_rows_by_which_alone_a_file_grew_are_set_aside_once(lake: Lake) -> None:
    """The load that was cut off has no rows that another would have to keep out."""
    spec: dict[str, Any] = {"csv": TYPED, "write": GROW, "onBadRows": "quarantine"}
    lake.write("id,v\n1,a\n")
    lake.load(**spec)
    lake.write("id,v\n1,a\nx,b\n")
    break_at(lake, POINTS["quarantine"], "cut")
    assert broken(lake, spec) is None
    lake.faults()
    lake.write("id,v\n1,a\nx,b\ny,c\n")
    lake.load(**spec)
    assert (lake.rows(), rejected(lake)) == ([(1, "a")], ["x,b", "y,c"])


def test_a_column_that_nothing_is_in_finds_no_row_by_its_key(lake: Lake) -> None:
    """A load that was killed before it published had added it: all rows would come again."""
    spec: dict[str, Any] = {"csv": TYPED, "write": MERGE}
    lake.write("id,v\n1,a\n2,b\n")
    lake.load(**spec)
    lake.write("id,v,region\n1,a,eu\n2,b,us\n")
    break_at(lake, r"^ALTER TABLE \S+`raw` ADD COLUMNS", "cut")
    assert broken(lake, spec) is None
    lake.faults()
    with pytest.raises(WorkloadError, match=r"no column region of .*, or nothing in it") as caught:
        lake.load(csv=TYPED, write={**MERGE, "primaryKey": ["id", "region"]})
    assert (caught.value.reason, lake.rows()) == ("SchemaConflict", [(1, "a"), (2, "b")])


def test_an_old_note_beside_a_table_that_was_made_anew_by_hand(lake: Lake) -> None:
    merged(lake, "drop")
    lake.faults()
    lake.write("id,v\n1,a\n")
    lake.query("UPDATE {_freshet_files} SET noted_at = now() - INTERVAL 2 DAYS")
    lake.query("CREATE OR REPLACE TABLE {raw} AS SELECT id, v FROM {raw}")
    assert lake.load(write=MERGE)["rows"] == 1


def test_rows_are_compared_with_those_that_a_look_has_told(lake: Lake) -> None:
    """It recorded the load that was cut off, and told of it."""
    checks = {"rows": {"maximumDropPercent": 10}}
    spec: dict[str, Any] = {"csv": {"path": str(lake.folder / "*.csv")}, "write": APPEND, "checks": checks}
    lake.write("id,v\n1,a\n", "a.csv")
    told = lake.load(**spec)
    lake.write("id,v\n" + "".join(f"{number},b\n" for number in range(100)), "b.csv")
    break_at(lake, POINTS["publish"], "cut")
    assert broken(lake, spec) is None
    lake.faults()
    told = lake.load(last=told, **spec)
    lake.query("DELETE FROM {raw} WHERE id > 50")
    lake.write("id,v\n1000,a\n", "c.csv")
    after = lake.load(last=told, **spec)
    assert (told["rows"], after["previousRows"], after["rows"]) == (101, 101, 53)
    assert not after["checks"][0]["passed"]


def test_bad_rows_that_are_dropped_are_told_from_those_that_are_set_aside(lake: Lake) -> None:
    lake.write("id,v\n1,a\nx,b\n2,d\n2,e\n")
    told = lake.load(csv=TYPED, onBadRows="drop", write={**MERGE, "onDuplicateKey": "quarantine"})
    assert "bad rows: 2 set aside, 1 dropped" in told["message"]


@pytest.mark.parametrize("table", ["a%b", "a:b", "{a}", "a\\b", "t" * 190])
def test_a_table_may_have_any_name_that_databricks_takes(lake: Lake, table: str) -> None:
    lake.write("id,v\n1,a\nx,bad\n")
    spec: dict[str, Any] = {"table": table, "csv": TYPED, "write": MERGE, "onBadRows": "quarantine"}
    told = lake.load(**spec)
    assert (told["rows"], told["rowsRejected"], lake.load(**spec)["changed"]) == (1, 1, False)
    assert not [name for name in lake.tables() if "incoming" in name]


def test_bad_rows_go_with_the_note_of_their_load_also_where_the_table_was_made_anew(lake: Lake) -> None:
    """By hand, so that none of its rows names a load: what asks whether theirs are there cannot be asked."""
    spec: dict[str, Any] = {"csv": TYPED, "write": {"disposition": "replace"}, "onBadRows": "quarantine"}
    lake.write("id,v\n1,a\n")
    lake.load(**spec)
    lake.write("id,v\n2,b\nx,bad\n")
    lake.faults({"action": "refuse", "statement": r"^INSERT OVERWRITE", "error": "[X] gone"}, GONE)
    assert broken(lake, spec) is None
    assert rejected(lake) == ["x,bad"]
    lake.faults()
    lake.query("CREATE OR REPLACE TABLE {raw} AS SELECT id, v FROM {raw}")
    lake.query("UPDATE {_freshet_files} SET noted_at = now() - INTERVAL 9 DAYS")
    lake.write("id,v\n1,a\n")
    lake.load(**spec)
    assert (rejected(lake), lake.query("SELECT 1 FROM {_freshet_files}")) == ([], [])
