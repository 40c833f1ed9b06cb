"""Loads into Databricks of which one writes otherwise than the one before: how each wrote is its own, also where it was
cut off, where it came to nothing, and where the record of it is gone.
"""

from typing import Any

import pytest
from tests.parts.workloads.breaking import GONE, POINTS, break_at, broken
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.writes import APPEND, MERGE

from freshet.workloads.errors import WorkloadError

NOT_DONE = {"action": "refuse", "error": "[INSUFFICIENT_PERMISSIONS] not done"}
REPLACE = {"disposition": "replace"}
WRITES = {"append": APPEND, "merge": MERGE, "replace": REPLACE}
HELD = [(1, "a"), (2, "b"), (3, "c")]
CUT = {
    "append": ("4,d", [*HELD, (4, "d")]),
    "merge": ("1,A\n2,b\n3,c", [(1, "A"), (2, "b"), (3, "c")]),
    "replace": ("5,e", [(5, "e")]),
}
"""By how the load that is cut off writes: its rows, and what is in the table then."""


def spec_of(lake: Lake, name: str, rows: str, *, write: str, **more: Any) -> dict[str, Any]:
    path = lake.write(f"id,v\n{rows}\n", f"{name}.csv")
    return {"csv": {"path": str(path)}, "write": {**WRITES[write], **more}}


@pytest.mark.parametrize("following", WRITES)
@pytest.mark.parametrize("cut", CUT)
def test_a_load_that_was_cut_off_is_judged_by_how_it_wrote_itself(lake: Lake, cut: str, following: str) -> None:
    lake.load(**spec_of(lake, "first", "1,a\n2,b\n3,c", write=cut))
    rows, held = CUT[cut]
    break_at(lake, POINTS["publish"], "cut")
    assert broken(lake, spec_of(lake, "cut", rows, write=cut)) is None
    lake.faults()
    lake.load(**spec_of(lake, "next", "9,z", write=following))
    assert lake.rows() == ([(9, "z")] if following == "replace" else [*held, (9, "z")])


def test_so_it_is_where_two_assets_load_into_one_table(lake: Lake) -> None:
    lake.load(**spec_of(lake, "first", "1,a\n2,b\n3,c", write="merge"))
    break_at(lake, POINTS["publish"], "cut")
    assert broken(lake, spec_of(lake, "cut", CUT["merge"][0], write="merge")) is None
    lake.faults()
    lake.load(asset="other", **spec_of(lake, "next", "9,z", write="append", adopt=True))
    assert lake.rows() == [*CUT["merge"][1], (9, "z")]


def test_a_note_of_an_earlier_freshet_tells_by_its_files_how_the_load_wrote(lake: Lake) -> None:
    lake.load(**spec_of(lake, "first", "1,a\n2,b\n3,c", write="merge"))
    break_at(lake, POINTS["publish"], "cut")
    assert broken(lake, spec_of(lake, "cut", CUT["merge"][0], write="merge")) is None
    lake.faults()
    lake.query("ALTER TABLE {_freshet_files} DROP COLUMN disposition")
    lake.load(**spec_of(lake, "next", "9,z", write="append"))
    assert lake.rows() == [*CUT["merge"][1], (9, "z")]


@pytest.mark.parametrize("change", ["merge", "by hand"])
def test_where_the_record_of_loads_is_gone_no_row_is_taken_back(lake: Lake, change: str) -> None:
    """All loads look cut off then, and others have changed rows of theirs since: of a ``merge`` nothing is known."""
    lake.load(**spec_of(lake, "first", "1,a\n2,b\n3,c", write="append"))
    if change == "merge":
        lake.load(**spec_of(lake, "changed", "1,A", write="merge"))
    else:
        lake.query("DELETE FROM {raw} WHERE id = 1")
    lake.query("DROP TABLE {_freshet_loads}")
    held = lake.rows()
    if change == "merge":
        with pytest.raises(WorkloadError, match="holds 1 rows of loads that freshet has no record of"):
            lake.load(**spec_of(lake, "next", "9,z", write="append"))
    lake.load(**spec_of(lake, "next", "9,z", write="append", adopt=change == "merge"))
    assert lake.rows() == [*held, (9, "z")]
    assert not lake.load(**spec_of(lake, "first", "1,a\n2,b\n3,c", write="append"))["changed"], "its file is on record"


@pytest.mark.parametrize("change", ["DELETE FROM {raw} WHERE id = 5", "INSERT INTO {raw} VALUES (7, 'x', NULL)"])
def test_a_replace_that_was_cut_off_is_one_whatever_was_changed_by_hand_since(lake: Lake, change: str) -> None:
    first = spec_of(lake, "first", "1,a", write="append")
    lake.load(**first)
    break_at(lake, POINTS["publish"], "cut")
    assert broken(lake, spec_of(lake, "cut", "5,e\n6,f", write="replace")) is None
    lake.faults()
    lake.query(change)
    held = lake.rows()
    lake.load(**first)
    assert lake.rows() == sorted([(1, "a"), *held])


def test_where_the_record_of_loads_is_gone_a_file_is_known_as_it_last_came(lake: Lake) -> None:
    """Loads are recorded again in the order in which they came, and not in that of their ids."""
    grow = {"write": {**APPEND, "onFileChange": "append"}, "csv": {"path": str(lake.folder / "*.csv")}}
    lines = "id,v\n"
    for number in range(1, 6):
        lake.write(lines := f"{lines}{number},a\n", "a.csv")
        if number > 1:
            lake.faults({**NOT_DONE, "statement": r"^DELETE FROM \S+_freshet_files` .* AND path IN"}, GONE)
        assert (broken(lake, grow) is None) == (number > 1)
        lake.faults()
    lake.query("DROP TABLE {_freshet_loads}")
    lake.write(lines + "6,a\n", "a.csv")
    lake.load(**grow)
    assert lake.rows() == [(number, "a") for number in range(1, 7)]


def test_of_a_table_made_anew_by_hand_no_file_is_on_record(lake: Lake) -> None:
    """So that none stays out for good which is not there."""
    spec = {"csv": {"path": str(lake.folder / "*.csv")}, "write": APPEND}
    lake.write("id,v\n1,a\n", "a.csv")
    lake.write("id,v\n2,b\n", "b.csv")
    lake.load(**spec)
    lake.query("CREATE OR REPLACE TABLE {raw} AS SELECT id, v FROM {raw} WHERE id = 3")
    (lake.folder / "b.csv").unlink()
    lake.load(**{**spec, "write": {**APPEND, "adopt": True}})
    lake.write("id,v\n2,b\n", "b.csv")
    lake.load(**spec)
    assert lake.rows() == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("way", ["refused", "killed before"])
def test_a_replace_that_publishes_nothing_leaves_the_record_of_what_append_took(lake: Lake, way: str) -> None:
    first = spec_of(lake, "first", "1,a", write="append", adopt=True)
    lake.load(**first)
    if way == "refused":
        lake.faults({**NOT_DONE, "statement": POINTS["publish"]})
    else:
        lake.faults({**NOT_DONE, "statement": POINTS["publish"]}, GONE)
    with pytest.raises(WorkloadError):
        lake.load(**spec_of(lake, "second", "2,b", write="replace"))
    lake.faults()
    told = lake.load(**first)
    assert (told["rows"], lake.rows()) == (1, [(1, "a")])


def test_what_append_took_before_a_replace_comes_again_also_where_that_was_cut_off_at_its_end(lake: Lake) -> None:
    first = spec_of(lake, "first", "1,a", write="append")
    lake.load(**first)
    lake.faults({**NOT_DONE, "statement": r"^DELETE FROM \S+_freshet_files` .* IN \(SELECT l\."}, GONE)
    with pytest.raises(WorkloadError):
        lake.load(**spec_of(lake, "second", "2,b", write="replace"))
    lake.faults()
    assert lake.rows() == [(2, "b")]
    lake.load(**first)
    lake.load(**spec_of(lake, "third", "3,c", write="append"))
    assert lake.rows() == [(1, "a"), (2, "b"), (3, "c")]
    assert not lake.load(**first)["changed"]
