"""The stand-in for Databricks, spoken to by the real connector: strict where the service is, and broken on demand."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from databricks import sql
from tests.parts.local.databricks_client import asker, connected, options
from tests.support.waiting import wait_for

from freshet.local.databricks.server import DatabricksServer

FRESHET = str(Path(sys.executable).with_name("freshet"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabricksServer]:
    with DatabricksServer(state=tmp_path_factory.mktemp("databricks"), token="t") as found:
        yield found


@pytest.fixture
def ask(server: DatabricksServer, tmp_path: Path) -> Iterator[Any]:
    server.faults.clear()
    with connected(server, staging_allowed_local_path=str(tmp_path)) as connection:
        run = asker(connection)
        run("CREATE SCHEMA main.kw")
        yield run
        server.faults.clear()
        for (name,) in run("SELECT table_name FROM main.information_schema.tables WHERE table_schema = 'kw'"):
            run(f"DROP TABLE main.kw.`{name}`")
        run("DROP SCHEMA main.kw")


REFUSED = {
    "BEGIN TRANSACTION": "PARSE_SYNTAX_ERROR",
    "SELEC 1": "PARSE_SYNTAX_ERROR",
    "ATTACH 'x.duckdb'": "PARSE_SYNTAX_ERROR",
    "SELECT * FROM main.kw.nope": "TABLE_OR_VIEW_NOT_FOUND",
    "SELECT * FROM main.nope.t": "SCHEMA_NOT_FOUND",
    "SELECT nope FROM main.kw.t": "UNRESOLVED_COLUMN",
    "SELECT * FROM main._databricks.copied": "SCHEMA_NOT_FOUND",
    "CREATE TABLE main.kw.t (a BIGINT)": "TABLE_OR_VIEW_ALREADY_EXISTS",
    "CREATE TABLE main.kw.u (a UUID)": "UNSUPPORTED_DATATYPE",
    "CREATE TABLE nope.kw.u (a BIGINT)": "NO_SUCH_CATALOG_EXCEPTION",
    "INSERT INTO main.kw.t (b) VALUES ('x')": "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
    "SELECT :a": "UNBOUND_SQL_PARAMETER",
    "COPY INTO main.kw.t FROM '/Volumes/main/kw/nope' FILEFORMAT = PARQUET": "RESOURCE_DOES_NOT_EXIST",
    "DROP VOLUME main.kw.nope": "VOLUME_NOT_FOUND",
    "DELETE FROM main.kw.t WHERE a IN (SELECT a FROM main.kw.t WHERE a = (SELECT max(a) FROM main.kw.t))": (
        "DELTA_NESTED_SUBQUERY_NOT_SUPPORTED"
    ),
    "PUT '/etc/passwd' INTO '/Volumes/main/../x' OVERWRITE": "INVALID_VOLUME_PATH",
    "MERGE INTO main.kw.t AS t USING (SELECT 1 AS a UNION ALL SELECT 1) AS s ON t.a = s.a "
    "WHEN MATCHED THEN UPDATE SET b = 'x'": "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
}


def test_what_the_service_refuses_is_refused_in_its_words(ask: Any) -> None:
    ask("CREATE TABLE main.kw.t (a BIGINT NOT NULL, b STRING)")
    ask("INSERT INTO main.kw.t VALUES (1, 'a')")
    for statement, kind in REFUSED.items():
        with pytest.raises(sql.ServerOperationError) as caught:
            ask(statement)
        assert f"[{kind}]" in str(caught.value), statement
    assert ask("SELECT * FROM main.kw.t") == [(1, "a")]


def test_a_statement_takes_256_values(ask: Any) -> None:
    values = {f"v{number}": number for number in range(257)}
    marks = " + ".join(f":{name}" for name in list(values)[:256])
    assert ask(f"SELECT {marks}", dict(list(values.items())[:256])) == [(sum(range(256)),)]
    with pytest.raises(Exception, match="256 parameters"):
        ask(f"SELECT {marks} + :v256", values)


def test_a_column_that_is_there_is_refused_in_sparks_words(ask: Any) -> None:
    ask("CREATE SCHEMA IF NOT EXISTS main.fields")
    ask("CREATE OR REPLACE TABLE main.fields.t (a STRING)")
    with pytest.raises(Exception, match=r"\[FIELDS_ALREADY_EXISTS\]"):
        ask("ALTER TABLE main.fields.t ADD COLUMNS (a STRING)")


def test_statements_and_their_counts(ask: Any) -> None:
    ask("CREATE TABLE `main`.`kw`.`t` (`a` BIGINT, b STRING, c TIMESTAMP, d DECIMAL(9,2))")
    values = {"a": 1, "b": "it's", "d": None}
    assert ask("INSERT INTO main.kw.t (a, b, d) VALUES (:a, :b, :d)", values) == [(1, 1)]
    ask("ALTER TABLE main.kw.t ADD COLUMNS (e DOUBLE, f DATE)")
    merged = ask(
        "MERGE INTO main.kw.t AS t USING (SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y') AS s ON t.a = s.a "
        "WHEN MATCHED AND NOT (t.b <=> s.b) THEN UPDATE SET b = s.b "
        "WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)"
    )
    assert merged == [(2, 1, 0, 1)]
    assert ask("SELECT a, b FROM main.kw.t ORDER BY a") == [(1, "x"), (2, "y")]
    assert ask("INSERT OVERWRITE main.kw.t (a) SELECT 7")[0][0] == 1
    assert ask("SELECT a FROM main.kw.t") == [(7,)]
    assert ask("INSERT OVERWRITE main.kw.t (a) SELECT a + 1 FROM main.kw.t")[0][0] == 1
    assert ask("SELECT a FROM main.kw.t") == [(8,)]
    ask("ALTER TABLE main.kw.t RENAME TO main.kw.u")
    described = ask(
        "SELECT column_name, full_data_type FROM main.information_schema.columns WHERE table_schema = 'kw' "
        "AND table_name = 'u' ORDER BY ordinal_position"
    )
    kinds = ["bigint", "string", "timestamp", "decimal(9,2)", "double", "date"]
    assert described == list(zip("abcdef", kinds, strict=True))


def test_files_are_copied_once_each(ask: Any, tmp_path: Path) -> None:
    ask("CREATE TABLE main.kw.t (a BIGINT)")
    ask("CREATE VOLUME main.kw.v")
    copy = "COPY INTO main.kw.t FROM '/Volumes/main/kw/v/in' FILEFORMAT = PARQUET"
    for name, values in (("one", [1, 2]), ("two", [3])):
        pq.write_table(pa.table({"a": values}), tmp_path / f"{name}.parquet")
        ask(f"PUT '{tmp_path}/{name}.parquet' INTO '/Volumes/main/kw/v/in/{name}.parquet' OVERWRITE")
        assert ask(copy)[0][0] == len(values)
    assert ask(copy)[0][0] == 0
    pq.write_table(pa.table({"a": ["text"]}), tmp_path / "bad.parquet")
    ask(f"PUT '{tmp_path}/bad.parquet' INTO '/Volumes/main/kw/v/in/bad.parquet'")
    with pytest.raises(sql.ServerOperationError, match="DELTA_FAILED_TO_MERGE_FIELDS"):
        ask(copy)
    ask("REMOVE '/Volumes/main/kw/v/in/bad.parquet'")
    assert ask("SELECT count(*) FROM main.kw.t") == [(3,)]
    ask("DROP VOLUME main.kw.v")


def test_faults_strike_where_they_are_told(ask: Any, server: DatabricksServer) -> None:
    """The connector asks again when an answer is lost: that is how rows double."""
    ask("CREATE TABLE main.kw.t (a BIGINT)")
    for action, rows in (("lose", 2), ("drop", 1), ("status", 1), ("delay", 1)):
        ask("TRUNCATE TABLE main.kw.t")
        rule = {"action": action, "statement": "^INSERT", "retryAfter": 1}
        assert httpx.post(f"{server.url}/_faults", json=[rule]).status_code == 204
        ask("INSERT INTO main.kw.t VALUES (1)")
        assert ask("SELECT count(*) FROM main.kw.t") == [(rows,)], action
    assert httpx.post(f"{server.url}/_faults", json=[{"action": "refuse", "statement": "^INSERT"}]).status_code == 204
    with pytest.raises(sql.ServerOperationError, match="DELTA_CONCURRENT_APPEND"):
        ask("INSERT INTO main.kw.t VALUES (1)")
    assert httpx.post(f"{server.url}/_faults", json=[{"action": "explode"}]).status_code == 400
    assert "INSERT INTO main.kw.t VALUES (1)" in [one["statement"] for one in httpx.get(f"{server.url}/_log").json()]


def test_a_wrong_token_or_path_opens_nothing(server: DatabricksServer) -> None:
    with pytest.raises(sql.Error, match="Invalid access token"):
        sql.connect(**options(server, access_token="wrong"))
    assert httpx.post(f"{server.url}/elsewhere").status_code == 404


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"spark.sql.shuffle.partitions": "8"}, "CONFIG_NOT_AVAILABLE"),
        ({"STATEMENT_TIMEOUT": "1h"}, "INVALID_CONF_VALUE"),
    ],
)
def test_settings_that_a_warehouse_does_not_take_open_nothing(
    server: DatabricksServer, settings: dict[str, str], kind: str
) -> None:
    sql.connect(**options(server, session_configuration={"STATEMENT_TIMEOUT": "60"})).close()
    with pytest.raises(sql.Error, match=kind):
        sql.connect(**options(server, session_configuration=settings))


def test_the_command_serves_and_ends(tmp_path: Path) -> None:
    port = tmp_path / "port"
    command = [FRESHET, "local", "databricks", f"--state={tmp_path}", f"--port-file={port}"]
    process = subprocess.Popen([*command, "--token=t", "--die-with-parent"], stdout=subprocess.PIPE)
    try:
        wait_for(port.exists, timeout=90, what="the stand-in listens")
        assert httpx.get(f"http://127.0.0.1:{port.read_text().strip()}/_log").json() == []
    finally:
        process.terminate()
        with contextlib.closing(process.stdout) as out:  # type: ignore[type-var]
            assert b"Databricks stand-in" in out.read()  # type: ignore[union-attr]
        assert process.wait(timeout=60) == 0
