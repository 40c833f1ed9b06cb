"""Loads into and counts in Databricks, by the real connector and dlt, against the stand-in."""

import gzip
import json
import socket
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.parts.workloads.lake import Lake, environ_of
from tests.parts.workloads.telling import telling
from tests.support.secrecy import DATABRICKS_CLIENT_SECRET

from freshet.workloads import databricks_sql
from freshet.workloads.count import count_rows
from freshet.workloads.count_databricks import ask_databricks
from freshet.workloads.databricks_incoming import split
from freshet.workloads.databricks_sql import RETRIES
from freshet.workloads.errors import WorkloadError
from freshet.workloads.parquet import batches
from freshet.workloads.spec import CountSpec

MERGE = {"disposition": "merge", "primaryKey": ["id"]}
TYPES = {
    "TINYINT": ("-5", -5),
    "BIGINT": ("9007199254740993", 9007199254740993),
    "DOUBLE": ("0.1", 0.1),
    "DECIMAL(18,2)": ("1.50", Decimal("1.50")),
    "BOOLEAN": ("true", True),
    "DATE": ("2026-01-02", date(2026, 1, 2)),
    "TIME": ("10:11:12", "10:11:12"),
    "TIMESTAMP": ("2026-01-02T03:04:05.678901", datetime(2026, 1, 2, 3, 4, 5, 678901)),
    "TIMESTAMPTZ": ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
    "UUID": ("6f1b9c5e-0000-4000-8000-000000000001", "6f1b9c5e-0000-4000-8000-000000000001"),
    "VARCHAR": ("007", "007"),
}


def count(lake: Lake, relation: str, **more: Any) -> dict[str, Any]:
    warehouse = {"databricks": {"schema": lake.schema, "catalog": "main"}}
    with telling() as told:
        spec = msgspec.convert({"warehouse": warehouse, "relation": relation, **more}, CountSpec)
        return told(dict(count_rows(spec)))


def test_every_type_arrives_exactly_and_stays_what_it_is(lake: Lake) -> None:
    names = [f"c{at}" for at in range(len(TYPES))]
    schema = dict(zip(names, TYPES, strict=True))
    texts, values = zip(*TYPES.values(), strict=True)
    head = ",".join(["id", *names])
    lake.write(f"{head}\n1,{','.join(texts)}\n2{',' * len(names)}\n")
    lake.load(csv={"schema": schema}, write=MERGE)
    assert lake.rows(", ".join(names)) == sorted([values, (None,) * len(names)], key=str)
    lake.write(f"{head}\n1,{','.join(texts)}\n3,{','.join(texts)}\n")
    told = lake.load(csv={"schema": schema}, write=MERGE)
    assert (told["rows"], told["rowsLoaded"]) == (3, 1)


def test_an_unchanged_input_writes_nothing_and_with_the_last_result_asks_nothing(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    first = lake.load()
    lake.faults()
    second = lake.load()
    assert (second["changed"], second["version"], second["rows"]) == (False, first["version"], 1)
    assert [text for text in lake.asked() if not text.startswith(("SELECT", "OPEN"))] == []
    for last in (first, second):
        lake.faults()
        third = lake.load(last=last)
        assert lake.asked() == []
        assert (third["changed"], third["version"], third["rows"]) == (False, first["version"], 1)
    lake.write("id,v\n1,b\n")
    assert lake.load(last=first)["changed"]


def test_merging_the_same_rows_again_makes_no_version(lake: Lake) -> None:
    lake.write("id,v\n1,a\n2,b\n")
    first = lake.load(write=MERGE)
    lake.write("id,v\n2,b\n1,a\n")
    again = lake.load(write=MERGE)
    assert (again["changed"], again["version"], again["rowsLoaded"]) == (False, first["version"], 0)


def test_columns_come_and_go(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    lake.load(write=MERGE)
    lake.write("id,w\n1,2.5\n2,\n")
    lake.load(write=MERGE)
    assert lake.rows("id, v, w") == [(1, "a", 2.5), (2, None, None)]
    lake.write("id,v\n1,a\n")
    with pytest.raises(WorkloadError, match="onSchemaChange"):
        lake.load(write=MERGE, onSchemaChange="fail")


def test_a_table_that_is_not_ours_is_left_alone_unless_adopted(lake: Lake) -> None:
    lake.query(f'CREATE SCHEMA "main@"."{lake.schema}"; CREATE TABLE {{raw}} (id BIGINT, v VARCHAR)')
    lake.query("INSERT INTO {raw} VALUES (1, 'a')")
    lake.write("id,v\n1,b\n2,c\n")
    with pytest.raises(WorkloadError) as caught:
        lake.load(write=MERGE)
    assert (caught.value.reason, caught.value.exit_code) == ("TableNotOurs", 2)
    lake.load(write={**MERGE, "adopt": True})
    assert lake.rows() == [(1, "b"), (2, "c")]


@pytest.mark.parametrize("copied", [False, True])
def test_rows_of_loads_that_nobody_has_a_record_of_are_not_appended_to(lake: Lake, copied: bool) -> None:
    """A table was copied, or the record dropped: files that are in it would come again."""
    spec: dict[str, Any] = {"csv": {"path": str(lake.csv)}, "table": "copy" if copied else "raw"}
    lake.write("id,v\n1,a\n")
    lake.load(**{**spec, "table": "raw"}, write={"disposition": "append"})
    if copied:
        lake.query("CREATE TABLE {copy} AS FROM {raw}")
    else:
        lake.query("DROP TABLE {_freshet_loads}; DROP TABLE {_freshet_files}")
    with pytest.raises(WorkloadError, match="1 rows of loads that freshet has no record of") as caught:
        lake.load(**spec, write={"disposition": "append"})
    assert (caught.value.reason, caught.value.exit_code) == ("TableNotOurs", 2)
    assert lake.rows(table=spec["table"]) == [(1, "a")]
    assert lake.load(**spec, write={"disposition": "append", "adopt": True})["rows"] == 2


def test_a_record_of_which_half_was_dropped_is_made_whole(lake: Lake) -> None:
    """The notes of files tell which loads there were."""
    lake.write("id,v\n1,a\n")
    lake.load(write={"disposition": "append"})
    lake.query("DROP TABLE {_freshet_loads}")
    told = lake.load(write={"disposition": "append"})
    assert (told["changed"], told["rows"], lake.rows()) == (False, 1, [(1, "a")])


def test_bad_rows_go_beside_the_table(lake: Lake) -> None:
    lake.write("id,v\n1,a\nx,b\n3,c\n")
    told = lake.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine", maximumBadRows=1)
    assert (told["rows"], told["rowsRejected"], told["samples"]) == (
        2,
        1,
        [{"line": 3, "column": "id", "reason": "the value does not fit BIGINT"}],
    )
    assert lake.rows('line, "column", raw', table="raw__rejected") == [(3, "id", "x,b")]


@pytest.mark.parametrize("bad", [60, 10_000])
def test_many_bad_rows_go_beside_the_table(lake: Lake, bad: int) -> None:
    """A statement takes no more than 256 values."""
    lake.write("id,v\n1,a\n" + "".join(f"x,b{number}\n" for number in range(bad)))
    told = lake.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    assert (told["rows"], told["rowsRejected"]) == (1, bad)
    found = lake.query("SELECT load_id, line, raw FROM {raw__rejected} ORDER BY line")
    assert found == [(told["version"], number + 3, f"x,b{number}") for number in range(bad)]


@pytest.mark.parametrize(("column", "reason"), [("nope", "DataTimeColumnMissing"), ("id", "DataTimeColumnType")])
@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_a_data_time_column_that_is_none_is_said_before_anything_is_published(
    lake: Lake, disposition: str, column: str, reason: str
) -> None:
    lake.write("id,at\n1,2026-01-01\n", "1.csv")
    spec: dict[str, Any] = {"csv": {"path": str(lake.folder / "*.csv")}, "write": {"disposition": disposition}}
    lake.load(dataTimeColumn="at", **spec)
    lake.write("id,more,at\n2,x,2026-01-02\n", "2.csv")
    with pytest.raises(WorkloadError) as caught:
        lake.load(dataTimeColumn=column, **spec)
    assert (caught.value.reason, lake.rows("id")) == (reason, [(1,)])


def test_a_data_time_column_may_come_with_the_load_or_stay_in_the_table(lake: Lake) -> None:
    spec: dict[str, Any] = {"csv": {"path": str(lake.folder / "*.csv")}, "write": {"disposition": "append"}}
    lake.write("id\n1\n", "1.csv")
    lake.load(**spec)
    lake.write("id,at\n2,2026-01-02\n", "2.csv")
    told = lake.load(dataTimeColumn="at", **spec)
    lake.write("id\n3\n", "3.csv")
    again = lake.load(dataTimeColumn="at", **spec)
    assert told["dataTime"] == again["dataTime"] == "2026-01-02T00:00:00.000000Z"


def test_another_data_time_column_is_asked_for_at_once(lake: Lake) -> None:
    """Also where ``append`` has nothing new to load; and once."""
    lake.write("id,a,b\n1,2026-01-01,2026-01-05\n")
    write = {"disposition": "append"}
    first = lake.load(write=write)
    for column, day in (("a", 1), ("b", 5)):
        told = lake.load(write=write, dataTimeColumn=column)
        assert (told["changed"], told["version"], told["rows"]) == (False, first["version"], 1)
        assert told["dataTime"] == f"2026-01-0{day}T00:00:00.000000Z"
        lake.faults()
        again = lake.load(write=write, dataTimeColumn=column, last=told)
        assert (again["dataTime"], lake.asked()) == (told["dataTime"], [])


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
@pytest.mark.parametrize("odd", ["20262-01-01", "0001-01-01 (BC)"])
def test_a_time_of_a_year_that_python_lacks_stops_no_load_and_no_count(lake: Lake, kind: str, odd: str) -> None:
    spec: dict[str, Any] = {"csv": {"schema": {"at": kind}}, "write": {"disposition": "merge", "primaryKey": ["id"]}}
    lake.write("id,at\n1,2026-01-01 00:00:00Z\n2,2026-01-02 00:00:00Z\n")
    lake.load(**spec)
    lake.query(f"UPDATE {{raw}} SET \"at\" = '{odd}' WHERE id = 1")
    lake.write("id,at\n3,2026-01-03 00:00:00Z\n")
    told = lake.load(dataTimeColumn="at", **spec)
    found = count(lake, f"{lake.schema}.raw", dataTimeColumn="at")
    assert (found["rows"], found["dataTime"], told["dataTime"]) == (3, *["2026-01-03T00:00:00.000000Z"] * 2)


def test_a_mistyped_year_is_a_bad_row_that_the_mended_file_cures(lake: Lake) -> None:
    spec: dict[str, Any] = {"dataTimeColumn": "t", "write": {"disposition": "merge", "primaryKey": ["id"]}}
    lake.write("id,t\n1,2024-01-01 00:00:00\n")
    lake.load(**spec)
    lake.write("id,t\n1,2024-01-01 00:00:00\n2,20262-01-01 00:00:00\n")
    with pytest.raises(WorkloadError) as caught:
        lake.load(**spec)
    assert (caught.value.reason, lake.rows("id")) == ("BadRows", [(1,)])
    lake.write("id,t\n1,2024-01-01 00:00:00\n2,2026-01-01 00:00:00\n")
    assert lake.load(**spec)["dataTime"] == "2026-01-01T00:00:00.000000Z"


def test_a_dropped_table_is_loaded_anew(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    first = lake.load(write={"disposition": "append"})
    lake.query("DROP TABLE {raw}")
    again = lake.load(write={"disposition": "append"})
    assert lake.rows() == [(1, "a")]
    assert again["version"] != first["version"]


def test_the_data_time_and_the_checks_come_from_the_table(lake: Lake) -> None:
    lake.write("id,at\n1,2026-01-02T03:04:05Z\n2,2026-01-01T00:00:00Z\n")
    told = lake.load(dataTimeColumn="at", checks={"rows": {"minimum": 3}})
    assert (told["dataTime"], told["checks"][0]["passed"]) == ("2026-01-02T03:04:05.000000Z", False)
    found = count(lake, f"{lake.schema}.raw", dataTimeColumn="at", checks={"rows": {"maximum": 2}}, timeout=60)
    assert (found["rows"], found["dataTime"], found["checks"][0]["passed"]) == (2, told["dataTime"], True)


@pytest.mark.parametrize(
    ("relation", "column", "reason"),
    [
        ("nope", None, "RelationMissing"),
        ("nope.raw", None, "RelationMissing"),
        ("raw", "nope", "DataTimeColumnMissing"),
    ],
)
def test_a_count_names_what_is_missing(lake: Lake, relation: str, column: str | None, reason: str) -> None:
    lake.write("id,v\n1,a\n")
    lake.load()
    with pytest.raises(WorkloadError) as caught:
        count(lake, relation, dataTimeColumn=column)
    assert (caught.value.reason, caught.value.exit_code) == (reason, 2)


def test_a_view_whose_table_is_gone_is_no_view_that_is_missing(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    lake.load()
    lake.query("CREATE VIEW {v} AS SELECT * FROM {raw}; DROP TABLE {raw}")
    with pytest.raises(WorkloadError, match="what it is built from is missing") as caught:
        count(lake, "v")
    assert (caught.value.reason, caught.value.exit_code) == ("RelationBroken", 2)


@pytest.mark.parametrize(
    "error",
    [
        "[TABLE_OR_VIEW_NOT_FOUND] The table or view `hive_metastore`.`information_schema`.`tables` cannot be found.",
        "[SCHEMA_NOT_FOUND] The schema `hive_metastore`.`information_schema` cannot be found.",
        "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have USE CATALOG on Catalog 'main'.",
    ],
)
def test_a_catalog_that_tells_nothing_is_one_sentence(lake: Lake, error: str) -> None:
    lake.write("id,v\n1,a\n")
    lake.faults({"action": "refuse", "statement": "information_schema", "error": error, "times": None})
    with pytest.raises(WorkloadError, match="no information_schema in the catalog main") as caught:
        lake.load()
    assert (caught.value.reason, caught.value.exit_code) == ("CatalogUnreadable", 2)
    assert not any(text.startswith("CREATE") for text in lake.asked())


def test_a_catalog_that_is_not_there_is_one_sentence(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    with pytest.raises(WorkloadError, match="catalog of nowhere") as caught:
        lake.load(warehouse={"databricks": {"schema": "kw", "catalog": "nowhere"}})
    assert (caught.value.reason, caught.value.exit_code) == ("RelationMissing", 2)


def test_types_that_databricks_lacks_are_named(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    with pytest.raises(WorkloadError, match="HUGEINT") as caught:
        lake.load(csv={"schema": {"id": "HUGEINT"}})
    assert caught.value.reason == "TypeUnknown"


def test_wrong_credentials_are_one_sentence(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "wrong")
    lake.write("id,v\n1,a\n")
    for work in (lake.load, lambda: count(lake, "raw")):
        with pytest.raises(WorkloadError) as caught:
            work()
        assert (caught.value.reason, caught.value.exit_code) == ("AuthenticationFailed", 2)
        assert "wrong" not in caught.value.message


def test_a_path_at_which_there_is_no_warehouse_is_one_sentence(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HTTP_PATH", "/sql/1.0/warehouses/typo")
    lake.write("id,v\n1,a\n")
    for work in (lake.load, lambda: count(lake, "raw")):
        with pytest.raises(WorkloadError, match="no SQL warehouse at that httpPath") as caught:
            work()
        assert (caught.value.reason, caught.value.exit_code) == ("WarehouseMissing", 2)


@pytest.mark.parametrize("errno", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_a_host_that_nobody_has_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, errno: int) -> None:
    """A name server that does not answer is another matter, and so is a proxy."""

    def unknown(host: str, *_: object) -> None:
        raise socket.gaierror(errno, host)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(databricks_sql, "getproxies", dict)
    monkeypatch.setattr("databricks.sql.connect", lambda **options: connect(**options))
    environ = {"SERVER_HOSTNAME": "dbc-typo.example.com", "HTTP_PATH": "/sql/1", "TOKEN": "t"}
    asked: list[str] = []

    def connect(**options: Any) -> None:
        asked.append(options["server_hostname"])
        raise RuntimeError("no answer")

    def ask() -> str:
        named = {f"DATABRICKS_{name}": value for name, value in environ.items()}
        with pytest.raises(WorkloadError) as caught:
            ask_databricks(parts=["s", "t"], column=None, environ=named)
        assert caught.value.reason == "WarehouseUnavailable"
        return caught.value.message

    assert ("There is no host dbc-typo.example.com" in ask()) == (errno == socket.EAI_NONAME)
    assert len(asked) == (errno != socket.EAI_NONAME)
    monkeypatch.setattr(databricks_sql, "getproxies", lambda: {"https": "http://proxy"})
    ask()
    assert asked


def test_oauth_from_machine_to_machine(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", DATABRICKS_CLIENT_SECRET)
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", DATABRICKS_CLIENT_SECRET)
    lake.write("id,v\n1,a\n")
    assert lake.load()["rows"] == 1
    assert count(lake, "raw")["rows"] == 1
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "wrong")
    with pytest.raises(WorkloadError) as caught:
        count(lake, "raw")
    assert caught.value.reason == "AuthenticationFailed"


def test_a_token_is_not_sent_in_the_clear(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_SERVER_HOSTNAME", "http://dbc.example.com")
    with pytest.raises(WorkloadError, match="in the clear"):
        count(lake, "raw")


def test_a_warehouse_that_starts_is_waited_for_and_that_is_said(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("freshet.workloads.waiting.PATIENCE", 0.1)
    monkeypatch.setattr("freshet.workloads.waiting.EVERY", 0.1)
    monkeypatch.setattr("freshet.workloads.waiting.LOG.propagate", True)
    monkeypatch.setitem(RETRIES, "_retry_delay_max", 5)
    lake.write("id,v\n1,a\n")
    lake.load()
    lake.faults({"action": "status", "statement": "OPEN SESSION", "status": 503, "retryAfter": 1})
    with caplog.at_level("INFO", logger="freshet.workloads"):
        assert count(lake, "raw")["rows"] == 1
    assert "Waiting for the Databricks SQL warehouse at 127.0.0.1" in caplog.text


def test_large_files_are_uploaded_in_parts(tmp_path: Path) -> None:
    """The connector reads what it uploads into memory as a whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 50_000
    pq.write_table(pa.table({"v": [f"{at}-{at * 7919}" for at in range(rows)]}), tmp_path / "all.parquet")
    parts = split(tmp_path / "all.parquet", rows=rows, folder=tmp_path, limit=100_000)
    assert len(parts) > 3
    assert sum(count for _, count in parts) == rows
    values = [value for path, _ in parts for value in pq.read_table(path)["v"].to_pylist()]
    assert values == [f"{at}-{at * 7919}" for at in range(rows)]


def test_rows_of_a_large_file_are_handed_on_in_constant_memory(tmp_path: Path) -> None:
    """A reader of pyarrow's over all row groups holds on to what it read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    group = pa.table({"id": range(20_000), "v": [f"{at}-{at * 7919}" for at in range(20_000)]})
    with pq.ParquetWriter(tmp_path / "all.parquet", group.schema, compression="lz4", use_dictionary=False) as writer:
        for _ in range(60):
            writer.write_table(group)
    before, held, rows = pa.total_allocated_bytes(), 0, 0
    with pq.ParquetFile(tmp_path / "all.parquet") as source:
        for batch in batches(source):
            rows += batch.num_rows
            held = max(held, pa.total_allocated_bytes() - before)
    assert rows == 60 * group.num_rows
    assert held < 8 * group.nbytes


def test_a_load_and_a_count_as_the_processes_that_pods_run(lake: Lake) -> None:
    (lake.folder / "in.csv.gz").write_bytes(gzip.compress(b"id,v\n1,a\n2,b\n"))
    spec = lake.spec(csv={"path": str(lake.folder / "in.csv.gz")}, write=MERGE)
    counting = {"warehouse": spec["warehouse"], "relation": "raw"}
    secret = {name: f"{value}\n" for name, value in environ_of(lake.server).items()}  # made with echo
    for command, given in (("ingest", spec), ("count", counting)):
        found = subprocess.run(
            [sys.executable, "-m", "freshet.workloads", command],
            env={**lake.environ(), **secret, "FRESHET_SPEC": json.dumps(given)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert found.returncode == 0, found.stderr
        assert json.loads(found.stdout)["rows"] == 2
        assert DATABRICKS_CLIENT_SECRET not in found.stdout + found.stderr
