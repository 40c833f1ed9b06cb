"""Two statements at once on one Delta table: which of them fails, and what is in the table then."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.parts.local.databricks_client import asker, connected
from tests.support.waiting import wait_for

from freshet.local.databricks.server import DatabricksServer

LIMIT_SECONDS = 60
ADD_5 = "INSERT INTO kw.t SELECT 5, 'z' WHERE NOT EXISTS (SELECT 1 FROM kw.t WHERE a = 5)"
ADD_6 = ADD_5.replace("5", "6")
MERGE_3 = (
    "MERGE INTO kw.t AS t USING (SELECT 3 AS a, 'm' AS b) AS s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b"
    " WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)"
)
NEXT = (
    "MERGE INTO kw.t AS t USING (SELECT (SELECT coalesce(max(a), 0) + 1 FROM kw.t WHERE b = '{0}') AS a, '{0}' AS b)"
    " AS s ON t.a = s.a AND t.b = s.b WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)"
)
HELD = [(1, "x"), (2, "y")]
GONE, MOVED = "TABLE_OR_VIEW_NOT_FOUND", "DELTA_METADATA_CHANGED"
ROWS, WHOLE = "DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES", "DELTA_CONCURRENT_APPEND.WHOLE_TABLE_READ"
CASES: dict[str, tuple[str, str, str | None, list[tuple[Any, ...]]]] = {
    "two that only add": ("INSERT INTO kw.t VALUES (3, 'a')", "INSERT INTO kw.t VALUES (3, 'a')", None, [(3, "a")] * 2),
    "two that add unless it is there": (ADD_5, ADD_5, ROWS, [(5, "z")]),
    "two that add unless another is there": (ADD_5, ADD_6, None, [(5, "z"), (6, "z")]),
    "unless it is there, and only adding": (ADD_5, "INSERT INTO kw.t VALUES (5, 'a')", None, [(5, "a"), (5, "z")]),
    "deleting what comes": ("DELETE FROM kw.t WHERE a = 5", "INSERT INTO kw.t VALUES (5, 'a')", None, [(5, "a")]),
    "deleting what comes, and was read": ("DELETE FROM kw.t WHERE a = 5", ADD_5, ROWS, [(5, "z")]),
    "deleting something else": ("DELETE FROM kw.t WHERE a = 9", ADD_5, None, [(5, "z")]),
    "one row, updated twice": ("UPDATE kw.t SET b = 'u' WHERE a = 1", "UPDATE kw.t SET b = 'v' WHERE a = 1", ROWS, []),
    "two rows, updated": ("UPDATE kw.t SET b = 'y' WHERE a = 2", "UPDATE kw.t SET b = 'x' WHERE a = 1", None, []),
    "updated and deleted": ("UPDATE kw.t SET b = 'u' WHERE a = 7", "DELETE FROM kw.t WHERE a = 7", None, []),
    "one key, merged twice": (MERGE_3, MERGE_3, ROWS, [(3, "m")]),
    "two keys, merged": (MERGE_3, MERGE_3.replace("3", "4"), None, [(3, "m"), (4, "m")]),
    "a key merged and added": (MERGE_3, "INSERT INTO kw.t VALUES (3, 'a')", None, [(3, "a"), (3, "m")]),
    "a source that reads what changed": (NEXT.format("n"), NEXT.format("n"), ROWS, [(1, "n")]),
    "a source that reads something else": (NEXT.format("n"), NEXT.format("o"), None, [(1, "n"), (1, "o")]),
    "overwritten, and merged": ("INSERT OVERWRITE kw.t SELECT 8, 'o'", MERGE_3, ROWS, [(3, "m")]),
    "added, and columns": ("INSERT INTO kw.t VALUES (3, 'a')", "ALTER TABLE kw.t ADD COLUMN c INT", MOVED, []),
    "columns, and added": ("ALTER TABLE kw.t ADD COLUMN c INT", "INSERT INTO kw.t VALUES (3, 'a')", None, [(3, "a")]),
    "columns twice": ("ALTER TABLE kw.t ADD COLUMN c INT", "ALTER TABLE kw.t ADD COLUMN c INT", MOVED, []),
    "added, and replaced": (
        "INSERT INTO kw.t VALUES (3, 'a')",
        "CREATE OR REPLACE TABLE kw.t AS SELECT * FROM VALUES (1, 'x'), (2, 'y') AS v(a, b)",
        MOVED,
        [],
    ),
    "replaced, and added": (
        "CREATE OR REPLACE TABLE kw.t AS SELECT 8 AS a",
        "INSERT INTO kw.t VALUES (3, 'a')",
        WHOLE,
        [(3, "a")],
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabricksServer]:
    with DatabricksServer(state=tmp_path_factory.mktemp("databricks"), token="t") as found:
        yield found


class Two:
    """Two clients of one warehouse."""

    def __init__(self, server: DatabricksServer, folder: Path, first: Any, second: Any) -> None:
        self.server = server
        self.folder = folder
        self._first, self.ask = asker(first), asker(second)

    def overlap(self, statement: str, *others: str) -> str | None:
        """``statement`` begins, the others run, then it goes on. Returns the error that it ended with."""
        self.server.faults.clear()
        self.server.faults.add(b'[{"action": "hold"}]')
        errors: list[str] = []
        thread = threading.Thread(target=self._run, args=(statement, errors))
        thread.start()
        wait_for(lambda: any(one["outcome"] == "held" for one in self.server.faults.log()), what="it has begun")
        try:
            for other in others:
                self.ask(other)
        finally:
            self.server.faults.go()
            thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()
        return errors[0] if errors else None

    def _run(self, statement: str, errors: list[str]) -> None:
        try:
            self._first(statement)
        except Exception as error:
            errors.append(str(error))


@pytest.fixture
def two(server: DatabricksServer, tmp_path: Path) -> Iterator[Two]:
    server.faults.clear()
    more = {"staging_allowed_local_path": str(tmp_path)}
    with connected(server, **more) as first, connected(server, **more) as second:
        found = Two(server, tmp_path, first, second)
        found.ask("CREATE SCHEMA IF NOT EXISTS kw")
        found.ask("CREATE OR REPLACE TABLE kw.t (a BIGINT, b STRING)")
        found.ask("INSERT INTO kw.t VALUES (1, 'x'), (2, 'y')")
        found.ask("DROP TABLE IF EXISTS kw.u")
        yield found
        server.faults.clear()


@pytest.mark.parametrize("name", CASES)
def test_the_second_to_commit_fails_where_delta_says_so(two: Two, name: str) -> None:
    first, second, error, more = CASES[name]
    found = two.overlap(first, second)
    assert (found is None) == (error is None), found
    assert error is None or f"[{error}]" in str(found)
    rows = two.ask("SELECT a, b FROM kw.t ORDER BY ALL")
    held = [(1, "v"), (2, "y")] if name == "one row, updated twice" else HELD
    assert rows == sorted(held + more)


def test_what_only_added_meanwhile_outlives_an_overwrite(two: Two) -> None:
    assert two.overlap("INSERT OVERWRITE kw.t SELECT 8, 'o'", "INSERT INTO kw.t VALUES (3, 'a')") is None
    assert two.ask("SELECT a FROM kw.t ORDER BY a") == [(3,), (8,)]


def test_a_table_that_is_gone_takes_nothing_and_one_of_another_name_does(two: Two) -> None:
    assert f"[{GONE}]" in str(two.overlap(MERGE_3, "DROP TABLE kw.t"))
    two.ask("CREATE TABLE kw.t (a BIGINT, b STRING)")
    assert two.overlap("INSERT INTO kw.t (b) VALUES ('late')", "ALTER TABLE kw.t RENAME TO kw.u") is None
    assert two.ask("SELECT * FROM kw.u") == [(None, "late")]


def test_what_is_read_is_as_it_was_in_the_beginning(two: Two) -> None:
    assert two.overlap("CREATE TABLE kw.u AS SELECT * FROM kw.t", "DROP TABLE kw.t") is None
    assert two.ask("SELECT * FROM kw.u ORDER BY a") == HELD


def test_of_two_that_create_a_table_one_finds_it_there(two: Two) -> None:
    make = "CREATE TABLE kw.u (a BIGINT)"
    assert "[TABLE_OR_VIEW_ALREADY_EXISTS]" in str(two.overlap(make, make))
    two.ask("DROP TABLE kw.u")
    make = "CREATE TABLE IF NOT EXISTS kw.u (a BIGINT)"
    assert two.overlap(make, make) is None
    assert two.overlap("INSERT INTO kw.u VALUES (1)", make) is None, "it was there: nothing has changed"


def put(two: Two, name: str) -> str:
    pq.write_table(pa.table({"a": [3], "b": ["c"]}), two.folder / name)
    two.ask(f"PUT '{two.folder}/{name}' INTO '/Volumes/main/kw/v/{name}' OVERWRITE")
    return f"COPY INTO kw.t FROM '/Volumes/main/kw/v/{name}' FILEFORMAT = PARQUET"


def test_a_file_is_copied_once_by_two_at_once(two: Two) -> None:
    two.ask("CREATE VOLUME IF NOT EXISTS kw.v")
    copy, other = put(two, "one.parquet"), put(two, "two.parquet")
    assert "[DELTA_CONCURRENT_TRANSACTION]" in str(two.overlap(copy, copy))
    assert two.ask("SELECT count(*) FROM kw.t") == [(3,)]
    two.ask("TRUNCATE TABLE kw.t")
    two.ask("CREATE OR REPLACE TABLE kw.t (a BIGINT, b STRING)")
    assert two.overlap(copy, other) is None
    assert two.ask("SELECT count(*) FROM kw.t") == [(2,)]


def test_a_copy_that_is_under_way_needs_its_volume_no_longer_and_follows_its_table(two: Two) -> None:
    two.ask("CREATE VOLUME IF NOT EXISTS kw.v")
    copy = put(two, "three.parquet")
    assert two.overlap(copy, "DROP VOLUME kw.v", "ALTER TABLE kw.t RENAME TO kw.u") is None
    assert two.ask("SELECT a FROM kw.u ORDER BY a") == [(1,), (2,), (3,)]


def test_a_statement_whose_client_was_cut_off_is_done_late(two: Two) -> None:
    """The connector asks again: both are done."""
    two.server.faults.add(b'[{"action": "late", "statement": "^INSERT"}]')
    two.ask("INSERT INTO kw.t VALUES (3, 'a')")
    assert two.ask("SELECT count(*) FROM kw.t") == [(3,)]
    two.server.faults.go()
    wait_for(lambda: all(one["outcome"] == "done" for one in two.server.faults.log()), what="the late one is done")
    assert two.ask("SELECT count(*) FROM kw.t") == [(4,)]


def test_a_late_one_is_in_conflict_like_any(two: Two) -> None:
    two.server.faults.add(b'[{"action": "late", "statement": "^INSERT"}]')
    two.ask(ADD_5)
    two.server.faults.go()
    wait_for(lambda: any(ROWS in one["outcome"] for one in two.server.faults.log()), what="the late one failed")
    assert two.ask("SELECT count(*) FROM kw.t") == [(3,)]
