"""A merge into a DuckDB file: in how little memory it goes, and what it leaves as it was."""

from pathlib import Path
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import APPEND, MERGE

from freshet.workloads import merging
from freshet.workloads.errors import ConfigError

ROWS = 200_000
ADOPT = {**MERGE, "adopt": True}
LONG_TEXT = "repeat(md5(range::VARCHAR), 156)"


@pytest.mark.parametrize("rule", ["", "PRIMARY KEY"])
def test_every_row_may_differ(world: World, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """As of a daily snapshot that says when it was taken: DuckDB held all that changed in memory."""
    monkeypatch.setenv("FRESHET_LOAD_MEMORY", "96MB" if rule else "64MB")
    monkeypatch.setattr(merging, "_SLICE", 10_000)
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw (id BIGINT {rule}, v BIGINT, t VARCHAR)")
    world.do(f"INSERT INTO kw.raw SELECT range, 0, repeat('x', 100) FROM range({ROWS})")
    text = "y" * 100
    world.write("id,v,t\n" + "".join(f"{number},1,{text}\n" for number in range(ROWS + 5)))
    told = world.load(write=ADOPT)
    assert (told["rows"], told["rowsLoaded"]) == (ROWS + 5, ROWS + 5)
    assert world.rows("SELECT count(DISTINCT id), sum(v), min(t) FROM kw.raw") == [(ROWS + 5, ROWS + 5, text)]


@pytest.mark.parametrize("more", ["", "CREATE UNIQUE INDEX i ON kw.raw (id);", "CREATE INDEX i ON kw.raw (v);"])
def test_columns_that_did_not_come_stay_as_they_are(world: World, more: str) -> None:
    world.do(
        "CREATE SCHEMA kw; CREATE TABLE kw.raw (a INTEGER DEFAULT 7, id BIGINT, v BIGINT NOT NULL, w VARCHAR,"
        f" twice BIGINT GENERATED ALWAYS AS (v * 2), CHECK (v < 100)); {more}"
        "INSERT INTO kw.raw (a, id, v, w) VALUES (1, 1, 10, 'one'), (2, 2, 20, NULL), (3, 3, 30, 'three')"
    )
    world.write("id,v\n1,11\n2,20\n4,40\n")
    told = world.load(write=ADOPT)
    assert told["rowsLoaded"] == 2
    assert world.rows("SELECT a, id, v, w, twice FROM kw.raw ORDER BY id") == [
        (1, 1, 11, "one", 22),
        (2, 2, 20, None, 40),
        (3, 3, 30, "three", 60),
        (7, 4, 40, None, 80),
    ]


def test_few_values_come_for_rows_that_are_long(world: World) -> None:
    """100 MB in 4,000 rows, of which one column comes: whole rows were copied and written anew, 2,048 in one piece."""
    texts = ", ".join(f"repeat(md5((range * {number})::VARCHAR), 64) AS t{number}" for number in range(12))
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw AS SELECT range AS id, 0 AS v, {texts} FROM range(4_000)")
    world.write("id,v\n" + "".join(f"{number},1\n" for number in range(4_000)))
    assert world.load(write=ADOPT)["rowsLoaded"] == 4_000
    assert world.rows("SELECT count(*), sum(v), count(DISTINCT t11) FROM kw.raw") == [(4_000, 4_000, 4_000)]


@pytest.mark.parametrize("more", ["", ", 0 AS w"])
@pytest.mark.parametrize("text", ["", "short"])
def test_short_texts_come_for_long_ones(world: World, text: str, more: str) -> None:
    """200 MB of texts in the table: it went by how long those are that come. ``more``: a column that stays."""
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw AS SELECT range AS id, {LONG_TEXT} AS t{more} FROM range(40_000)")
    world.write("id,t\n" + "".join(f"{number},{text}\n" for number in range(40_000)))
    told = world.load(csv={"schema": {"t": "VARCHAR"}}, write=ADOPT)
    assert (told["rows"], told["rowsLoaded"]) == (40_000, 40_000)
    assert world.rows("SELECT count(DISTINCT id), max(strlen(t)) FROM kw.raw") == [(40_000, len(text) or None)]
    assert not world.load(csv={"schema": {"t": "VARCHAR"}}, write=ADOPT)["changed"]


def test_rows_may_have_many_short_texts(world: World) -> None:
    """DuckDB's join held all of them, of both sides, at 16 bytes each."""
    for sign in "vu":
        texts = ", ".join(f"'{sign}' || (range * 31 + {number}) % 997 AS t{number}" for number in range(110))
        world.do(f"COPY (SELECT range AS id, {texts} FROM range(40_000)) TO '{world.csv}' (HEADER)")
        assert world.load(write=MERGE)["rowsLoaded"] == 40_000
    assert world.rows("SELECT count(DISTINCT id), min(t0), max(t109) FROM kw.raw") == [(40_000, "u0", "u996")]
    assert not world.load(write=MERGE)["changed"]


def test_a_long_text_may_become_its_own_digest(world: World) -> None:
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw AS SELECT range AS id, {LONG_TEXT} AS t FROM range(100)")
    digests = world.rows("SELECT id, sha256(t), repeat(sha256(t), 16) FROM kw.raw ORDER BY id")
    for at in (1, 2):
        world.write("id,t\n" + "".join(f"{row[0]},{row[at]}\n" for row in digests))
        assert world.load(write=ADOPT)["rowsLoaded"] == 100


@pytest.mark.parametrize("write", [{**APPEND, "adopt": True}, ADOPT, {"disposition": "replace", "adopt": True}])
def test_few_columns_come_into_a_table_that_has_many(world: World, write: dict[str, Any]) -> None:
    """What a load may hold goes by the table's columns: all of them are written."""
    many = ", ".join(f"range + {number} AS c{number}" for number in range(500))
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw AS SELECT range AS id, 0 AS v, {many} FROM range(30_000)")
    world.write("id,v\n" + "".join(f"{number},1\n" for number in range(30_000)))
    assert world.load(write=write)["rowsLoaded"] == 30_000
    assert world.rows("SELECT sum(v) FROM kw.raw") == [(30_000,)]


def test_a_column_that_did_not_come_is_kept_whatever_its_letters(world: World) -> None:
    """DuckDB tells such names apart by more letters than ASCII's, and freshet took them for one."""
    world.do('CREATE SCHEMA kw; CREATE TABLE kw.raw ("GRÖSSE" BIGINT, grösse BIGINT, id BIGINT)')
    world.do("INSERT INTO kw.raw VALUES (1, 2, 1), (3, 4, 2)")
    world.write("id,grösse\n1,50\n2,60\n")
    assert world.load(write=ADOPT)["rowsLoaded"] == 2
    assert world.rows("SELECT * FROM kw.raw ORDER BY id") == [(1, 50, 1), (3, 60, 2)]


def test_many_values_come_for_rows_of_which_others_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "_SMALL", 0)
    world.do('CREATE SCHEMA kw; CREATE TABLE kw.raw (id BIGINT, v BIGINT, "GRÖSSE" BIGINT, grösse BIGINT)')
    world.do("INSERT INTO kw.raw VALUES (1, 0, 1, 2), (2, 0, 3, 4)")
    world.write("id,v,grösse\n1,1,50\n3,3,70\n")
    assert world.load(write=ADOPT)["rowsLoaded"] == 2
    assert world.rows("SELECT * FROM kw.raw ORDER BY id") == [(1, 1, 1, 50), (2, 0, 3, 4), (3, 3, None, 70)]


def test_a_key_that_no_row_of_the_table_has_doubles_none(world: World) -> None:
    world.do("CREATE SCHEMA kw; CREATE TABLE kw.raw (id BIGINT, variant VARCHAR, v BIGINT)")
    world.do("INSERT INTO kw.raw VALUES (1, NULL, 1), (2, NULL, 2)")
    world.write("id,variant,v\n1,x,1\n2,y,2\n")
    with pytest.raises(ConfigError, match=r"no column variant of write\.primaryKey, or nothing in it"):
        world.load(write={**ADOPT, "primaryKey": ["id", "variant"]})
    assert world.rows() == [(1, None, 1), (2, None, 2)]


def test_rules_of_a_key_hold(world: World) -> None:
    world.do(
        "CREATE SCHEMA kw; CREATE TABLE kw.raw (id BIGINT PRIMARY KEY, v BIGINT);"
        "CREATE TABLE kw.child (of BIGINT REFERENCES kw.raw (id)); INSERT INTO kw.raw VALUES (1, 1), (2, 2);"
        "INSERT INTO kw.child VALUES (1)"
    )
    world.write("id,v\n1,5\n3,6\n")
    assert world.load(write=ADOPT)["rowsLoaded"] == 2
    assert world.rows("SELECT * FROM kw.raw ORDER BY id") == [(1, 5), (2, 2), (3, 6)]
    assert world.rows("SELECT count(*) FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'") == [(1,)]


def test_a_column_may_be_called_as_what_counts_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "_SLICE", 1)
    world.do("CREATE SCHEMA kw; CREATE TABLE kw.raw (rowid BIGINT PRIMARY KEY, v BIGINT)")
    world.write("rowid,v\n7,5\n9,6\n")
    assert world.load(write={**ADOPT, "primaryKey": ["rowid"]})["rowsLoaded"] == 2
    assert world.rows("SELECT rowid, v FROM kw.raw ORDER BY ALL") == [(7, 5), (9, 6)]


def test_a_file_may_have_nothing_but_a_long_key(world: World) -> None:
    keys = [letter * 1_500 for letter in "abc"]
    for came, written in ((keys[:2], 2), (keys, 1)):
        world.write("\n".join(["id", *came, ""]))
        assert world.load(write=MERGE)["rowsLoaded"] == written
    assert world.rows() == [(key,) for key in keys]


@pytest.mark.parametrize("of", ["7", "id % 2"])
def test_a_generated_column_may_be_called_as_what_counts_rows(world: World, of: str) -> None:
    """By it rows were deleted that nobody had asked for."""
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw (id BIGINT, v BIGINT, ROWID BIGINT GENERATED ALWAYS AS ({of}))")
    world.do("INSERT INTO kw.raw VALUES (1, 1), (2, 2), (3, 3)")
    world.write("id,v\n1,9\n")
    assert world.load(write=ADOPT)["rows"] == 3
    assert world.rows("SELECT id, v FROM kw.raw ORDER BY id") == [(1, 9), (2, 2), (3, 3)]


@pytest.mark.parametrize("name", ["_freshet_row", "_freshet_ROW", "_freshet_digest"])
def test_a_column_may_be_called_as_we_call_the_number_of_a_row(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(merging, "_WIDE", 0)
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw ({name} BIGINT, v BIGINT)")
    world.do("INSERT INTO kw.raw VALUES (1, 10), (2, 20), (3, 30)")
    world.write(f"{name},v\n1,11\n3,30\n")
    assert world.load(write={**ADOPT, "primaryKey": [name]})["rowsLoaded"] == 1
    assert world.rows() == [(1, 11), (2, 20), (3, 30)]
    world.write(f"v,{name}\n30,3\n11,1\n")
    assert world.load(write={**ADOPT, "primaryKey": ["v"]})["rowsLoaded"] == 0


@pytest.mark.parametrize("rule", ["", "PRIMARY KEY"])
def test_a_change_of_case_is_one_whatever_the_collation(world: World, rule: str) -> None:
    """It never arrived, and as a key came twice, so that freshet refused what it had written itself."""
    world.do(f"CREATE SCHEMA kw; CREATE TABLE kw.raw (id BIGINT {rule}, t VARCHAR COLLATE NOCASE)")
    world.do("INSERT INTO kw.raw VALUES (1, 'abc'), (2, 'x')")
    world.write("id,t\n1,ABC\n2,x\n")
    assert world.load(write=ADOPT)["rowsLoaded"] == 1
    world.write("id,t\n8,ABC\n9,abc\n")
    assert world.load(write={**ADOPT, "primaryKey": ["t"]})["rows"] == 3
    assert world.rows("SELECT id, t FROM kw.raw ORDER BY id") == [(2, "x"), (8, "ABC"), (9, "abc")]


def test_a_file_that_differs_each_day_does_not_grow_the_warehouse(world: World) -> None:
    """What is deleted is room for what is inserted."""
    sizes = []
    for day in range(12):
        world.write("id,v\n" + "".join(f"{number},{number * 7919 + day}\n" for number in range(20_000)))
        assert world.load(write=MERGE)["rowsLoaded"] == 20_000
        sizes.append(Path(world.path).stat().st_size)
    assert max(sizes) <= 4 * sizes[0], sizes
    assert world.rows("SELECT count(*), count(DISTINCT id) FROM kw.raw") == [(20_000, 20_000)]
