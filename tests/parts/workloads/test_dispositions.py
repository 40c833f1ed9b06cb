"""append, replace and merge: what is in the table afterwards, which version it has, and when nothing happens."""

import msgspec
import pytest
from tests.parts.workloads.conftest import World

from freshet.workloads.count import count_rows
from freshet.workloads.duckdb_warehouse import DuckDbWarehouse
from freshet.workloads.errors import ConfigError, DataRefused, InputError
from freshet.workloads.spec import CountSpec

MERGE = {"disposition": "merge", "primaryKey": ["id"]}
APPEND = {"disposition": "append"}


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


def test_merge_with_a_key_of_several_columns_and_nothing_else(world: World) -> None:
    world.write("a,b\n1,x\n1,y\n")
    key = {"disposition": "merge", "primaryKey": ["a", "b"]}
    world.load(write=key)
    world.write("a,b\n1,y\n2,y\n")
    assert world.load(write=key)["rowsLoaded"] == 1
    assert world.rows() == [(1, "x"), (1, "y"), (2, "y")]


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


@pytest.mark.parametrize(
    ("columns", "key", "held"),
    [
        ("id,g,v\n3,x,c\n", "g", [(1, "x", "a"), (2, "x", "b"), (3, "y", "c")]),
        ("id,g,v\n1,x,a\n3,y,C\n", "g", [(1, "x", "a"), (2, "x", "b"), (3, "y", "c")]),
        ("g\nx\n", "g", [(1, "x", "a"), (2, "x", "b"), (3, "y", "c")]),
    ],
)
def test_a_table_that_holds_a_key_twice_takes_no_rows_by_it(
    world: World, columns: str, key: str, held: list[tuple[int, str, str]]
) -> None:
    """Else one row would be written over several, or beside rows that nobody knows apart."""
    world.write("id,g,v\n1,x,a\n2,x,b\n3,y,c\n")
    world.load(write=MERGE)
    world.write(columns)
    with pytest.raises(InputError, match=r"more than one row of the same key \(g\), nothing was published") as caught:
        world.load(write={"disposition": "merge", "primaryKey": [key]})
    assert caught.value.reason == "DuplicateKeysInTable"
    assert world.rows() == held
    assert world.rows("SELECT count(*) FROM kw._freshet_loads") == [(1,)]
    assert world.rows("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%incoming%'") == []


def test_other_rows_of_such_a_table_may_be_merged(world: World) -> None:
    world.write("id,g,v\n1,x,a\n2,x,b\n")
    world.load(write=MERGE)
    world.write("id,g,v\n3,z,c\n")
    world.load(write={"disposition": "merge", "primaryKey": ["g"]})
    assert world.rows() == [(1, "x", "a"), (2, "x", "b"), (3, "z", "c")]


def test_files_that_were_merged_come_again_where_a_source_becomes_append(world: World) -> None:
    world.write("id,name\n1,a\n")
    world.load(write=MERGE)
    assert world.load(write=APPEND)["rows"] == 2
    assert not world.load(write=APPEND)["changed"]


@pytest.mark.parametrize("bad", [100, 101])
def test_lines_of_keys_are_right_or_not_told(world: World, bad: int) -> None:
    """Of dropped rows the first hundred are known by their lines."""
    world.write("id,name\n" + "x,b\n" * bad + "1,a\n2,b\n1,c\n")
    declared = {"schema": {"id": "BIGINT"}}
    with pytest.raises(DataRefused) as caught:
        world.load(csv=declared, write=MERGE, onBadRows="drop")
    lines = [sample.line for sample in caught.value.samples]
    assert (caught.value.reason, lines) == ("DuplicateKeys", [102, 104] if bad == 100 else [])
    assert ("first seen in lines 102, 104" in caught.value.message) == (bad == 100)
    world.write("id,name\n" + "x,b\n" * bad + "1,a\n,c\n")
    with pytest.raises(DataRefused) as caught:
        world.load(csv=declared, write=MERGE, onBadRows="drop")
    lines = [sample.line for sample in caught.value.samples]
    assert (caught.value.reason, lines) == ("KeyMissing", [103] if bad == 100 else [])
    assert ("first in line 103" in caught.value.message) == (bad == 100)


@pytest.mark.parametrize(
    ("bad", "good", "more", "says"),
    [
        (2, 1, {"onBadRows": "drop", "maximumBadRows": 1}, r"more than maximumBadRows \(1\) tolerates"),
        (2, 0, {"onBadRows": "drop"}, "none is left to load"),
        (
            10_001,
            1,
            {"onBadRows": "quarantine", "maximumBadRows": 50_000},
            "more than the 10,000 that can be quarantined",
        ),
        (10_001, 1, {"onBadRows": "quarantine"}, "more than the 10,000 that can be quarantined"),
    ],
)
def test_too_many_bad_rows_are_told_with_the_limit_that_they_pass(
    world: World, bad: int, good: int, more: dict[str, object], says: str
) -> None:
    world.write("id,name\n" + "x,b\n" * bad + "1,a\n" * good)
    with pytest.raises(DataRefused, match=says) as caught:
        world.load(csv={"schema": {"id": "BIGINT"}}, **more)
    assert caught.value.reason == "TooManyBadRows"


def test_a_view_in_the_table_s_place_is_refused(world: World) -> None:
    world.do("CREATE SCHEMA kw; CREATE VIEW kw.raw AS SELECT 1 AS id")
    world.write("id\n1\n")
    with pytest.raises(InputError) as caught:
        world.load()
    assert caught.value.reason == "NotATable"


def test_new_columns_are_added_and_missing_ones_stay_empty(world: World) -> None:
    world.write("id,name\n1,a\n")
    world.load(write=MERGE)
    world.write("id,level\n1,9\n2,8\n")
    world.load(write=MERGE)
    assert world.rows("SELECT id, name, level FROM kw.raw ORDER BY id") == [(1, "a", 9), (2, None, 8)]


def test_a_changed_schema_is_refused_where_a_person_decides(world: World) -> None:
    world.write("id,name\n1,a\n")
    world.load(write=MERGE)
    world.write("id,level\n1,9\n")
    with pytest.raises(InputError) as caught:
        world.load(write=MERGE, onSchemaChange="fail")
    assert caught.value.reason == "SchemaChanged"
    assert "new: level; gone: name" in caught.value.message


def test_a_declared_type_that_contradicts_the_table_is_refused(world: World) -> None:
    world.write("id,name\n1,a\n")
    world.load(write=MERGE)
    with pytest.raises(ConfigError) as caught:
        world.load(write=MERGE, csv={"schema": {"id": "VARCHAR"}})
    assert caught.value.reason == "SchemaConflict"


def test_duplicate_keys_name_columns_count_and_lines(world: World) -> None:
    world.write('id,name\n1,a\n2,"b\nb"\n1,c\n\n2,d\n3,e\n')
    with pytest.raises(DataRefused) as caught:
        world.load(write=MERGE)
    assert caught.value.reason == "DuplicateKeys"
    assert "2 rows repeat the primary key (id)" in caught.value.message
    assert "lines 2, 3, 5" in caught.value.message
    assert not world.path.exists()


def test_keep_last_takes_the_last_row_of_each_key(world: World) -> None:
    world.write("id,name\n1,a\n2,b\n1,c\n")
    result = world.load(write={**MERGE, "onDuplicateKey": "keepLast"})
    assert world.rows() == [(1, "c"), (2, "b")]
    assert (result["rowsIn"], result["rowsLoaded"]) == (3, 2)


@pytest.mark.parametrize(("rule", "left"), [("keepLast", [(1, 0), (2, 1)]), ("quarantine", [(2, 1)])])
def test_a_column_may_be_called_as_duckdb_calls_its_counter(
    world: World, rule: str, left: list[tuple[int, int]]
) -> None:
    world.write("id,File_Row_Number\n1,9\n2,1\n1,0\n")
    world.load(write={**MERGE, "onDuplicateKey": rule})
    assert world.rows("SELECT id, file_row_number FROM kw.raw ORDER BY id") == left
    with pytest.raises(DataRefused, match="lines 2, 4"):
        world.load(write=MERGE)


def test_an_empty_key_is_refused(world: World) -> None:
    world.write("id,name\n1,a\n,b\n")
    with pytest.raises(DataRefused) as caught:
        world.load(write=MERGE)
    assert caught.value.reason == "KeyMissing"
    assert caught.value.samples[0].line == 3


def test_checks_and_data_time(world: World) -> None:
    checks = {"rows": {"minimum": 2, "maximumDropPercent": 20}}
    world.write("id,at\n1,2026-01-01T00:00:00Z\n2,2026-01-02T00:00:00Z\n3,2026-01-01T00:00:00Z\n")
    first = world.load(dataTimeColumn="at", checks=checks)
    assert first["dataTime"] == "2026-01-02T00:00:00.000000Z"
    assert [check["passed"] for check in first["checks"]] == [True, True]
    world.write("id,at\n1,2026-01-03T00:00:00Z\n")
    second = world.load(dataTimeColumn="at", checks=checks)
    assert [check["passed"] for check in second["checks"]] == [False, False]
    again = world.load(dataTimeColumn="at", checks=checks)
    assert again["checks"] == second["checks"]
    assert again["dataTime"] == second["dataTime"]


@pytest.mark.parametrize("values", ["2024-9-1 2024-10-1", "9am 10am"])
def test_the_data_time_is_not_read_out_of_text(world: World, values: str) -> None:
    """Whose greatest is not its newest."""
    world.write("id,at\n1,2024-09-01\n")
    world.load(dataTimeColumn="at")
    world.do("DROP TABLE kw.raw")
    world.write("id,at\n" + "".join(f"1,{value}\n" for value in values.split()))
    with pytest.raises(
        ConfigError, match=r"dataTimeColumn at of kw.raw is VARCHAR: name a column of type DATE"
    ) as caught:
        world.load(dataTimeColumn="at")
    assert caught.value.reason == "DataTimeColumnType"
    assert world.rows("SELECT count(*) FROM duckdb_tables() WHERE NOT starts_with(table_name, '_')") == [(0,)]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"])
def test_a_table_that_is_adopted_may_hold_times_of_any_precision(world: World, kind: str) -> None:
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw AS SELECT 1::BIGINT AS id, '2026-01-02'::{kind} AS at")
    world.write("id\n2\n")
    told = world.load(dataTimeColumn="at", write={"disposition": "append", "adopt": True})
    assert told["dataTime"] == "2026-01-02T00:00:00.000000Z"


def test_another_data_time_column_is_asked_for_at_once(world: World) -> None:
    """Also where ``append`` has nothing new to load."""
    world.write("id,a,b\n1,2026-01-01,2026-01-05\n")
    write = {"disposition": "append"}
    first = world.load(write=write)
    found = {column: world.load(write=write, dataTimeColumn=column) for column in ("a", "b")}
    assert [told["dataTime"] for told in found.values()] == [f"2026-01-0{day}T00:00:00.000000Z" for day in (1, 5)]
    assert {(told["changed"], told["version"]) for told in found.values()} == {(False, first["version"])}
    for column, reason in (("nope", "DataTimeColumnMissing"), ("id", "DataTimeColumnType")):
        with pytest.raises(ConfigError) as caught:
            world.load(write=write, dataTimeColumn=column)
        assert caught.value.reason == reason
    world.path.unlink()
    assert world.load(write=write, dataTimeColumn="b", last=found["b"])["dataTime"] == found["b"]["dataTime"]


def test_the_data_time_that_is_asked_for_is_that_of_the_version_that_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another load comes between, the table is looked at again."""
    world.write("id,at\n1,2026-01-01\n")
    csv, write = {"path": str(world.folder / "*.csv")}, {"disposition": "append"}
    world.load(csv=csv, write=write)
    tidy = DuckDbWarehouse.tidy

    def overtaken(warehouse: DuckDbWarehouse) -> None:
        monkeypatch.setattr(DuckDbWarehouse, "tidy", tidy)
        world.write("id,at\n2,2026-01-02\n", "more.csv")
        world.load(csv=csv, write=write)

    monkeypatch.setattr(DuckDbWarehouse, "tidy", overtaken)
    told = world.load(csv=csv, write=write, dataTimeColumn="at")
    assert (told["rows"], told["dataTime"]) == (2, "2026-01-02T00:00:00.000000Z")
    assert told["version"] == world.rows("SELECT load_id FROM kw._freshet_loads WHERE rows = 2")[0][0]


@pytest.mark.parametrize("odd", ["20262-01-01", "0001-01-01 (BC)", "infinity"])
def test_a_table_may_hold_a_time_of_a_year_that_python_lacks(world: World, odd: str) -> None:
    world.write("id,at\n1,2026-01-01\n2,2026-01-02\n")
    world.load(write=MERGE)
    world.do(f"UPDATE kw.raw SET \"at\" = '{odd}' WHERE id = 1")
    world.write("id,at\n3,2026-01-03\n")
    assert world.load(write=MERGE, dataTimeColumn="at")["dataTime"] == "2026-01-03T00:00:00.000000Z"


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


def test_rows_that_share_a_key_may_be_set_aside(world: World) -> None:
    world.write("id,name\n1,a\n2,b\nx,y\n2,c\n3,d\n")
    write = {**MERGE, "onDuplicateKey": "quarantine"}
    csv = {"schema": {"id": "BIGINT"}}
    told = world.load(csv=csv, write=write, onBadRows="drop")
    assert world.rows() == [(1, "a"), (3, "d")]
    assert (told["rowsIn"], told["rowsLoaded"], told["rowsRejected"]) == (5, 2, 3)
    aside = world.rows('SELECT line, "column", reason, raw FROM kw.raw__rejected ORDER BY line')
    assert aside == [(3, "id", "the key comes more than once", "2,b"), (5, "id", "the key comes more than once", "2,c")]
    with pytest.raises(DataRefused) as caught:
        world.load(csv={**csv, "nullStrings": ["-"]}, write=write, onBadRows="drop", maximumBadRows=2)
    assert (caught.value.reason, caught.value.rows_rejected) == ("TooManyBadRows", 3)


def test_a_type_never_changes_by_itself(world: World) -> None:
    """Not even where the table is replaced; what does not fit it is a bad row."""
    world.write("id,v\n1,2\n")
    world.load()
    world.write("id,v\n1,x\n2,3\n")
    told = world.load(onBadRows="drop")
    assert (world.rows(), told["rowsRejected"]) == ([(2, 3)], 1)
    world.write("id,v\n1,2.5\n2,3\n")
    world.load(csv={"schema": {"v": "DOUBLE"}})
    assert world.rows() == [(1, 2.5), (2, 3.0)]


def test_replacing_keeps_a_column_that_the_file_lacks_and_empties_it(world: World) -> None:
    world.write("id,v\n1,2\n")
    world.load()
    world.write("id,w\n1,x\n")
    with pytest.raises(InputError) as caught:
        world.load(onSchemaChange="fail")
    assert caught.value.reason == "SchemaChanged"
    world.load()
    assert world.rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'raw'") == [
        ("id",),
        ("w",),
        ("v",),
    ]
    assert world.rows("SELECT id, v, w FROM kw.raw") == [(1, None, "x")]
    with pytest.raises(ConfigError, match="dataTimeColumn v is not in"):
        world.load(dataTimeColumn="v")


@pytest.mark.parametrize("key", [["n"], ["day", "n"]])
def test_a_key_may_be_called_as_what_counts_it(world: World, key: list[str]) -> None:
    world.write("day,n,v\n1,0,a\n1,0,b\n1,1,c\n")
    with pytest.raises(DataRefused, match="1 rows repeat"):
        world.load(write={"disposition": "merge", "primaryKey": key})
    world.load(write={"disposition": "merge", "primaryKey": key, "onDuplicateKey": "keepLast"})
    assert world.rows() == [(1, 0, "b"), (1, 1, "c")]


def test_only_merge_takes_a_key(world: World) -> None:
    world.write("id\n1\n")
    with pytest.raises(msgspec.ValidationError, match="read by merge only"):
        world.load(write={"disposition": "append", "primaryKey": ["id"]})


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_file_that_a_glob_names_twice_is_loaded_once(world: World, encoding: str) -> None:
    (world.folder / "x" / "y").mkdir(parents=True)
    world.write("id\n1\n", "x/y/a.csv")
    told = world.load(csv={"path": f"{world.folder}/**/**/*.csv", "encoding": encoding})
    assert (world.rows(), told["bytes"]) == ([(1,)], 5)


def test_a_bad_row_of_several_files_is_told_with_its_file(world: World) -> None:
    world.write("id\n1\n", "a.csv")
    path = world.write("id\n1\nx\n", "b.csv")
    with pytest.raises(DataRefused, match=f"first in line 3 of {path}, column id"):
        world.load(csv={"path": f"{world.folder}/*.csv", "schema": {"id": "BIGINT"}})
