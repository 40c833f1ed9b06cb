"""append, replace and merge: what is in the table afterwards, which version it has, and when nothing happens."""

import msgspec
import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import APPEND, MERGE

from freshet.workloads.count import count_rows
from freshet.workloads.errors import ConfigError, InputError
from freshet.workloads.spec import CountSpec


def test_replace_holds_the_file(world: World) -> None:
    world.write("id,name\n1,a\n2,b\n")
    first = world.load()
    assert (first["changed"], first["rows"], first["rowsIn"], first["rowsLoaded"]) == (True, 2, 2, 2)
    world.write("id,name\n3,c\n")
    second = world.load()
    assert world.rows() == [(3, "c")]
    assert second["version"] != first["version"]
    assert (second["rows"], second["previousRows"]) == (1, 2)


def test_merge_updates_adds_and_never_deletes(world: World) -> None:
    world.write("id,name\n1,a\n2,b\n")
    world.load(write=MERGE)
    world.write("id,name\n2,B\n3,c\n")
    result = world.load(write=MERGE)
    assert world.rows() == [(1, "a"), (2, "B"), (3, "c")]
    assert (result["rowsIn"], result["rowsLoaded"], result["rows"]) == (2, 2, 3)


def test_merge_of_the_same_rows_in_another_order_makes_no_version(world: World) -> None:
    world.write("id,name\n1,a\n2,b\n3,\n")
    first = world.load(write=MERGE)
    world.write("id,name\n3,\n2,b\n1,a\n")
    second = world.load(write=MERGE)
    assert (second["changed"], second["rowsLoaded"]) == (False, 0)
    assert (second["version"], second["updatedAt"]) == (first["version"], first["updatedAt"])
    assert second["fingerprint"] != first["fingerprint"]
    assert world.load(write=MERGE)["message"].startswith("The input is unchanged")


def test_append_takes_a_path_and_content_once(world: World) -> None:
    glob = {"path": str(world.folder / "day-*.csv")}
    world.write("id\n1\n", "day-1.csv")
    first = world.load(csv=glob, write=APPEND)
    world.write("id\n1\n", "day-2.csv")
    second = world.load(csv=glob, write=APPEND)
    assert world.rows() == [(1,), (1,)]
    assert second["rowsIn"] == 1
    assert second["version"] != first["version"]
    (world.folder / "day-1.csv").unlink()
    third = world.load(csv=glob, write=APPEND)
    assert (third["changed"], third["version"], third["rows"]) == (False, second["version"], 2)


def test_append_refuses_a_file_that_changed(world: World) -> None:
    world.write("id\n1\n")
    world.load(write=APPEND)
    world.write("id\n1\n2\n")
    with pytest.raises(InputError) as caught:
        world.load(write=APPEND)
    assert caught.value.reason == "FileChanged"
    assert world.rows() == [(1,)]


@pytest.mark.parametrize("write", [APPEND, MERGE, {"disposition": "replace"}])
def test_the_same_file_again_is_a_no_op_even_without_the_last_result(world: World, write: dict[str, object]) -> None:
    world.write("id,name\n1,a\n")
    first = world.load(write=write)
    again = world.load(write=write)
    assert (again["changed"], again["version"], again["updatedAt"]) == (False, first["version"], first["updatedAt"])
    assert again["dataTime"] > first["dataTime"]
    assert "unchanged" in again["message"]
    assert world.rows("SELECT count(*) FROM kw._freshet_loads") == [(1,)]


def test_with_the_last_result_the_warehouse_is_not_even_opened(world: World) -> None:
    world.write("id,name\n1,a\n")
    first = world.load(checks={"rows": {"minimum": 1}})
    world.path.write_bytes(b"not a warehouse any more")
    again = world.load(last=first, checks={"rows": {"minimum": 5}})
    assert (again["changed"], again["version"], again["rows"]) == (False, first["version"], 1)
    assert again["dataTime"] > first["dataTime"]
    assert [check["passed"] for check in again["checks"]] == [False]


def test_a_last_result_that_is_an_error_or_of_another_input_is_not_believed(world: World) -> None:
    world.write("id,name\n1,a\n")
    first = world.load()
    assert "not opened" not in world.load(last={**first, "error": {"reason": "X"}})["message"]
    world.write("id,name\n1,b\n")
    assert world.load(last=first)["changed"]


def test_a_table_dropped_by_hand_is_loaded_anew(world: World) -> None:
    world.write("id,name\n1,a\n")
    first = world.load(write=APPEND)
    world.do("DROP TABLE kw.raw")
    again = world.load(write=APPEND)
    assert again["changed"]
    assert again["version"] != first["version"]
    assert world.rows() == [(1, "a")]


def test_rows_changed_by_hand_are_told_as_they_are(world: World) -> None:
    world.write("id,name\n1,a\n2,b\n")
    world.load()
    world.do("DELETE FROM kw.raw WHERE id = 1")
    again = world.load()
    assert again["rows"] == 1
    assert "changed by hand" in again["message"]


def test_a_table_that_is_not_ours_is_refused_unless_adopted(world: World) -> None:
    world.do("CREATE SCHEMA kw; CREATE TABLE kw.raw (id BIGINT, name VARCHAR); INSERT INTO kw.raw VALUES (7, 'x')")
    world.write("id,name\n1,a\n")
    with pytest.raises(ConfigError) as caught:
        world.load(write=APPEND)
    assert caught.value.reason == "TableNotOurs"
    world.load(write={**APPEND, "adopt": True})
    assert world.rows() == [(1, "a"), (7, "x")]


def test_files_that_were_merged_come_again_where_a_source_becomes_append(world: World) -> None:
    world.write("id,name\n1,a\n")
    world.load(write=MERGE)
    assert world.load(write=APPEND)["rows"] == 2
    assert not world.load(write=APPEND)["changed"]


def test_a_view_in_the_table_s_place_is_refused(world: World) -> None:
    world.do("CREATE SCHEMA kw; CREATE VIEW kw.raw AS SELECT 1 AS id")
    world.write("id\n1\n")
    with pytest.raises(InputError) as caught:
        world.load()
    assert caught.value.reason == "NotATable"


def test_a_changed_spec_loads_again(world: World) -> None:
    world.write("id;name\n1;a\n")
    world.load()
    result = world.load(csv={"delimiter": ";"})
    assert result["changed"]
    assert world.rows("SELECT id, name FROM kw.raw") == [(1, "a")]


def test_a_file_named_like_its_schema_is_loaded_and_counted(world: World) -> None:
    """To DuckDB ``kw.raw`` in a file kw.duckdb may be a table of the catalog or of the schema."""
    warehouse = {"duckdb": {"path": str(world.folder / "kw.duckdb"), "schema": "kw", "lockTimeout": 20}}
    for text, rows in (("id,v\n1,a\n", 1), ("id,v\n1,b\n2,c\n", 2)):
        world.write(text)
        write = {"disposition": "merge", "primaryKey": ["id"]}
        assert world.load(warehouse=warehouse, write=write)["rows"] == rows
    for relation in ("raw", "kw.raw", "kw.kw.raw"):
        spec = msgspec.convert({"warehouse": warehouse, "relation": relation}, CountSpec)
        assert count_rows(spec)["rows"] == 2
