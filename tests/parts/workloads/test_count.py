"""Counts: DuckDB for real, Databricks by what is asked of its connector."""

import subprocess
import sys
from types import TracebackType
from typing import Any, Self

import msgspec
import pytest
from tests.parts.workloads.conftest import World

from freshet.doctor.outside import address
from freshet.workloads.count import count_rows, relation_parts
from freshet.workloads.count_databricks import ask_databricks
from freshet.workloads.databricks_sql import connection_options
from freshet.workloads.errors import WorkloadError
from freshet.workloads.spec import CountSpec

HOST = "DATABRICKS_SERVER_HOSTNAME"
HOSTS = (
    *("dbc.example.com", "https://dbc.example.com/", "https://dbc.example.com/?o=12#x", "HTTPS://dbc.example.com"),
    *("dbc.example.com:443", "https://dbc.example.com:443/sql/1.0/warehouses/x", "dbc.example.com/?next=https://x"),
)
NO_HOSTS = (
    *("dbc.example.com:8443", "host:xyz", "a..b.example", ".example.com", "-a.example", "[::1", "[::1]", "a b.example"),
    *("https:/dbc.example.com", "//dbc.example.com", "https://", "ftp://dbc.example.com", "me@dbc.example.com"),
    *("jdbc:databricks://dbc.example.com:443/default", f"{'a' * 64}.example.com", ".".join(["a" * 60] * 5)),
    *("http://dbc.example.com", "HTTP://dbc.example.com", "http://127.0.0.1.example.com", "https://https://a.example"),
)
NO_MAX = '"max(v)" due to data type mismatch: The `max` does not support ordering on type "VARIANT". SQLSTATE: 42K09'
TOKEN = {"DATABRICKS_SERVER_HOSTNAME": "h", "DATABRICKS_HTTP_PATH": "/sql/1", "DATABRICKS_TOKEN": "t"}


def spec(world: World, relation: str, **more: Any) -> CountSpec:
    return msgspec.convert({**world.spec(), "relation": relation, **more}, CountSpec)


def test_a_table_and_a_view_are_counted(world: World) -> None:
    world.do('CREATE SCHEMA kw; CREATE TABLE kw."odd ""name." AS SELECT 1 AS id, DATE \'2026-01-02\' AS d')
    world.do('CREATE VIEW kw.v AS SELECT * FROM kw."odd ""name."')
    for relation in ('kw."odd ""name."', '"odd ""name."', "kw.v", "w.kw.v", "KW.V"):
        found = count_rows(spec(world, relation, dataTimeColumn="d", checks={"rows": {"minimum": 1}}))
        assert (found["rows"], found["dataTime"]) == (1, "2026-01-02T00:00:00.000000Z")
        assert found["checks"][0]["passed"]


def test_a_row_of_a_year_that_python_lacks_does_not_hide_the_newest_of_the_others(world: World) -> None:
    world.do("CREATE SCHEMA kw; CREATE TABLE kw.t(d TIMESTAMP)")
    world.do("INSERT INTO kw.t VALUES ('2026-01-02'), ('20262-01-01'), ('infinity'), (NULL)")
    for kind in ("TIMESTAMP", "DATE", "TIMESTAMPTZ"):
        world.do(f"ALTER TABLE kw.t ALTER d TYPE {kind}")
        found = count_rows(spec(world, "kw.t", dataTimeColumn="d"))
        assert (found["rows"], found["dataTime"]) == (4, "2026-01-02T00:00:00.000000Z")


def test_a_drop_is_seen(world: World) -> None:
    world.do("CREATE TABLE t AS SELECT 1 AS id")
    found = count_rows(spec(world, "main.t", previousRows=10, checks={"rows": {"maximumDropPercent": 50}}))
    assert not found["checks"][0]["passed"]


@pytest.mark.parametrize(
    ("relation", "column", "reason"),
    [
        ("kw.nothing", None, "RelationMissing"),
        ("kw.t; DROP TABLE kw.t", None, "RelationMissing"),
        ("a.b.c.d", None, "RelationInvalid"),
        ("kw.", None, "RelationInvalid"),
        ("kw.t", "nope", "DataTimeColumnMissing"),
        ("kw.t", "id", "DataTimeColumnType"),
        ("kw.t", "word", "DataTimeColumnType"),
        ("kw.broken", None, "RelationBroken"),
    ],
)
def test_what_cannot_be_counted_is_a_sentence(world: World, relation: str, column: str | None, reason: str) -> None:
    world.do("CREATE SCHEMA kw; CREATE TABLE kw.t(id INT, word VARCHAR); CREATE TABLE kw.u AS SELECT 1 AS id")
    world.do("INSERT INTO kw.t(id) VALUES (1); CREATE VIEW kw.broken AS SELECT * FROM kw.u; DROP TABLE kw.u")
    with pytest.raises(WorkloadError) as caught:
        count_rows(spec(world, relation, dataTimeColumn=column))
    assert caught.value.reason == reason
    assert world.rows("SELECT id FROM kw.t") == [(1,)]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"])
def test_times_of_any_precision_are_times(world: World, kind: str) -> None:
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.t AS SELECT '2026-01-02'::{kind} AS At")
    assert count_rows(spec(world, "kw.t", dataTimeColumn="aT"))["dataTime"] == "2026-01-02T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("column", "day"),
    [("Übernahme", 2), ("übernahme", 2), ("Event Time", 3), ("event_time", 4), ("eventTime", 4), ("EVENT_TIME", 4)],
)
def test_a_column_is_read_by_its_own_name_and_the_exact_one_wins(world: World, column: str, day: int) -> None:
    made = {"Übernahme": 2, "Event Time": 3, "event_time": 4}
    columns = ", ".join(f"DATE '2026-01-0{number}' AS \"{name}\"" for name, number in made.items())
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.t AS SELECT {columns}")
    found = count_rows(spec(world, "kw.t", dataTimeColumn=column))
    assert found["dataTime"] == f"2026-01-0{day}T00:00:00.000000Z"


@pytest.mark.parametrize("view", ["SELECT * FROM kw.u", "SELECT b FROM kw.u", "SELECT CAST(w AS DATE) AS b FROM kw.s"])
def test_a_view_that_what_is_below_has_changed_for_is_broken(world: World, view: str) -> None:
    world.do("CREATE SCHEMA kw; CREATE TABLE kw.s AS SELECT 'x' AS w; CREATE TABLE kw.u(a INT, b DATE)")
    world.do(f"CREATE VIEW kw.v AS {view}")
    world.do("CREATE OR REPLACE TABLE kw.u AS SELECT 'a' AS a, 3 AS c")
    with pytest.raises(WorkloadError) as caught:
        count_rows(spec(world, "kw.v", dataTimeColumn="b"))
    assert (caught.value.reason, caught.value.exit_code) == ("RelationBroken", 2)


def test_a_warehouse_that_is_not_there_yet(world: World) -> None:
    with pytest.raises(WorkloadError) as caught:
        count_rows(spec(world, "kw.t"))
    assert (caught.value.reason, caught.value.exit_code) == ("WarehouseMissing", 2)
    assert not world.path.exists()


def test_a_databricks_relation_is_completed() -> None:
    found = msgspec.convert({"warehouse": {"databricks": {"schema": "s", "catalog": "c"}}, "relation": "t"}, CountSpec)
    assert relation_parts(found) == ("c", "s", "t")


class Connection:
    """What ``databricks.sql.connect`` gives, as far as a count uses it; it is its own cursor."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.statements: list[str] = []
        self.options: dict[str, Any] = {}
        self.description = [("a`t", "timestamp", None)]

    def __call__(self, **options: Any) -> Self:
        self.options = options
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None: ...

    def cursor(self) -> Self:
        return self

    def execute(self, statement: str, values: object) -> None:
        assert values is None
        self.statements.append(statement)
        if isinstance(self.answer, Exception):
            raise self.answer

    def fetchall(self) -> Any:
        return [self.answer]


def test_databricks_is_asked_with_quoted_names_and_without_telemetry() -> None:
    connection = Connection((3, None))
    asked = ask_databricks(parts=["c", "s", "t`x"], column="a`t", timeout=90, environ=TOKEN, connect=connection)
    assert asked == (3, None)
    assert connection.statements[0] == "SELECT count(*), max(`a``t`) FROM `c`.`s`.`t``x`"
    assert len(connection.statements) == 2, "an empty column is looked at"
    assert connection.options["enable_telemetry"] is False
    assert connection.options["session_configuration"] == {"STATEMENT_TIMEOUT": "90"}


@pytest.mark.parametrize(
    ("text", "reason", "code"),
    [
        ("[TABLE_OR_VIEW_NOT_FOUND] …", "RelationMissing", 2),
        ("[UNRESOLVED_COLUMN] …", "DataTimeColumnMissing", 2),
        ("[INSUFFICIENT_PERMISSIONS] …", "PermissionDenied", 2),
        ("Error during request to server: : Invalid access token.", "AuthenticationFailed", 2),
        ("[STATEMENT_TIMEOUT] cancelled after 403 s", "StatementTimeout", 4),
        ("[CLOUD_FILE_SOURCE_FILE_NOT_FOUND] part 403 of 500", "WarehouseUnavailable", 4),
        ("[FILE_NOT_EXIST] It may have been updated. SQLSTATE: 42K03", "WarehouseUnavailable", 4),
        ("[DELTA_CONCURRENT_APPEND.WHOLE_TABLE_READ] … SQLSTATE: 2D521", "WarehouseUnavailable", 4),
        ("[DELTA_METADATA_CHANGED] … SQLSTATE: 2D521", "WarehouseUnavailable", 4),
        ("[CONCURRENT_STATEMENT] … SQLSTATE: 40000", "WarehouseUnavailable", 4),
        ("[SERVER_IS_BUSY] … SQLSTATE: 08KD1", "WarehouseUnavailable", 4),
        ("[CANCELLED] … SQLSTATE: 57014", "WarehouseUnavailable", 4),
        ("[INTERNAL_ERROR] of the code `42P01`. SQLSTATE: XX000", "WarehouseUnavailable", 4),
        ("[INVALID_HANDLE.SESSION_CLOSED] … SQLSTATE: HY000", "WarehouseUnavailable", 4),
        ("[STATEMENT_TIMEOUT] … SQLSTATE: 57KD0", "StatementTimeout", 4),
        ("[UNAUTHORIZED_ACCESS] … SQLSTATE: 42501", "PermissionDenied", 2),
        ("[NO_SUCH_CATALOG_EXCEPTION] … SQLSTATE: 42704", "RelationMissing", 2),
        ("Staging operation over HTTP was unsuccessful: 403-no", "StagingFailed", 4),
        ("connection reset", "WarehouseUnavailable", 4),
    ],
)
def test_what_databricks_says_becomes_a_sentence(text: str, reason: str, code: int) -> None:
    with pytest.raises(WorkloadError) as caught:
        ask_databricks(parts=["s", "t"], column=None, environ=TOKEN, connect=Connection(RuntimeError(text)))
    assert (caught.value.reason, caught.value.exit_code) == (reason, code)


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `main`.`s`.`t` cannot be found.", None, "RelationMissing"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `main`.`s`.`t_old` cannot be found.", None, "RelationBroken"),
        ("[SCHEMA_NOT_FOUND] The schema `main`.`s` cannot be found.", None, "RelationMissing"),
        ("[SCHEMA_NOT_FOUND] The schema `main`.`old` cannot be found.", None, "RelationBroken"),
        (
            "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `at` cannot be resolved.",
            "at",
            "DataTimeColumnMissing",
        ),
        ("[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `at` cannot be resolved.", None, "RelationBroken"),
        ("[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `x` cannot be resolved.", "at", "RelationBroken"),
        ('[CAST_INVALID_INPUT] The value \'x\' of the type "STRING" cannot be cast to "INT" …', None, "RelationBroken"),
        ("[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` …", "at", "RelationBroken"),
        ("[INCOMPATIBLE_VIEW_SCHEMA_CHANGE] The SQL query of view `s`.`t` has …", None, "RelationBroken"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `main`.`raw`.`t` cannot be found.", None, "RelationBroken"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `raw`.`t` cannot be found.", None, "RelationBroken"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `S`.`T` cannot be found.", None, "RelationMissing"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `t` cannot be found.", None, "RelationMissing"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `s`.`t``t` cannot be found.", None, "RelationBroken"),
        ("[UNRESOLVED_COLUMN] A column with name `x`.`at` cannot be resolved.", "at", "RelationBroken"),
        (f"[DATATYPE_MISMATCH.INVALID_ORDERING_TYPE] Cannot resolve {NO_MAX}", "v", "DataTimeColumnType"),
        (f"[DATATYPE_MISMATCH.INVALID_ORDERING_TYPE] Cannot resolve {NO_MAX}", None, "RelationBroken"),
        ("[DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES] Cannot resolve …", "v", "RelationBroken"),
        ("[AMBIGUOUS_REFERENCE] Reference `at` is ambiguous, could be: …", "at", "RelationBroken"),
        ("[DELTA_TABLE_NOT_FOUND] Delta table `main`.`s`.`t` doesn't exist.", None, "RelationBroken"),
        ("[UNRESOLVED_ROUTINE] Cannot resolve routine `f` … SQLSTATE: 42883; line 1 pos 7", None, "RelationBroken"),
        ("[INVALID_URL] The url is invalid: … SQLSTATE: 22P02", "at", "RelationBroken"),
    ],
)
def test_a_view_that_is_broken_is_told_from_one_that_is_not_there(text: str, column: str | None, reason: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        ask_databricks(parts=["s", "t"], column=column, environ=TOKEN, connect=Connection(RuntimeError(text)))
    assert (caught.value.reason, caught.value.exit_code) == (reason, 2)
    assert ("dataTimeColumn" in caught.value.message) == reason.startswith("DataTimeColumn")


@pytest.mark.parametrize("host", [*HOSTS, " dbc.example.com\n"])
def test_a_host_may_be_written_as_a_browser_or_a_url_of_jdbc_shows_it(host: str) -> None:
    options = connection_options({name: f" {value}\n" for name, value in TOKEN.items()} | {HOST: host})
    assert (options["server_hostname"], options["http_path"], options["access_token"]) == (
        "dbc.example.com",
        "/sql/1",
        "t",
    )


@pytest.mark.parametrize("host", NO_HOSTS)
@pytest.mark.parametrize("machine", [True, False])
def test_a_host_that_cannot_be_is_refused_before_anybody_is_asked(host: str, machine: bool) -> None:
    credentials = dict.fromkeys(("DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"), "x")
    environ = {**TOKEN, **credentials, **({"DATABRICKS_TOKEN": ""} if machine else {}), HOST: host}
    with pytest.raises(WorkloadError, match="write the server's name alone") as caught:
        ask_databricks(parts=["s", "t"], column=None, environ=environ, connect=Connection((1, None)))
    reason = "CredentialsMissing" if host.lower().startswith("http://") else "WarehouseMissing"
    assert (caught.value.reason, caught.value.exit_code) == (reason, 2)
    assert host not in caught.value.message


@pytest.mark.parametrize("host", [*HOSTS, *NO_HOSTS, "http://localhost:8590/", "HTTP://127.0.0.1", "http://[::1]:1"])
def test_the_doctor_reads_a_host_as_loads_do(host: str) -> None:
    try:
        read = str(connection_options({**TOKEN, HOST: host})["server_hostname"])
    except WorkloadError:
        assert address(host) is None
    else:
        scheme = "http" if host.lower().startswith("http://") else "https"
        assert address(host) == f"{scheme}://{read}"


def test_missing_credentials_are_named() -> None:
    with pytest.raises(WorkloadError) as caught:
        connection_options({"DATABRICKS_SERVER_HOSTNAME": "h", "DATABRICKS_CLIENT_ID": "i"})
    assert "lacks httpPath, token (or clientId and clientSecret)" in caught.value.message


def test_a_machine_s_credentials_are_used() -> None:
    environ = {**TOKEN, "DATABRICKS_TOKEN": "", "DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "s"}
    options = connection_options(environ)
    assert "access_token" not in options
    assert callable(options["credentials_provider"])


def test_a_count_imports_neither_dlt_nor_pyarrow() -> None:
    heavy = ("dlt", "pyarrow", "duckdb", "databricks")
    modules = "sys, freshet.workloads.count, freshet.workloads.count_duckdb, freshet.workloads.count_databricks"
    code = f"import {modules}; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
