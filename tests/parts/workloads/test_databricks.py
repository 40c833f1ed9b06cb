"""Loads into Databricks, by the real connector and dlt, against the stand-in: what is in the table, and beside it."""

import gzip
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.parts.workloads.lake import Lake, environ_of
from tests.parts.workloads.writes import MERGE
from tests.support.secrecy import DATABRICKS_CLIENT_SECRET

from freshet.workloads.errors import WorkloadError

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


def test_a_dropped_table_is_loaded_anew(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    first = lake.load(write={"disposition": "append"})
    lake.query("DROP TABLE {raw}")
    again = lake.load(write={"disposition": "append"})
    assert lake.rows() == [(1, "a")]
    assert again["version"] != first["version"]


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
