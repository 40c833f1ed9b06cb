"""Loads from gs:// and az:// addresses, against emulators that want the credentials of a Secret."""

import base64
import gzip
import time
import uuid
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.parts.workloads.conftest import World
from tests.parts.workloads.writes import MERGE
from tests.support.azurite import ACCOUNT, connection_string, running_azurite, sas_token
from tests.support.gcs import Gcs, running_gcs, service_account
from tests.support.secrecy import AZURE_KEY

from freshet.workloads import remote
from freshet.workloads.clouds import azure_options, bucket
from freshet.workloads.errors import WorkloadError


@pytest.fixture(scope="module")
def gcs() -> Iterator[Gcs]:
    with running_gcs() as found:
        yield found


@pytest.fixture(scope="module")
def azurite() -> Iterator[str]:
    with running_azurite() as address:
        bucket("az", {"AZURE_STORAGE_CONNECTION_STRING": connection_string(address)}).create_dir("lake")
        yield address


class Cloud:
    """A folder of a bucket. ``good`` and ``bad`` are what a Secret may hold."""

    def __init__(self, scheme: str, folder: str, *, good: dict[str, str], bad: dict[str, str]) -> None:
        self.scheme, self.folder, self.good, self.bad = scheme, folder, good, bad

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.folder}"

    def put(self, name: str, content: bytes) -> None:
        with bucket(self.scheme, self.good).open_output_stream(f"{self.folder}/{name}", compression=None) as stream:
            stream.write(content)


def google(found: Gcs) -> Cloud:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    where = {"STORAGE_EMULATOR_HOST": found.address}
    good, bad = where | {"GOOGLE_CREDENTIALS": found.key}, where | {"GOOGLE_CREDENTIALS": service_account(stranger)}
    return Cloud("gs", f"lake/{uuid.uuid4().hex}", good=good, bad=bad)


def azure(address: str) -> Cloud:
    wrong = base64.b64encode(bytes(32)).decode()
    good = {"AZURE_STORAGE_CONNECTION_STRING": connection_string(address)}
    bad = {"AZURE_STORAGE_CONNECTION_STRING": connection_string(address, key=wrong)}
    return Cloud("az", f"lake/{uuid.uuid4().hex}", good=good, bad=bad)


@pytest.fixture(params=["gs", "az"])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, world: World) -> Cloud:
    monkeypatch.setattr("tempfile.tempdir", str(world.folder))
    made = (
        google(request.getfixturevalue("gcs")) if request.param == "gs" else azure(request.getfixturevalue("azurite"))
    )
    for name, value in made.good.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is overwritten nothing needs to settle."""
    monkeypatch.setattr(remote, "YOUNG", 0.0)


def test_a_glob_of_packed_files_is_loaded_and_unchanged_not_read_again(world: World, cloud: Cloud) -> None:
    cloud.put("2026/a.csv.gz", gzip.compress(b"id,v\n1,a\n", mtime=0))
    cloud.put("2026/b.csv.gz", gzip.compress(b"id,v\n2,b\n", mtime=0))
    cloud.put("2026/deep/c.csv.gz", gzip.compress(b"id,v\n3,c\n", mtime=0))
    cloud.put("other.txt", b"x")
    csv = {"path": f"{cloud.url}/2026/*.csv.gz"}
    first = world.load(csv=csv, write=MERGE)
    assert (first["rows"], world.rows()) == (2, [(1, "a"), (2, "b")])
    again = world.load(csv=csv, write=MERGE)
    assert (again["changed"], again["version"]) == (False, first["version"])
    assert world.load(csv={"path": f"{cloud.url}/2026/**.csv.gz"}, write=MERGE)["rows"] == 3
    cloud.put("2026/b.csv.gz", gzip.compress(b"id,v\n2,another\n", mtime=0))
    assert world.load(csv=csv, write=MERGE)["version"] != first["version"]
    assert world.rows() == [(1, "a"), (2, "another"), (3, "c")]


@pytest.mark.usefixtures("at_once")
def test_a_name_with_brackets_and_what_is_hidden_are_as_on_a_volume(world: World, cloud: Cloud) -> None:
    for name, number in (("b[1].csv", 1), ("b1.csv", 2), (".hidden.csv", 3)):
        cloud.put(name, b"id\n%d\n" % number)
    world.load(csv={"path": f"{cloud.url}/b[1].csv"})
    assert world.rows() == [(1,)]
    world.load(csv={"path": f"{cloud.url}/*.csv"})
    assert world.rows() == [(1,), (2,)]
    world.load(csv={"path": f"{cloud.url}/b[12].csv"})
    assert world.rows() == [(2,)]


def test_a_file_that_was_written_just_now_is_looked_at_again(
    world: World, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What overwrites it meanwhile, of the same size, may have the same time, which is whole seconds in Azure."""
    waits: list[float] = []

    def overwritten(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            cloud.put("in.csv", b"id,v\n1,b\n")
        time.sleep(seconds)

    monkeypatch.setattr(remote, "time", SimpleNamespace(time=time.time, sleep=overwritten))
    cloud.put("in.csv", b"id,v\n1,a\n")
    world.load(csv={"path": f"{cloud.url}/in.csv"})
    assert world.rows() == [(1, "b")]
    assert 1 <= len(waits) <= 3
    assert max(waits) <= remote.YOUNG


@pytest.mark.usefixtures("at_once")
def test_an_unchanged_object_is_only_asked_about(world: World, gcs: Gcs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(world.folder))
    cloud = google(gcs)
    for name, value in cloud.good.items():
        monkeypatch.setenv(name, value)
    cloud.put("in.csv", b"id,v\n1,a\n")
    world.load(csv={"path": f"{cloud.url}/in.csv"}, write=MERGE)
    assert gcs.reads()
    gcs.asked.clear()
    assert world.load(csv={"path": f"{cloud.url}/in.csv"}, write=MERGE)["changed"] is False
    assert gcs.asked
    assert gcs.reads() == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none.csv", "FileMissing"), ("none*.csv", "NoFilesMatch"), ("../nobucket/x.csv", "FileMissing")],
)
def test_what_is_not_there_is_a_sentence(world: World, cloud: Cloud, name: str, reason: str) -> None:
    path = f"{cloud.scheme}://nobucket/x.csv" if name.startswith("..") else f"{cloud.url}/{name}"
    with pytest.raises(WorkloadError) as caught:
        world.load(csv={"path": path})
    assert caught.value.reason == reason


@pytest.mark.usefixtures("at_once")
def test_credentials_that_are_refused_are_a_sentence(
    world: World, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put("in.csv", b"id\n1\n")
    for name, value in cloud.bad.items():
        monkeypatch.setenv(name, value)
    for name in ("in.csv", "in*.csv"):
        with pytest.raises(WorkloadError) as caught:
            world.load(csv={"path": f"{cloud.url}/{name}"})
        assert caught.value.reason == "PermissionDenied"
        assert "mend csv.secretRef" in caught.value.message


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("credentials", [{"AccountKey": AZURE_KEY}, {"SharedAccessSignature": sas_token("rl")}])
def test_azure_takes_a_key_or_a_token(
    world: World, azurite: str, credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = azure(azurite)
    cloud.put("in.csv", b"id\n1\n")
    parts = {"AccountName": ACCOUNT, "BlobEndpoint": f"http://{azurite}/{ACCOUNT}", **credentials}
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", ";".join(f"{name}={text}" for name, text in parts.items()))
    assert world.load(csv={"path": f"{cloud.url}/in.csv"})["rows"] == 1


def test_variables_of_azure_alone_are_enough() -> None:
    place = {"AZURE_STORAGE_ACCOUNT_NAME": "shop"}
    assert azure_options({**place, "AZURE_STORAGE_ACCOUNT_KEY": "k"}) == {"account_name": "shop", "account_key": "k"}
    for token in ("sv=1&sig=2", "?sv=1&sig=2"):
        found = azure_options({**place, "AZURE_STORAGE_SAS_TOKEN": token})
        assert found == {"account_name": "shop", "sas_token": "?sv=1&sig=2"}
    other = azure_options({"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;EndpointSuffix=core.chinacloudapi.cn"})
    assert other["blob_storage_authority"] == ".blob.core.chinacloudapi.cn"
    with pytest.raises(WorkloadError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        azure_options({})


def test_a_key_that_is_none_is_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(world.folder))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "shop")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "not base64")
    monkeypatch.setenv("GOOGLE_CREDENTIALS", "not JSON")
    for scheme in ("az", "gs"):
        with pytest.raises(WorkloadError) as caught:
            world.load(csv={"path": f"{scheme}://lake/in.csv"})
        assert caught.value.reason == "CredentialsMissing"
