"""Loads from buckets: globs, single objects, and what is refused."""

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.web_server import Server
from tests.support.secrecy import S3_KEY

from freshet.workloads.errors import WorkloadError


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


def test_a_key_may_be_longer_than_the_name_of_a_file(world: World, bucket: Server) -> None:
    name = "a" * 300 + ".csv"
    bucket.files[f"/bucket/{name}"] = b"id,v\n1,a\n"
    assert world.load(csv={"path": f"s3://bucket/{name}"})["rows"] == 1
