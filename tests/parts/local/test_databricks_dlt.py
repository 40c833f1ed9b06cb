"""dlt as it is, with its own strategies, against the stand-in: nothing of freshet's is between the two."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from freshet.local.databricks.names import quoted
from freshet.local.databricks.server import HTTP_PATH, DatabricksServer

LIMIT_SECONDS = 300
SCRIPT = """
import json, sys
import dlt
url, path, token, runs = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
where = dlt.destinations.databricks(credentials={
    "catalog": "main", "server_hostname": url.removeprefix("http://"), "http_path": path, "access_token": token,
    "connection_parameters": {"enable_telemetry": False, "_connection_uri": url + path}})
pipeline = dlt.pipeline("plain", pipelines_dir="pipelines", destination=where, dataset_name="plain")
for run in runs:
    rows = dlt.resource([run["rows"]], name=run["table"], write_disposition=run["write"], primary_key=run.get("key"))
    pipeline.run(rows).raise_on_failed_jobs()
with pipeline.sql_client() as client:
    print(json.dumps(client.execute_sql("SELECT count(*) FROM _dlt_loads")[0][0]))
"""


def rows(*pairs: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"id": id_, "v": v} for id_, v in pairs]


FIRST, SECOND = rows((1, "a"), (2, "b")), rows((2, "c"), (3, "d"))
WRITES: dict[str, Any] = {
    "append": "append",
    "replace": "replace",
    "delete_insert": {"disposition": "merge", "strategy": "delete-insert"},
    "upsert": {"disposition": "merge", "strategy": "upsert"},
}
HELD = {
    "append": [(1, "a"), (2, "b"), (2, "c"), (3, "d")],
    "replace": [(2, "c"), (3, "d")],
    "delete_insert": [(1, "a"), (2, "c"), (3, "d")],
    "upsert": [(1, "a"), (2, "c"), (3, "d")],
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabricksServer]:
    """All of it in one process: dlt takes a second to start."""
    folder = tmp_path_factory.mktemp("dlt")
    runs = [
        {"table": name, "write": write, "rows": part, **({"key": "id"} if isinstance(write, dict) else {})}
        for name, write in WRITES.items()
        for part in (FIRST, SECOND)
    ]
    with DatabricksServer(state=folder / "state", token="t") as server:
        command = [sys.executable, "-c", SCRIPT, server.url, HTTP_PATH, "t", json.dumps(runs)]
        environ = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(folder)}
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1]) == len(runs)
        yield server


@pytest.mark.parametrize("name", WRITES)
def test_unmodified_dlt_leaves_the_rows_that_its_disposition_says(loaded: DatabricksServer, name: str) -> None:
    with loaded.store.statement(b"the test") as con:
        found = con.execute(f"SELECT id, v FROM {quoted(['main', 'plain', name])} ORDER BY ALL").fetchall()
    assert found == HELD[name]


def test_it_went_the_way_that_it_goes_there(loaded: DatabricksServer) -> None:
    asked = [str(entry["statement"]).lstrip() for entry in loaded.faults.log()]
    for beginning in ("CREATE VOLUME", "PUT", "UPLOAD", "COPY INTO", "MERGE INTO", "DELETE FROM", "INSERT INTO"):
        assert any(text.startswith(beginning) for text in asked), beginning
    others = {str(entry["outcome"]) for entry in loaded.faults.log()} - {"done"}
    assert [outcome for outcome in others if "NOT_FOUND" not in outcome] == [], "dlt looks whether a table is there"
