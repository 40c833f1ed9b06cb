"""Encodings of files: their text, their lines, and the rows that are not in them."""

import gzip

import pytest
from tests.parts.workloads.conftest import World

from freshet.workloads.errors import WorkloadError

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


@pytest.mark.parametrize("encoding", ["latin-1", "iso-8859-15"])
def test_a_control_character_above_ascii_is_one_in_latin_1_too(world: World, encoding: str) -> None:
    world.write(b"id,v\n1,\xe9\n2,a\x80b\nx,\x85\n3,c\x9f\n")
    told = world.load(csv={"encoding": encoding, "schema": {"id": "BIGINT"}}, onBadRows="quarantine")
    assert (world.rows(), told["rowsRejected"]) == ([(1, "é"), (2, "a\x80b"), (3, "c\x9f")], 1)
    assert world.rows("SELECT line, raw FROM kw.raw__rejected") == [(4, "x,\x85")]


def test_plain_latin_1_takes_no_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("freshet.workloads.in_utf8._written")
    world.write(b"id,v\n1,\xe9\xa0\xff\n")
    world.load(csv={"encoding": "latin-1"})
    assert world.rows() == [(1, "é\xa0ÿ")]


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
