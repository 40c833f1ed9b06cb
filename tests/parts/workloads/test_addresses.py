"""What is told of a file at an address: no password and no signature, and what is in the way of reading it."""

import gzip

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.web_server import Server

from freshet.workloads.addresses import shown
from freshet.workloads.errors import WorkloadError
from freshet.workloads.spec import IngestSpec, read_spec


def test_appending_a_signature_that_changes_is_no_other_file(world: World, server: Server) -> None:
    server.files["/a.csv"] = b"id,v\n1,a\nx,b\n"
    more = {"write": {"disposition": "append"}, "onBadRows": "quarantine"}
    for signature in ("s1gned", "an0ther"):
        path = f"{server.url}/a.csv?sig={signature}"
        assert world.load(csv={"path": path, "schema": {"id": "BIGINT"}}, **more)["rows"] == 1
    for table in ("_freshet_files", "raw__rejected"):
        assert world.rows(f"SELECT path FROM kw.{table}") == [(f"{server.url}/a.csv",)]


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


@pytest.mark.parametrize("space", [" {}", "{} ", "\t{}\r\n"])
def test_space_around_a_credential_is_no_part_of_it(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch, space: str
) -> None:
    server.authorization = "Bearer of-the-test"
    server.files["/in.csv"] = b"id,v\n1,a\n"
    monkeypatch.setenv("HTTPS_AUTHORIZATION", space.format(server.authorization))
    assert world.load(csv={"path": f"{server.url}/in.csv"})["rows"] == 1


@pytest.mark.parametrize("odd", ["ü", "\n", "\x7f", "–"])
def test_a_credential_that_no_header_takes_is_named_and_not_repeated(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    monkeypatch.setenv("HTTPS_AUTHORIZATION", f"Bearer of{odd}the-test")
    with pytest.raises(WorkloadError, match="HTTPS_AUTHORIZATION") as caught:
        world.load(csv={"path": f"{server.url}/in.csv"})
    assert (caught.value.reason, caught.value.exit_code) == ("AuthenticationFailed", 2)
    assert "the-test" not in caught.value.message
    assert server.asked == []


def test_the_last_part_of_an_address_may_be_longer_than_the_name_of_a_file(world: World, server: Server) -> None:
    name = "/" + "ä" * 300 + ".csv.gz"
    server.files[name] = gzip.compress(b"id,v\n1,a\n")
    assert world.load(csv={"path": server.url + name})["rows"] == 1


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


@pytest.mark.parametrize(
    "path",
    [
        *("https://", "https:///x.csv", "https://:0/x.csv", "https://h:abc/x.csv", "https://a..b/x.csv?sig=s1gned"),
        *(f"https://{'a' * 64}.com/x.csv", "s3://b//x.csv", "s3:///x.csv", "s3://b//d/*.csv"),
    ],
)
def test_what_cannot_be_an_address_is_told_as_that(world: World, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(WorkloadError, match=r"csv\.path") as caught:
        world.load(csv={"path": path})
    assert (caught.value.reason, caught.value.exit_code) == ("UnsupportedUrl", 2)
    assert "s1gned" not in caught.value.message


def test_a_server_that_fails_says_with_what(world: World, server: Server) -> None:
    server.refusal = (500, "")
    with pytest.raises(WorkloadError, match="answers 500") as caught:
        world.load(csv={"path": f"{server.url}/in.csv"})
    assert caught.value.reason == "SourceUnavailable"
