"""Files that gzip or zstd has packed: whoever packed them, all their rows are read, or none is loaded."""

import gzip
import zlib

import pyarrow as pa
import pytest
from tests.parts.workloads.conftest import World

from freshet.workloads.errors import WorkloadError


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
