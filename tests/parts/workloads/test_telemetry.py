"""A load and a count speak to their warehouse and to nobody else: neither dlt nor the connector reports anything."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import databricks.sql
import pytest
from tests.parts.workloads.lake import Lake

LIMIT_SECONDS = 300
SPY = """
import os, socket

def note(what):
    with open(os.environ["SPY"], "a") as log:
        log.write(f"{what}\\n")

resolve = socket.getaddrinfo
connect = socket.socket.connect

def getaddrinfo(host, port, *rest, **more):
    note(f"{host}:{port}")
    return resolve(host, port, *rest, **more)

def connected(self, address):
    if self.family != socket.AF_UNIX:
        note(f"{address[0]}:{address[1]}")
    return connect(self, address)

socket.getaddrinfo, socket.socket.connect = getaddrinfo, connected
"""
"""Python imports ``sitecustomize`` first of all."""


def spoken_to(lake: Lake, command: str, spec: dict[str, Any]) -> set[str]:
    spy, log = lake.folder / "spy", lake.folder / f"{command}.log"
    spy.mkdir(exist_ok=True)
    (spy / "sitecustomize.py").write_text(SPY)
    environ = {**lake.environ(), "FRESHET_SPEC": json.dumps(spec), "PYTHONPATH": str(spy), "SPY": str(log)}
    done = subprocess.run(
        [sys.executable, "-m", "freshet.workloads", command],
        env=environ,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(Path(log).read_text().split())


@pytest.mark.parametrize("write", [{"disposition": "append"}, {"disposition": "merge", "primaryKey": ["id"]}])
def test_a_load_and_a_count_speak_to_the_warehouse_alone(lake: Lake, write: dict[str, Any]) -> None:
    lake.write("id,v\n1,a\nx,b\n")
    spec = lake.spec(write=write, csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    warehouse = {urlsplit(lake.server.url).netloc}
    assert spoken_to(lake, "ingest", spec) == warehouse
    assert spoken_to(lake, "count", {"warehouse": spec["warehouse"], "relation": "raw"}) == warehouse


def test_no_session_of_a_load_reports_to_its_host_either(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector's own telemetry goes to the workspace, not elsewhere: each connection says no to it, dlt's too."""
    opened: list[dict[str, Any]] = []

    def connect(**options: Any) -> Any:
        opened.append(options)
        return real(**{**options, "enable_telemetry": False})

    real = databricks.sql.connect
    monkeypatch.setattr(databricks.sql, "connect", connect)
    lake.write("id,v\n1,a\n")
    lake.load()
    sessions = sum(text == "OPEN SESSION" for text in lake.asked())
    assert len(opened) == sessions > 2
    assert [options.get("enable_telemetry") for options in opened] == [False] * sessions
