"""The data time of a table in DuckDB: its column, the years that it may be of, and when it is asked for."""

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import MERGE

from freshet.workloads.duckdb_warehouse import DuckDbWarehouse
from freshet.workloads.errors import ConfigError


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
