"""What a load does not use it does not import, and can be had all the same: imports are most of a small load's time."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.lake import Lake

from freshet.workloads.absent import absent
from freshet.workloads.parquet import unpacked_size, writing

LIMIT_SECONDS = 300


def imported(spec: dict[str, Any], environ: dict[str, str]) -> set[str]:
    """All modules of a load in a process of its own, and names that were imported in vain."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "freshet.workloads", "ingest"],
        env={**environ, "FRESHET_SPEC": json.dumps(spec)},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))


def test_a_load_into_duckdb_goes_without_numpy(world: World) -> None:
    world.write("id,v\n1,a\n")
    found = imported(world.spec(), dict(os.environ))
    assert {"pyarrow.lib", "dlt.load.load"} <= found
    assert {"numpy._core", "pandas.core", "sqlalchemy.engine", "databricks.sdk.core"} & found == set()


def test_a_load_into_databricks_with_a_token_goes_without_the_sdk(lake: Lake) -> None:
    """With which dlt looks for credentials on the machine, though it was given some."""
    lake.write("id,v\n1,a\n")
    found = imported(lake.spec(), lake.environ())
    assert {"databricks.sql.client", "dlt.load.load"} <= found
    assert {"databricks.sdk.core", "sqlalchemy.engine"} & found == set()


@pytest.mark.parametrize("name", ["colorsys", "json"])
def test_what_was_absent_can_be_imported_afterwards(name: str) -> None:
    """``json`` was imported before, ``colorsys`` was not."""
    before = sys.modules.get(name)
    with absent(name), pytest.raises(ImportError):
        __import__(name)
    assert sys.modules.get(name) is before
    assert __import__(name).__name__ == name


def test_the_size_of_a_file_is_that_of_its_values_however_often_they_come(tmp_path: Path) -> None:
    rows = pa.record_batch({"id": list(range(10_000)), "v": ["the same text again"] * 10_000})
    path = tmp_path / "rows.parquet"
    with writing(path, rows.schema.with_metadata({"freshet.bytes": "1"})) as groups:
        groups.add(rows)
        groups.add(rows)
    assert path.stat().st_size < rows.nbytes / 2
    assert unpacked_size(path) == 2 * rows.nbytes > 600_000
