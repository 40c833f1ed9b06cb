"""Types, encodings, compressions, formats and globs: what a person would expect to be in the table."""

import gzip
import subprocess
import sys
import zlib
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa
import pytest
from tests.parts.workloads.conftest import World

from freshet.workloads.errors import WorkloadError
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


def test_compressed_files(world: World) -> None:
    content = b"id,name\n1,a\n2\n"
    world.write(gzip.compress(content), "in.csv.gz")
    path = {"path": str(world.folder / "in.csv.gz")}
    result = world.load(csv=path, onBadRows="drop")
    assert (world.rows(), result["samples"][0]["line"]) == ([(1, "a")], 3)
    world.write(pa.compress(b"id,name\n2,b\n", codec="zstd", asbytes=True), "in.csv.zst")
    world.load(csv={"path": str(world.folder / "in.csv.zst")})
    assert world.rows() == [(2, "b")]
    world.write(gzip.compress(b"id,name\n3,c\n"), "plain.csv")
    world.load(csv={"path": str(world.folder / "plain.csv"), "compression": "gzip"})
    assert world.rows() == [(3, "c")]


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


@pytest.mark.parametrize("name", ["IN.CSV.GZ", "in.csv.zstd", "in.csv.ZST"])
def test_a_suffix_may_be_written_in_other_ways(world: World, name: str) -> None:
    codec = "gzip" if name.endswith("GZ") else "zstd"
    world.write(pa.compress(b"id,name\n1,a\n", codec=codec, asbytes=True), name)
    world.load(csv={"path": str(world.folder / name)})
    assert world.rows() == [(1, "a")]


def packed(text: bytes, *, flags: int = 0, more: bytes = b"") -> bytes:
    """gzip with those flags and fields in its header (RFC 1952)."""
    plain = gzip.compress(text)
    return plain[:3] + bytes([flags]) + plain[4:10] + more + plain[10:]


def checked(text: bytes) -> bytes:
    """With a checksum of the header."""
    head = packed(text, flags=2)[:10]
    return packed(text, flags=2, more=(zlib.crc32(head) & 0xFFFF).to_bytes(2, "little"))


BODY = b"id,v\n1,a\nx,b\n"
GZIPS = {
    "plain": packed(BODY),
    "of two members": packed(BODY[:9]) + packed(BODY[9:]),
    "with a comment": packed(BODY, flags=16, more=b"from the till\0"),
    "with its header checked": checked(BODY),
    "with a field of its own": packed(BODY, flags=4, more=b"\x06\0BC\x02\0\x1b\0"),
    "padded": packed(BODY) + bytes(512),
    "hardly padded": packed(BODY) + bytes(3),
    "with a comment in its second member": packed(BODY[:9]) + packed(BODY[9:], flags=16, more=b"again\0"),
}


@pytest.mark.parametrize("kind", GZIPS)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_gzip_of_every_kind(world: World, kind: str, encoding: str) -> None:
    path = world.write(GZIPS[kind], "in.csv.gz")
    csv = {"path": str(path), "encoding": encoding, "schema": {"id": "BIGINT"}}
    world.load(csv=csv, onBadRows="quarantine")
    assert world.rows() == [(1, "a")]
    assert world.rows("SELECT path, line, raw FROM kw.raw__rejected") == [(str(path), 3, "x,b")]


def zstd(text: bytes) -> bytes:
    return bytes(pa.compress(text, codec="zstd", asbytes=True))


ZSTDS = {
    "plain": zstd(BODY),
    "of two frames": zstd(BODY[:9]) + zstd(BODY[9:]),
    "with a frame to skip": b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstd(BODY),
}


@pytest.mark.parametrize("kind", ZSTDS)
def test_zstd_of_every_kind(world: World, kind: str) -> None:
    path = world.write(ZSTDS[kind], "in.csv.zst")
    world.load(csv={"path": str(path), "schema": {"id": "BIGINT"}}, onBadRows="drop")
    assert world.rows() == [(1, "a")]


LONG = b"id,v\n" + b"".join(b"%d,%d\n" % (at, at * 7919 % 99991) for at in range(200_000))
"""Over 1 MB: so much is looked at for the header alone."""
BROKEN = {
    "cut.csv.zst": zstd(LONG)[:-70_000],
    "cut-at-its-checksum.csv.zst": zstd(LONG)[:-1],
    "cut.csv.gz": gzip.compress(LONG)[:-70_000],
    "cut-at-its-trailer.csv.gz": gzip.compress(LONG)[:-4],
    "one-digit-changed.csv.gz": gzip.compress(LONG, compresslevel=0).replace(b"\n150000,", b"\n150009,"),
    "bad-rows-too.csv.gz": gzip.compress(LONG + b"1,2,3\n")[:-4],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_packed_file_that_is_not_whole_is_never_loaded(world: World, name: str) -> None:
    path = world.write(BROKEN[name], name)
    with pytest.raises(WorkloadError, match="whether it is whole") as caught:
        world.load(csv={"path": str(path)}, onBadRows="drop")
    assert (caught.value.reason, name in caught.value.message) == ("FileUnreadable", True)
    assert not world.path.exists() or not world.rows("FROM duckdb_tables() WHERE table_name = 'raw'")


def test_a_padded_gzip_may_grow(world: World) -> None:
    spec = {"write": {"disposition": "append", "onFileChange": "append"}, "onBadRows": "drop"}
    path = world.write(packed(b"id,v\n1,a\n") + bytes(64), "in.csv.gz")
    csv = {"path": str(path), "schema": {"id": "BIGINT"}}
    world.load(csv=csv, **spec)
    world.write(packed(b"id,v\n1,a\n") + packed(b"2,b\n") + bytes(64), "in.csv.gz")
    assert world.load(csv=csv, **spec)["rowsLoaded"] == 1
    assert world.rows() == [(1, "a"), (2, "b")]


TEXTS = {
    **dict.fromkeys(["utf-16", "utf-16-be", "latin-1", "latin1", "ISO-8859-1", "utf-8", "UTF8"], "é"),
    **dict.fromkeys(["cp1252", "windows-1252", "mac_roman"], "é–€"),
    "iso-8859-15": "é€",
    "ascii": "e",
    "cp1251": "ж",
    "cp850": "ø",
    "Shift_JIS": "表",
    "euc-kr": "한",
    "gb18030": "㐀€",
    "big5": "功",
}
"""Shift JIS ends this one with a backslash, and Big5 with a pipe."""


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items())
def test_encodings(world: World, encoding: str, text: str) -> None:
    world.write(f"id,v{text}\n1,{text}\n".encode(encoding))
    world.load(csv={"encoding": encoding, "schema": {"id": "BIGINT"}})
    assert world.rows() == [(1, text)]


_TORN = {
    "cp1252": (b"id,v\n1,\xe9\n2,a\x81b\n3,c\n", "\u00e9"),
    "ascii": (b"id,v\n1,e\n2,a\xc3\xa9b\n3,c\n", "e"),
    "shift_jis": ("id,v\n1,\u8868\n2,a".encode("shift_jis") + b"\x80b\n3,c\n", "\u8868"),
    "utf-16": ("id,v\n1,\u00e9\n2,a".encode("utf-16-le") + b"\x00\xdc" + "b\n3,c\n".encode("utf-16-le"), "\u00e9"),
}


@pytest.mark.parametrize("encoding", _TORN)
def test_a_row_that_is_not_in_the_encoding_is_a_bad_one(world: World, encoding: str) -> None:
    content, first = _TORN[encoding]
    world.write(content)
    csv = {"encoding": encoding, "schema": {"id": "BIGINT", "v": "VARCHAR"}}
    with pytest.raises(WorkloadError, match=r"line 3.* not valid in the file's encoding") as caught:
        world.load(csv=csv)
    assert caught.value.reason == "BadRows"
    told = world.load(csv=csv, onBadRows="quarantine")
    assert (told["rowsLoaded"], told["rowsRejected"]) == (2, 1)
    assert world.rows() == [(1, first), (3, "c")]
    [(line, raw)] = world.rows("SELECT line, raw FROM kw.raw__rejected")
    assert (line, raw.startswith("2,a"), raw.endswith("b")) == (3, True, True)


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_of_either_order_with_and_without_its_mark(world: World, order: str, mark: bool) -> None:
    head = "\ufeff".encode(order) if mark or order.endswith("be") else b""
    world.write(gzip.compress(head + 'id,v\n1,é\n2,"ü\nö"\nx,😀\n'.encode(order)), "in.csv.gz")
    csv = {"path": str(world.folder / "in.csv.gz"), "encoding": "utf-16", "schema": {"id": "BIGINT"}}
    told = world.load(csv=csv, onBadRows="quarantine")
    assert world.rows() == [(1, "é"), (2, "ü\nö")]
    assert world.rows("SELECT path, line, raw FROM kw.raw__rejected") == [(csv["path"], 5, "x,😀")]
    assert told["rowsRejected"] == 1


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_that_grows_is_loaded_from_where_it_was(world: World, order: str) -> None:
    csv = {"encoding": "utf-16", "schema": {"id": "BIGINT"}}
    spec = {"csv": csv, "write": {"disposition": "append", "onFileChange": "append"}, "onBadRows": "drop"}
    content = "\ufeffid,v\n1,é\n"
    world.write(content.encode(order))
    world.load(**spec)
    world.write((content + "2,ö\nx,y\n").encode(order))
    told = world.load(**spec)
    assert (told["rowsLoaded"], told["samples"][0]["line"]) == (1, 4)
    assert world.rows() == [(1, "é"), (2, "ö")]


def test_utf_16_that_ends_within_a_character_has_a_bad_row(world: World) -> None:
    world.write("id,v\n1,é\n".encode("utf-16") + b"\x00")
    with pytest.raises(WorkloadError, match="line 3") as caught:
        world.load(csv={"encoding": "utf-16"})
    assert caught.value.reason == "BadRows"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8", "utf-8-sig", "cp1252"])
def test_lines_are_counted_in_every_encoding(world: World, encoding: str) -> None:
    world.write("id,name\n1,é\n2\n3\n4,d\n".encode(encoding))
    told = world.load(csv={"encoding": encoding.removesuffix("-sig")}, onBadRows="drop")
    assert [sample["line"] for sample in told["samples"]] == [3, 4]


def test_a_byte_order_mark_is_no_part_of_a_name(world: World) -> None:
    world.write(b"\xef\xbb\xbfid,name\n1,a\n")
    world.load(write={"disposition": "merge", "primaryKey": ["id"]})
    assert world.rows("SELECT id FROM kw.raw") == [(1,)]


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


def test_what_was_loaded_before_columns_could_be_named_is_known() -> None:
    spec = {"warehouse": {"duckdb": {"path": "/w"}}, "table": "t", "csv": {"path": "/in.csv"}}
    found = fingerprint(spec=msgspec.convert(spec, IngestSpec), files=[InputFile(path="/in.csv", sha256="a", size=1)])
    assert found == "sha256:5d0f325b6b47057d101377242d7f0806f128c9cf31627e1c3dc6c551d8bbea18"


def test_a_declared_format_serves_inference_too(world: World) -> None:
    world.write("d\n24.12.2026\n")
    world.load(csv={"dateFormat": "%d.%m.%Y"})
    assert world.rows() == [(date(2026, 12, 24),)]


def test_a_date_in_a_declared_format_loses_no_time_of_day(world: World) -> None:
    world.write("id,d\n1,01.02.2024 13:45\n2,02.02.2024 00:00\n")
    csv = {"dateFormat": "%d.%m.%Y %H:%M"}
    world.load(csv=csv, table="text")
    assert world.rows("SELECT d FROM kw.text ORDER BY id") == [("01.02.2024 13:45",), ("02.02.2024 00:00",)]
    world.load(csv={**csv, "timestampFormat": csv["dateFormat"]}, table="times")
    assert world.rows("SELECT d FROM kw.times ORDER BY id")[0] == (datetime(2024, 2, 1, 13, 45),)
    told = world.load(csv={**csv, "schema": {"d": "DATE"}}, onBadRows="drop")
    assert (told["rowsRejected"], told["samples"][0]["line"]) == (1, 2)
    assert world.rows() == [(2, date(2024, 2, 2))]
    world.write("id,d\n1,01.02.2024 13:45\n")
    with pytest.raises(WorkloadError, match="Column d is DATE in the table") as caught:
        world.load(csv=csv, onBadRows="drop")
    assert caught.value.reason == "SchemaConflict"


def test_a_time_of_day_behind_the_first_rows_makes_a_column_of_dates_text(world: World) -> None:
    world.write("d\n" + "01.02.2024 00:00\n" * 3_000 + "01.02.2024 13:45\n")
    world.load(csv={"dateFormat": "%d.%m.%Y %H:%M"})
    assert world.rows("SELECT max(d), count(*) FROM kw.raw") == [("01.02.2024 13:45", 3_001)]


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("%d.%m.%Y %n", "01.02.2024 000000000", True),
        ("%d.%m.%Y %n", "01.02.2024 000000001", False),
        ("%c", "2024-02-01 00:00:00", True),
        ("%c", "2024-02-01 00:00:01", False),
        ("%%H%d.%m.%Y", "%H01.02.2024", True),
        ("%d.%m.%Y %-I %p", "01.02.2024 12 AM", True),
        ("%d.%m.%Y %-I %p", "01.02.2024 1 AM", False),
        ("%Y-%m-%d %z", "2024-02-01 +0200", False),
        ("%d.%m.%Y", "infinity", False),
        ("%d.%m.%Y", " Epoch", False),
    ],
)
def test_what_a_format_says_beside_the_day_is_nothing_or_a_bad_row(
    world: World, pattern: str, value: str, fits: bool
) -> None:
    world.write(f"id,d\n1,{value}\n2,\n")
    world.load(csv={"dateFormat": pattern, "schema": {"d": "DATE"}}, onBadRows="drop")
    assert world.rows() == ([(1, date(2024, 2, 1))] if fits else []) + [(2, None)]


def test_a_word_is_no_time_in_any_format(world: World) -> None:
    world.write("id,t\n1,infinity\n2,01.01.1900 00:00\n")
    csv = {"timestampFormat": "%d.%m.%Y %H:%M"}
    world.load(csv={**csv, "schema": {"t": "TIMESTAMP"}}, onBadRows="drop")
    assert world.rows() == [(2, datetime(1900, 1, 1))]
    world.load(csv={**csv, "dateFormat": "%d.%m.%Y %H:%M"}, table="text")
    assert world.rows("SELECT t FROM kw.text ORDER BY id") == [("infinity",), ("01.01.1900 00:00",)]


def test_files_of_a_glob_are_one_load_whatever_the_order_of_their_columns(world: World) -> None:
    world.write("id,name\n1,a\n", "day-1.csv")
    world.write("level,id\n9,2\n", "day-2.csv")
    world.write("id,name\n", "day-3.csv")
    world.load(csv={"path": str(world.folder / "day-*.csv")})
    assert world.rows("SELECT id, name, level FROM kw.raw ORDER BY id") == [(1, "a", None), (2, None, 9)]


def test_a_type_that_only_a_later_file_shows(world: World) -> None:
    world.write("v\n1\n", "day-1.csv")
    world.write("v\n1.5\n", "day-2.csv")
    world.load(csv={"path": str(world.folder / "day-*.csv")})
    assert world.rows() == [(1.0,), (1.5,)]


def test_numbers_of_several_files_that_no_double_keeps_are_text(world: World) -> None:
    world.write("v\n1234567890123456789\n", "day-1.csv")
    world.write("v\n1.5\n", "day-2.csv")
    world.load(csv={"path": str(world.folder / "day-*.csv")})
    assert world.rows() == [("1.5",), ("1234567890123456789",)]


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


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_no_time_is_infinite(world: World, kind: str) -> None:
    world.write("id,at\n1,infinity\n2,-Infinity\n3,epoch\n")
    told = world.load(csv={"schema": {"id": "BIGINT", "at": kind}}, onBadRows="drop")
    assert [sample["line"] for sample in told["samples"]] == [2, 3]
    assert world.rows('SELECT id, epoch("at") FROM kw.raw') == [(3, 0)]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
@pytest.mark.parametrize("pattern", [None, "%Y-%m-%d %H:%M:%S"])
def test_no_time_is_of_a_year_beyond_four_digits(world: World, kind: str, pattern: str | None) -> None:
    years = ("0001", "20262", "0000", "0024", "9999")
    world.write("id,at\n" + "".join(f"{year},{year}-01-02 00:00:00\n" for year in years))
    csv = {"schema": {"id": "BIGINT", "at": kind}, "dateFormat": pattern, "timestampFormat": pattern}
    told = world.load(csv=csv, onBadRows="drop", dataTimeColumn="at")
    assert ([sample["line"] for sample in told["samples"]], told["dataTime"]) == ([3, 4], "9999-01-02T00:00:00.000000Z")
    assert world.rows('SELECT id FROM kw.raw WHERE year("at") = id ORDER BY id') == [(1,), (24,), (9999,)]


@pytest.mark.parametrize("odd", ["0000-01-02T00:00:00Z", "0001-01-01T00:00:00+05", "9999-12-31T23:00:00-05"])
def test_a_column_with_such_a_year_is_inferred_as_text(world: World, odd: str) -> None:
    world.write(f"at\n2026-01-01T00:00:00Z\n{odd}\n")
    world.load()
    assert world.rows() == sorted([(odd,), ("2026-01-01T00:00:00Z",)])
