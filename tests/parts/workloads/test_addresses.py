"""Loads from https:// and s3:// addresses, against small servers of this test."""

import gzip
import hashlib
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from tests.parts.workloads.conftest import World
from tests.support.secrecy import S3_KEY

from freshet.workloads import remote
from freshet.workloads.addresses import shown
from freshet.workloads.errors import WorkloadError
from freshet.workloads.spec import IngestSpec, read_spec

MERGE = {"disposition": "merge", "primaryKey": ["id"]}


class Server:
    """Serves ``files`` (path → content) as a web server and as an S3 bucket; ``asked`` are the requests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.tagged = True
        self.restless = 0
        """How many first answers have each an ETag of its own; none afterwards."""
        self.head = 200
        self.sized = True
        self.head_length: int | None = None
        """What HEAD says that the file has."""
        self.modified: float | None = 1767225600.0
        self.redirects: dict[str, str] = {}
        self.refusal: tuple[int, str] | None = None
        self.read_at = 0.0
        self.authorization: str | None = None
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def reads(self) -> list[str]:
        return [one for one in self.asked if one.startswith("GET") and "list-type" not in one]


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            if server.head == 200:
                self.answer(body=False)
            else:
                self.send(server.head, b"")

        def do_GET(self) -> None:
            server.read_at = time.time()
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            server.asked.append(f"{self.command} {self.path}")
            parts = urlsplit(self.path)
            content = server.files.get(unquote(parts.path))
            if server.authorization and self.headers.get("Authorization") != server.authorization:
                self.send(403, b"")
            elif server.refusal:
                status, code = server.refusal
                self.send(status, f"<Error><Code>{code}</Code></Error>".encode(), body=body)
            elif "list-type" in parse_qs(parts.query):
                self.send(200, self.listing(parts))
            elif parts.path in server.redirects:
                self.send(301, b"", location=server.redirects[parts.path])
            elif content is None:
                self.send(404, b"")
            else:
                self.send(200, content, body=body)

        def listing(self, parts: Any) -> bytes:
            prefix = parse_qs(parts.query).get("prefix", [""])[0]
            keys = [path.removeprefix(f"{parts.path.rstrip('/')}/") for path in server.files]
            found = "".join(
                f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag>"
                f"<Size>{len(server.files[f'{parts.path.rstrip(chr(47))}/{key}'])}</Size></Contents>"
                for key in keys
                if key.startswith(prefix)
            )
            return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()

        def send(self, status: int, content: bytes, *, body: bool = True, location: str = "") -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            if server.refusal:
                self.send_header("x-amz-bucket-region", "eu-west-1")
            length = len(content) if body or server.head_length is None else server.head_length
            if body or server.sized:
                self.send_header("Content-Length", str(length))
            if server.tagged and status == 200:
                if server.restless:
                    server.restless -= 1
                    self.send_header("ETag", f'"{server.restless}"')
                elif server.modified is not None:
                    self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
                self.send_header("Last-Modified", formatdate(server.modified or time.time(), usegmt=True))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.http.serve_forever, args=(0.05,))
    thread.start()
    yield found
    found.http.shutdown()
    found.http.server_close()
    thread.join()


def test_a_web_address_is_read_and_unchanged_only_asked_about(world: World, server: Server) -> None:
    server.files["/in.csv.gz"] = gzip.compress(b"id,v\n1,a\n2,b\n", mtime=0)
    csv = {"path": f"{server.url}/in.csv.gz?key=secret"}
    first = world.load(csv=csv, write=MERGE)
    assert (first["rows"], first["bytes"]) == (2, len(server.files["/in.csv.gz"]))
    server.asked.clear()
    again = world.load(csv=csv, write=MERGE, last=None)
    assert (again["changed"], again["version"], server.reads()) == (False, first["version"], [])
    server.files["/in.csv.gz"] = gzip.compress(b"id,v\n2,c\n3,d\n", mtime=0)
    assert world.load(csv=csv, write=MERGE)["rows"] == 3
    assert world.rows() == [(1, "a"), (2, "c"), (3, "d")]


def test_the_bytes_of_an_address_that_tells_no_length_are_those_that_came(world: World, server: Server) -> None:
    server.files["/in.csv"], server.sized = b"id,v\n1,a\n", False
    assert world.load(csv={"path": f"{server.url}/in.csv"})["bytes"] == 9


def test_an_address_that_was_written_just_now_is_read_when_its_second_is_over(world: World, server: Server) -> None:
    """What overwrites it by then has the same time, and may have the same size."""
    server.files["/a.csv"], server.modified = b"id\n1\n", time.time()
    world.load(csv={"path": f"{server.url}/a.csv"})
    assert int(server.read_at) > int(server.modified)


def test_appending_a_signature_that_changes_is_no_other_file(world: World, server: Server) -> None:
    server.files["/a.csv"] = b"id,v\n1,a\nx,b\n"
    more = {"write": {"disposition": "append"}, "onBadRows": "quarantine"}
    for signature in ("s1gned", "an0ther"):
        path = f"{server.url}/a.csv?sig={signature}"
        assert world.load(csv={"path": path, "schema": {"id": "BIGINT"}}, **more)["rows"] == 1
    for table in ("_freshet_files", "raw__rejected"):
        assert world.rows(f"SELECT path FROM kw.{table}") == [(f"{server.url}/a.csv",)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 501])
def test_a_server_that_answers_no_head_is_asked_by_get(world: World, server: Server, status: int) -> None:
    """So is one where an address is signed for GET alone."""
    server.files["/a.csv"], server.head = b"id\n1\n", status
    spec = {"csv": {"path": f"{server.url}/a.csv"}}
    first = world.load(**spec)
    assert (first["rows"], world.load(last=first, **spec)["changed"]) == (1, False)


def test_a_head_that_says_nothing_is_in_a_file_is_not_taken_at_its_word(world: World, server: Server) -> None:
    server.files["/a.csv"], server.head_length = b"id\n1\n", 0
    spec = {"csv": {"path": f"{server.url}/a.csv"}}
    first = world.load(**spec)
    assert (first["rows"], first["bytes"], world.load(last=first, **spec)["changed"]) == (1, 5, False)


@pytest.mark.parametrize(
    "path",
    [
        "https://loader:pa55word@example.com/in.csv",
        "http://loader:pa55word@127.0.0.1:9/in.csv",
        "https://pa55word@example.com?sig=1",
        "s3://id:pa55word@bucket/in.csv",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(world: World, path: str) -> None:
    with pytest.raises(WorkloadError, match=r"csv\.secretRef") as caught:
        read_spec(IngestSpec, path=str(world.spec_file(csv={"path": path})))
    assert (caught.value.reason, "pa55word" in caught.value.message) == ("SpecInvalid", False)


@pytest.mark.parametrize("path", ["/data/a@b:c.csv", "s3://bucket/a@b.csv", "https://h/a@b.csv", "https://h?u=a@b"])
def test_an_at_sign_elsewhere_is_one(world: World, path: str) -> None:
    assert read_spec(IngestSpec, path=str(world.spec_file(csv={"path": path}))).csv.path == path


def test_a_name_for_people_has_neither_password_nor_signature() -> None:
    told = {
        "https://u:p@h/a@b.csv?sig=1#x": "https://h/a@b.csv",
        "http://u@127.0.0.1:9/a.csv": "http://127.0.0.1:9/a.csv",
        "s3://k:s@bucket/a?b@c.csv": "s3://bucket/a?b@c.csv",
        "/data/a?b@c.csv": "/data/a?b@c.csv",
    }
    assert {path: shown(path) for path in told} == told


def test_a_server_that_tells_nothing_is_read_to_the_end(world: World, server: Server) -> None:
    server.tagged = False
    server.files["/in.csv"] = b"id,v\n1,a\n"
    first = world.load(csv={"path": f"{server.url}/in.csv"})
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] == first["version"]
    server.files["/in.csv"] = b"id,v\n1,b\n"
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] != first["version"]


def test_an_address_may_grow_and_only_its_new_rows_are_loaded(world: World, server: Server) -> None:
    """A server only says that something changed: what that is, the content tells."""
    csv, write = {"path": f"{server.url}/in.csv"}, {"disposition": "append", "onFileChange": "append"}
    server.files["/in.csv"] = b"id,v\n1,a\n"
    world.load(csv=csv, write=write)
    server.files["/in.csv"] = b"id,v\n1,a\n2,b\n"
    assert (world.load(csv=csv, write=write)["rowsLoaded"], world.rows()) == (1, [(1, "a"), (2, "b")])
    server.files["/in.csv"] = b"id,v\n1,A\n2,b\n3,c\n"
    with pytest.raises(WorkloadError, match="has changed within its first") as caught:
        world.load(csv=csv, write=write)
    assert caught.value.reason == "FileChanged"


def test_an_address_that_was_written_anew_as_it_was_is_not_appended_twice(world: World, server: Server) -> None:
    """Its time is another, and its content is not."""
    csv, write = {"path": f"{server.url}/in.csv"}, {"disposition": "append"}
    server.files["/in.csv"] = b"id,v\n1,a\n"
    first = world.load(csv=csv, write=write)
    assert server.modified is not None
    server.modified += 3600
    again = world.load(csv=csv, write=write)
    assert (again["changed"], again["version"], world.rows()) == (False, first["version"], [(1, "a")])
    for content in (b"id,v\n1,a\n2,b\n", b"id,v\n1,b\n", b"id,v\n"):
        server.files["/in.csv"] = content
        with pytest.raises(WorkloadError) as caught:
            world.load(csv=csv, write=write)
        assert caught.value.reason == "FileChanged"
    assert world.rows() == [(1, "a")]


def test_an_address_that_is_always_written_just_now_is_known_by_its_content(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many a page that is made when it is asked for says so, to keep caches away."""
    monkeypatch.setattr(remote, "YOUNG", 0.5)
    server.modified = None
    server.files["/in.csv"] = b"id,v\n1,a\n"
    first = world.load(csv={"path": f"{server.url}/in.csv"})
    assert (first["rows"], first["bytes"]) == (1, 9)
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] == first["version"]
    server.files["/in.csv"] = b"id,v\n1,b\n"
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] != first["version"]


def test_an_address_whose_tag_is_another_with_each_answer_is_known_by_its_content(world: World, server: Server) -> None:
    """A server may make one up, or ask one of several that do not agree."""
    server.restless = 1_000_000
    server.files["/in.csv"] = b"id,v\n1,a\n"
    first = world.load(csv={"path": f"{server.url}/in.csv"})
    assert (first["rows"], first["bytes"]) == (1, 9)
    again = world.load(csv={"path": f"{server.url}/in.csv"}, last=first)
    assert (again["version"], "not opened" in again["message"]) == (first["version"], True)
    server.files["/in.csv"] = b"id,v\n1,b\n"
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] != first["version"]


def test_a_tag_that_comes_to_rest_meanwhile_is_no_change(
    world: World, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freshet.workloads.load.LOG.propagate", True)
    server.restless = 2
    server.files["/in.csv"] = b"id,v\n1,a\n"
    with caplog.at_level("INFO", logger="freshet.workloads"):
        assert world.load(csv={"path": f"{server.url}/in.csv"})["rows"] == 1
    assert "reading it again" not in caplog.text


def test_a_redirect_is_followed(world: World, server: Server) -> None:
    server.files["/there.csv"] = b"id,v\n1,a\n"
    server.redirects["/here.csv"] = f"{server.url}/there.csv"
    assert world.load(csv={"path": f"{server.url}/here.csv"})["rows"] == 1


def test_bad_rows_name_the_address_without_its_query(world: World, server: Server) -> None:
    server.files["/in.csv"] = b"id,v\n1,a\nx,b\n"
    csv = {"path": f"{server.url}/in.csv?key=secret", "schema": {"id": "BIGINT"}}
    with pytest.raises(WorkloadError) as caught:
        world.load(csv=csv)
    assert caught.value.reason == "BadRows"
    assert f"{server.url}/in.csv" in caught.value.message
    assert "secret" not in caught.value.message
    assert caught.value.refused is not None
    assert "secret" not in str(caught.value.refused["message"])
    assert str(world.folder) not in caught.value.message


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/none.csv?key=s1gned", "FileMissing"), ("/empty.csv?key=s1gned", "EmptyFile")],
)
def test_what_is_not_there_is_a_sentence(world: World, server: Server, path: str, reason: str) -> None:
    server.files["/empty.csv"] = b""
    with pytest.raises(WorkloadError) as caught:
        world.load(csv={"path": server.url + path})
    assert (caught.value.reason, caught.value.exit_code) == (reason, 2)
    assert "s1gned" not in caught.value.message


def test_credentials_come_from_the_environment(world: World, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.authorization = "Bearer of-the-test"
    server.files["/in.csv"] = b"id,v\n1,a\n"
    with pytest.raises(WorkloadError) as caught:
        world.load(csv={"path": f"{server.url}/in.csv"})
    assert (caught.value.reason, caught.value.exit_code) == ("PermissionDenied", 2)
    monkeypatch.setenv("HTTPS_AUTHORIZATION", "Bearer of-the-test")
    assert world.load(csv={"path": f"{server.url}/in.csv"})["rows"] == 1


def test_a_server_that_is_away_is_tried_again(world: World) -> None:
    with pytest.raises(WorkloadError) as caught:
        world.load(csv={"path": "http://127.0.0.1:9/in.csv"})
    assert (caught.value.reason, caught.value.exit_code) == ("SourceUnavailable", 4)


def test_an_address_of_another_kind_is_named(world: World) -> None:
    with pytest.raises(WorkloadError, match="ftp://") as caught:
        world.load(csv={"path": "ftp://example.com/x.csv"})
    assert caught.value.reason == "UnsupportedUrl"
    with pytest.raises(WorkloadError, match=r"http://example\.com/x\.csv is") as caught:
        world.load(csv={"path": "http://example.com/x.csv?sig=s1gned"})
    assert "s1gned" not in caught.value.message


@pytest.fixture
def bucket(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": S3_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    server.files["/bucket/2026/a.csv"] = b"id,v\n1,a\n"
    server.files["/bucket/2026/b.csv"] = b"id,v\n2,b\n"
    server.files["/bucket/2026/old/c.csv"] = b"id,v\n3,c\n"
    server.files["/bucket/2026/readme.txt"] = b"no rows"
    return server


def test_a_glob_in_a_bucket(world: World, bucket: Server) -> None:
    append = {"disposition": "append"}
    csv = {"path": "s3://bucket/2026/*.csv"}
    assert world.load(csv=csv, write=append)["rows"] == 2
    bucket.asked.clear()
    assert not world.load(csv=csv, write=append)["changed"]
    assert bucket.reads() == []
    bucket.files["/bucket/2026/d.csv"] = b"id,v\n4,d\n"
    assert world.load(csv=csv, write=append)["rowsLoaded"] == 1
    assert world.rows() == [(1, "a"), (2, "b"), (4, "d")]
    everything = world.load(csv={"path": "s3://bucket/2026/**.csv"}, write={"disposition": "replace"})
    assert everything["rows"] == 4


def test_folders_of_a_glob_in_a_bucket_may_be_none(world: World, bucket: Server) -> None:
    """As on a volume, and as everywhere: what lies in the folder itself is no less of it."""
    assert world.load(csv={"path": "s3://bucket/2026/**/*.csv"})["rows"] == 3
    assert world.load(csv={"path": "s3://bucket/**/c.csv"})["rows"] == 1


def test_a_glob_is_one_question_however_many_files_there_are(world: World, bucket: Server) -> None:
    append = {"disposition": "append"}
    for number in range(20):
        bucket.files[f"/bucket/many/{number} [x].csv"] = f"id\n{number}\n".encode()
    csv = {"path": "s3://bucket/many/*.csv"}
    first = world.load(csv=csv, write=append)
    assert first["rows"] == 20
    bucket.asked.clear()
    world.load(csv=csv, write=append, last=first)
    assert len(bucket.asked) == 1


@pytest.mark.parametrize("path", ["s3://bucket/2026/a.csv", "s3://bucket/2026/*.csv"])
@pytest.mark.parametrize(
    ("status", "code", "reasons"),
    [
        (301, "PermanentRedirect", {"RegionWrong"}),
        (400, "AuthorizationHeaderMalformed", {"RegionWrong"}),
        (400, "ExpiredToken", {"PermissionDenied", "RegionWrong"}),  # HEAD has no room to say which
    ],
)
def test_what_s3_refuses_is_no_silence(
    world: World, bucket: Server, path: str, status: int, code: str, reasons: set[str]
) -> None:
    bucket.refusal = (status, code)
    with pytest.raises(WorkloadError) as caught:
        world.load(csv={"path": path})
    assert caught.value.reason in reasons
    assert caught.value.exit_code == 2
    assert "csv.secretRef" in caught.value.message


def test_a_server_that_fails_says_with_what(world: World, server: Server) -> None:
    server.refusal = (500, "")
    with pytest.raises(WorkloadError, match="answers 500") as caught:
        world.load(csv={"path": f"{server.url}/in.csv"})
    assert caught.value.reason == "SourceUnavailable"


def test_one_object_and_none(world: World, bucket: Server) -> None:
    assert world.load(csv={"path": "s3://bucket/2026/a.csv"})["rows"] == 1
    for path, reason in (("s3://bucket/2026/z.csv", "FileMissing"), ("s3://bucket/2027/*.csv", "NoFilesMatch")):
        with pytest.raises(WorkloadError) as caught:
            world.load(csv={"path": path})
        assert caught.value.reason == reason


def test_azure_needs_an_account(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(WorkloadError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        world.load(csv={"path": "az://container/in.csv"})
