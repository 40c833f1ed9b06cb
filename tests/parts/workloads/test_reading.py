"""Types, nulls, dialects and headers: what a person would expect to be in the table."""

import subprocess
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.parts.workloads.conftest import World

from freshet.workloads.inputs import InputFile, fingerprint
from freshet.workloads.spec import Csv, IngestSpec

TYPES = [
    ("TINYINT", "-5", -5),
    ("BIGINT", "9007199254740993", 9007199254740993),
    ("BIGINT", " 4.0 ", 4),
    ("HUGEINT", "170141183460469231731687303715884105727", 2**127 - 1),
    ("UBIGINT", "18446744073709551615", 2**64 - 1),
    ("DOUBLE", "0.1", 0.1),
    ("DECIMAL(18,2)", "1.50", Decimal("1.50")),
    ("DECIMAL(38,10)", "1.5", Decimal("1.5")),
    ("BOOLEAN", "true", True),
    ("DATE", "2026-01-02", date(2026, 1, 2)),
    ("DATE", "2026-01-02 00:00:00", date(2026, 1, 2)),
    ("TIME", "10:11:12", time(10, 11, 12)),
    ("TIMESTAMP", "2026-01-02T03:04:05.678901", datetime(2026, 1, 2, 3, 4, 5, 678901)),
    ("TIMESTAMP", "2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5)),
    ("TIMESTAMPTZ", "2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
    ("UUID", "6f1b9c5e-0000-4000-8000-000000000001", UUID("6f1b9c5e-0000-4000-8000-000000000001")),
    ("VARCHAR", "007", "007"),
]


@pytest.mark.parametrize(("kind", "text", "value"), TYPES)
def test_every_type_arrives_exactly(world: World, kind: str, text: str, value: Any) -> None:
    world.write(f'v,w\n"{text}",1\n,2\n')
    world.load(csv={"schema": {"v": kind}})
    rows = world.rows("SELECT v FROM kw.raw ORDER BY w")
    assert rows == [(value,), (None,)]
    canonical = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(kind, kind)
    assert world.rows("SELECT DISTINCT typeof(v) FROM kw.raw") == [(canonical,)]


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "DATE", "DECIMAL(9,2)"])
def test_dlt_takes_the_file_as_it_is(world: World, kind: str) -> None:
    """Its normalizer, once it rewrites a file, imports pandas and reads every row: neither may happen."""
    text = "1.25" if kind.startswith("DEC") else "2026-01-02"
    world.write(f"v,w\n{text},1\n")
    spec = world.spec_file(csv={"schema": {"v": kind}})
    code = (
        "import sys; import dlt.normalize.items_normalizers.arrow as a\n"
        "a.ArrowItemsNormalizer._write_with_dlt_columns = lambda *_: sys.exit('rewritten')\n"
        "from freshet.workloads.__main__ import main\n"
        "main(['ingest', '--spec', sys.argv[1]], standalone_mode=False)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(spec)], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("quote", ['"', ""])
def test_an_empty_escape_is_none(world: World, quote: str) -> None:
    world.write('id,v\n1,"a ""b"" \\"\n')
    world.load(csv={"escape": "", "quote": quote})
    assert world.rows() == [(1, 'a "b" \\' if quote else '"a ""b"" \\"')]


def test_a_null_string_may_hold_the_escape(world: World) -> None:
    """As MySQL and PostgreSQL export it."""
    world.write('id,b,u,v\n1,true,\\N,"a\\"b"\n2,\\N,,\\N\n\\N,false,,"\\\\N"\n')
    nulls = {"nullStrings": ["\\N", ""], "escape": "\\"}
    for schema in ({"b": "BOOLEAN", "u": "UUID"}, {}):
        world.load(csv={**nulls, "schema": schema})
        assert world.rows("FROM kw.raw ORDER BY id") == [
            (1, True, None, 'a"b'),
            (2, None, None, None),
            (None, False, None, None),
        ]
        world.do("DROP TABLE kw.raw")


def test_a_bad_boolean_beside_an_odd_null_string_is_a_bad_row(world: World) -> None:
    world.write("b,v\ntrue,a\nmaybe,b\n\\N,c\n")
    csv = {"nullStrings": ["\\N"], "escape": "\\", "schema": {"b": "BOOLEAN"}}
    told = world.load(csv=csv, onBadRows="drop")
    assert told["samples"] == [{"line": 3, "column": "b", "reason": "the value does not fit BOOLEAN"}]
    assert world.rows("FROM kw.raw ORDER BY v") == [(True, "a"), (None, "c")]


def test_where_no_string_means_null_all_are_values(world: World) -> None:
    world.write("id,v\n1,\n2,x\n")
    world.load(csv={"nullStrings": []})
    assert world.rows() == [(1, ""), (2, "x")]


def test_dialect_nulls_and_formats(world: World) -> None:
    world.write("1;'a;b';NA;24.12.2026;24.12.2026 10:30\n2;;x;;\n")
    options = {
        "delimiter": ";",
        "quote": "'",
        "header": False,
        "nullStrings": ["NA", ""],
        "dateFormat": "%d.%m.%Y",
        "timestampFormat": "%d.%m.%Y %H:%M",
        "columns": ["id", "t", "n", "d", "at"],
        "schema": {"at": "TIMESTAMP", "d": "DATE", "id": "BIGINT", "n": "VARCHAR", "t": "VARCHAR"},
    }
    world.load(csv=options)
    first = (1, "a;b", None, date(2026, 12, 24), datetime(2026, 12, 24, 10, 30))
    assert world.rows("FROM kw.raw ORDER BY id") == [first, (2, None, "x", None, None)]


def test_types_alone_do_not_name_the_columns_of_a_file_without_a_header() -> None:
    """Kubernetes hands a map on sorted: the second column would be taken for the first."""
    csv = {"path": "/in.csv", "header": False, "schema": {"id": "BIGINT", "amount": "BIGINT"}}
    with pytest.raises(msgspec.ValidationError, match=r"needs csv\.columns"):
        msgspec.convert(csv, Csv)


def test_without_names_or_types_the_columns_are_numbered(world: World) -> None:
    world.write("1,a\n2,b\n")
    world.load(csv={"header": False})
    assert world.rows("SELECT column0, column1 FROM kw.raw ORDER BY 1") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("more", [{}, {"lockTimeout": 100}, {"lockTimeout": 50}])
def test_what_was_loaded_before_columns_could_be_named_is_known(more: dict[str, Any]) -> None:
    """However long the file is waited for, which is no part of what is loaded."""
    spec = {"warehouse": {"duckdb": {"path": "/w", **more}}, "table": "t", "csv": {"path": "/in.csv"}}
    found = fingerprint(spec=msgspec.convert(spec, IngestSpec), files=[InputFile(path="/in.csv", sha256="a", size=1)])
    assert found == "sha256:5d0f325b6b47057d101377242d7f0806f128c9cf31627e1c3dc6c551d8bbea18"


def test_names_are_made_plain(world: World) -> None:
    world.write("Event ID,amountGold\n1,2\n")
    world.load(write={"disposition": "merge", "primaryKey": ["Event ID"]}, csv={"schema": {"Event ID": "INTEGER"}})
    assert world.rows("SELECT event_id, amount_gold FROM kw.raw") == [(1, 2)]


def test_empty_fields_say_nothing_of_a_columns_type(world: World) -> None:
    world.write("a,b,c,d\n1,2026-01-02,x,\n,,,\n3,,y,\n")
    world.load()
    assert world.rows("DESCRIBE kw.raw") == [
        (name, kind, "YES", None, None, None)
        for name, kind in zip("abcd", ("BIGINT", "DATE", "VARCHAR", "VARCHAR"), strict=True)
    ]
