"""What is in a load's way: tables that others made, a record that is gone, another asset's rows. Nothing is written."""

from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.lake import Lake
from tests.parts.workloads.test_taken_up import PUBLISH, bad, cut_off, found
from tests.parts.workloads.writes import APPEND

from freshet.workloads.errors import WorkloadError


@pytest.fixture(params=["world", "lake"])
def place(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def do(place: World | Lake, statement: str) -> None:
    """``{raw}`` and the like stand for tables of the schema."""
    if isinstance(place, Lake):
        place.query(statement)
    else:
        place.do(statement.replace("{", "kw.").replace("}", ""))


def held(place: World | Lake) -> list[tuple[Any, ...]]:
    return place.rows() if isinstance(place, Lake) else place.rows("SELECT id, v FROM kw.raw ORDER BY ALL")


def refused(place: World | Lake, *, match: str, **spec: Any) -> None:
    with pytest.raises(WorkloadError, match=match) as caught:
        place.load(**spec)
    assert (caught.value.reason, caught.value.exit_code) == ("TableNotOurs", 2)


@pytest.mark.parametrize(
    "theirs", ["x INT", "load_id VARCHAR, path VARCHAR, line VARCHAR, reason VARCHAR, raw VARCHAR"]
)
@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_a_table_of_others_where_bad_rows_go_is_named(place: World | Lake, disposition: str, theirs: str) -> None:
    spec: dict[str, Any] = {
        "csv": {"path": str(place.folder / "*.csv"), "schema": {"id": "BIGINT"}},
        "write": APPEND,
        "onBadRows": "quarantine",
    }
    place.write("id,v\n1,a\n", "a.csv")
    place.load(**spec)
    do(place, f"CREATE TABLE {{raw__rejected}} ({theirs})")
    place.write("id,v\n2,b\nx,c\n", "b.csv")
    refused(place, match=r"The table \S+raw__rejected .* rename it", **spec)
    assert held(place) == [(1, "a")]
    do(place, "DROP TABLE {raw__rejected}")
    assert place.load(**spec)["rowsRejected"] == 1
    assert held(place) == [(1, "a"), (2, "b")]


def test_it_may_have_further_columns(place: World | Lake) -> None:
    spec: dict[str, Any] = {"csv": {"schema": {"id": "BIGINT"}}, "onBadRows": "quarantine"}
    place.write("id,v\n1,a\nx,b\n")
    place.load(**spec)
    do(place, "ALTER TABLE {raw__rejected} ADD COLUMN seen_by VARCHAR")
    place.write("id,v\n1,a\ny,b\n")
    assert place.load(**spec)["rowsRejected"] == 1


def several(place: World | Lake, *, write: dict[str, Any] = APPEND) -> dict[str, Any]:
    """The spec of all files, of which one was loaded; another has come since."""
    spec: dict[str, Any] = {"csv": {"path": str(place.folder / "*.csv")}, "write": write}
    place.write("id,v\n1,a\n", "a.csv")
    place.load(**spec)
    place.write("id,v\n2,b\n", "b.csv")
    return spec


@pytest.mark.parametrize("adopt", [False, True])
def test_a_table_is_its_own_by_whichever_case_its_name_is_written(place: World | Lake, adopt: bool) -> None:
    """To warehouses it is one table, and so it is to the record of loads and of files."""
    spec = several(place, write={**APPEND, "adopt": adopt})
    assert place.load(table="Raw", **spec)["rows"] == 2
    assert not place.load(table="RAW", **spec)["changed"]
    assert held(place) == [(1, "a"), (2, "b")]


def test_a_table_made_anew_by_hand_takes_no_file_again_by_itself(lake: Lake) -> None:
    """Its rows do not name their loads any more, so that nobody knows which are there."""
    spec = several(lake)
    lake.query("CREATE OR REPLACE TABLE {raw} AS SELECT id, v FROM {raw}")
    refused(lake, match="made anew by others .* set write.adopt to append them all", **spec)
    assert lake.rows() == [(1, "a")]
    adopted = {**spec, "write": {**APPEND, "adopt": True}}
    assert lake.load(**adopted)["rows"] == 3
    lake.write("id,v\n3,c\n", "c.csv")
    assert lake.load(**spec)["rows"] == 4, "from then on the rows name their loads"
    assert lake.rows() == [(1, "a"), (1, "a"), (2, "b"), (3, "c")]


def test_one_in_duckdb_has_the_files_that_are_on_record(world: World) -> None:
    spec = several(world)
    world.do("CREATE OR REPLACE TABLE kw.raw AS FROM kw.raw")
    assert world.load(**spec)["rows"] == 2


@pytest.mark.parametrize("write", [{"disposition": "merge", "primaryKey": ["id"]}, {"disposition": "replace"}])
def test_where_rows_are_not_added_it_is_loaded_as_before(lake: Lake, write: dict[str, Any]) -> None:
    spec = several(lake, write=write)
    lake.query("CREATE OR REPLACE TABLE {raw} AS SELECT id, v FROM {raw}")
    assert lake.load(**spec)["rows"] == 2


@pytest.mark.parametrize(
    "meanwhile", ["nothing", "a load of another table", "a merge", "the record was an earlier one"]
)
def test_nothing_is_appended_where_the_record_of_files_is_gone(place: World | Lake, meanwhile: str) -> None:
    """Also where it was begun anew since, by whoever loads into the schema."""
    spec = several(place)
    do(place, "DROP TABLE {_freshet_files}")
    if meanwhile == "a load of another table":
        place.load(table="other", asset="other", csv={"path": str(place.folder / "a.csv")})
    elif meanwhile == "a merge":
        place.load(write={"disposition": "merge", "primaryKey": ["id"]}, csv={"path": str(place.folder / "a.csv")})
    elif meanwhile == "the record was an earlier one":
        do(place, "ALTER TABLE {_freshet_loads} DROP COLUMN files_taken")
    for _ in range(2):
        refused(place, match="_freshet_files, names no file .* set write.adopt to append them all", **spec)
    assert held(place) == [(1, "a")]
    assert place.load(**{**spec, "write": {**APPEND, "adopt": True}})["rows"] == 3
    place.write("id,v\n3,c\n", "c.csv")
    assert place.load(**spec)["rows"] == 4


def test_a_table_that_is_emptied_with_it_is_begun_anew(place: World | Lake) -> None:
    spec = several(place)
    do(place, "DROP TABLE {_freshet_files}")
    do(place, "DELETE FROM {raw}")
    assert place.load(**spec)["rows"] == 2


def test_nothing_is_appended_where_the_record_of_loads_is_gone(world: World) -> None:
    spec = several(world)
    world.do("DROP TABLE kw._freshet_loads")
    refused(world, match="freshet did not make it", **spec)
    assert held(world) == [(1, "a")]
    assert world.load(**{**spec, "write": {**APPEND, "adopt": True}})["rows"] == 2, "files on record stay out"


def test_a_table_of_which_files_alone_are_on_record_has_nothing_to_tell(world: World) -> None:
    spec = {**several(world), "write": {**APPEND, "adopt": True}}
    world.do("DROP TABLE kw._freshet_loads")
    world.write("id,v\n", "b.csv")
    refused(world, match="no load of them is on record any more", **spec)
    assert held(world) == [(1, "a")]


@pytest.mark.parametrize("first", [{"disposition": "merge", "primaryKey": ["id"]}, {"disposition": "replace"}])
def test_a_source_that_becomes_append_has_no_such_record_yet(place: World | Lake, first: dict[str, Any]) -> None:
    several(place, write=first)
    assert place.load(csv={"path": str(place.folder / "b.csv")}, write=APPEND)["rows"] == 2


def of(place: World | Lake, asset: str, *, adopt: bool = False, **more: Any) -> dict[str, Any]:
    """The spec of an asset whose file has its name, into the table of all."""
    csv = {"path": str(place.folder / f"{asset}.csv"), "schema": {"id": "BIGINT"}}
    return {"asset": asset, "csv": csv, "write": {**APPEND, "adopt": adopt}, "onBadRows": "drop", **more}


@pytest.mark.parametrize("write", [APPEND, {"disposition": "merge", "primaryKey": ["id"]}, {"disposition": "replace"}])
def test_a_table_that_another_asset_loads_is_left_alone(place: World | Lake, write: dict[str, Any]) -> None:
    for asset in ("a", "b"):
        place.write("id,v\n1,x\n", f"{asset}.csv")
    first = place.load(**of(place, "a"))
    refused(
        place, match="last loaded by the asset a: give the source of b another table", **of(place, "b", write=write)
    )
    again = place.load(**of(place, "a"))
    assert (again["changed"], again["version"], held(place)) == (False, first["version"], [(1, "x")])


def test_one_written_in_another_case_is_the_same_in_databricks(lake: Lake) -> None:
    replace = {"disposition": "replace"}
    for asset in ("a", "b"):
        lake.write(f"id,v\n1,{asset}\n", f"{asset}.csv")
    lake.load(**of(lake, "a", write=replace))
    refused(lake, match="last loaded by the asset a", **of(lake, "b", write=replace, table="RAW"))
    assert lake.rows() == [(1, "a")]


def test_assets_that_share_a_table_tell_each_their_own(place: World | Lake) -> None:
    place.write("id,v\n1,a\n", "a.csv")
    place.write("id,v\n2,b\nx,c\n", "b.csv")
    place.load(**of(place, "a", adopt=True))
    shared = place.load(**of(place, "b", adopt=True))
    assert (shared["rows"], shared["rowsRejected"]) == (2, 1)
    told = place.load(**of(place, "a", adopt=True))
    assert (told["changed"], told["version"], told["rows"]) == (False, shared["version"], 2), "the table moved"
    assert (told["rowsIn"], told["rowsRejected"], told["samples"]) == (1, 0, None)
    assert place.load(**of(place, "b", adopt=True))["rowsRejected"] == 1
    place.write("id,v\n3,d\n", "a2.csv")
    more = place.load(**of(place, "a", adopt=True, csv={"path": str(place.folder / "a*.csv")}))
    assert (more["rows"], more["rowsIn"], more["rowsRejected"]) == (3, 1, 0)
    assert held(place) == [(1, "a"), (2, "b"), (3, "d")]


def test_an_asset_that_was_renamed_adopts_its_table(place: World | Lake) -> None:
    place.write("id,v\n1,a\n", "a.csv")
    place.load(**of(place, "a"))
    renamed = of(place, "a") | {"asset": "b", "csv": {"path": str(place.folder / "*.csv")}}
    refused(place, match="that is the asset's former name", **renamed)
    place.write("id,v\n2,b\n", "b.csv")
    assert place.load(**{**renamed, "write": {**APPEND, "adopt": True}})["rows"] == 2
    place.write("id,v\n3,c\n", "c.csv")
    assert place.load(**renamed)["rows"] == 3, "the newest load is its own by now"
    assert place.load(**{**renamed, "asset": ""})["rows"] == 3, "a spec at a terminal may name none"


@pytest.mark.parametrize("adopt", [True, False])
def test_what_was_cut_off_is_told_by_the_asset_that_it_was_of(lake: Lake, adopt: bool) -> None:
    """Whoever looks first; and its rows are not taken out by another's look."""
    lake.write("id,v\n1,a\nx,c\n", "a.csv")
    lake.write("id,v\n2,b\n", "b.csv")
    cut_off(lake, PUBLISH, of(lake, "a", adopt=adopt))
    if adopt:
        assert lake.load(**of(lake, "b", adopt=True))["rowsIn"] == 1
    else:
        refused(lake, match="last loaded by the asset a", **of(lake, "b"))
    told = lake.load(**of(lake, "a", adopt=adopt))
    assert (told["rows"], *found(told)) == (1 + adopt, 2, 1, bad(3))
    assert lake.rows() == [(1, "a"), (2, "b")][: 1 + adopt]
