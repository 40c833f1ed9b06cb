"""Keys, kubeconfigs, places and arguments of a local cluster: what can be judged without starting one."""

import base64
import datetime
import json
import socket
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from freshet.lazy import Lazy
from freshet.local import cluster_parts
from freshet.local.cli import Commands, local
from freshet.local.cluster import claim, clean, free_port, last_port
from freshet.local.cluster_client import ClusterError
from freshet.local.cluster_install import without_workloads
from freshet.local.cluster_keys import make_keys, write_kubeconfig
from freshet.local.paths import cache_folder, checkout, write_private
from freshet.local.supervise import STATE, own, read_state, running

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)


def test_the_servers_certificate_is_for_loopback_and_signed_by_the_authority(tmp_path: Path) -> None:
    keys = make_keys(folder=tmp_path / "pki", now=NOW)
    authority = x509.load_pem_x509_certificate(keys.authority.read_bytes())
    server = x509.load_pem_x509_certificate(keys.server_certificate.read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "127.0.0.1" in map(str, names.get_values_for_type(x509.IPAddress))
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert server.not_valid_before_utc < NOW < server.not_valid_after_utc


def test_keys_are_private_and_made_once(tmp_path: Path) -> None:
    keys = make_keys(folder=tmp_path / "pki", now=NOW)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys.folder.iterdir())
    token = keys.admin_token
    assert make_keys(folder=tmp_path / "pki", now=NOW).admin_token == token
    assert make_keys(folder=tmp_path / "other", now=NOW).admin_token != token


def test_a_kubeconfig_needs_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("certificate")
    path = write_kubeconfig(
        tmp_path / "kubeconfig", server="https://127.0.0.1:1", authority=tmp_path / "ca.crt", token="t", namespace="n"
    )
    config = json.loads(path.read_text())
    assert base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]) == b"certificate"
    assert config["users"][0]["user"] == {"token": "t"}
    assert config["contexts"][0]["context"]["namespace"] == "n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert last_port(path) == 1


def test_without_a_kubeconfig_no_port_is_preferred(tmp_path: Path) -> None:
    assert last_port(tmp_path / "none") == 0


def test_a_free_port_is_the_preferred_one_unless_it_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(preferred=port) not in (0, port)
    wanted = free_port()
    assert free_port(preferred=wanted) == wanted


def test_only_a_cluster_that_is_kept_waits_for_the_disk() -> None:
    assert "--unsafe-no-fsync" in cluster_parts.etcd(keep=False)
    assert "--unsafe-no-fsync" not in cluster_parts.etcd(keep=True)


def test_cleaning_takes_what_clusters_made_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    claim(folder)
    (folder / "etcd").mkdir()
    (folder / "kubeconfig").touch()
    (folder / "notes.txt").touch()
    clean(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    (folder / "notes.txt").unlink()
    claim(folder)
    clean(folder)
    assert not folder.exists()


def test_a_folder_that_no_cluster_claimed_is_never_cleaned(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    clean(tmp_path)
    assert (tmp_path / "logs").exists()
    with pytest.raises(ClusterError, match="give an empty folder"):
        claim(tmp_path)


def test_the_lock_tells_who_runs(tmp_path: Path) -> None:
    assert not running(tmp_path / "nowhere")
    assert not running(tmp_path)
    lock = own(tmp_path)
    assert running(tmp_path)
    with pytest.raises(ClusterError, match="freshet local down"):
        own(tmp_path)
    lock.close()
    assert not running(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_state_that_cannot_be_read_is_no_state(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE).write_text(text)
    assert read_state(tmp_path) is None


def test_a_private_file_replaces_an_open_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_private(path, "first")
    path.chmod(0o644)
    write_private(path, "second")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("second", 0o600)
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_caches_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.delenv("FRESHET_CACHE", raising=False)
    assert cache_folder() == Path("/x/freshet")
    monkeypatch.setenv("FRESHET_CACHE", "/f")
    assert cache_folder() == Path("/f")
    monkeypatch.delenv("FRESHET_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert cache_folder() == Path("/h/.cache/freshet")


def test_the_checkout_has_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (checkout() / "controlplane" / "go.mod").exists()
    monkeypatch.setenv("FRESHET_CHECKOUT", "/elsewhere")
    assert checkout() == Path("/elsewhere")


def test_deployments_are_left_out() -> None:
    documents = [{"kind": "Service"}, None, {"kind": "Deployment"}, {"kind": "Role"}]
    assert [document["kind"] for document in without_workloads(iter(documents))] == ["Service", "Role"]


def test_help_names_every_command_without_importing_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Lazy(module="freshet.local.no_such_module", name="command", help="Not imported.")
    monkeypatch.setitem(Commands.lazy, "absent", absent)
    shown = CliRunner().invoke(local, ["--help"])
    assert shown.exit_code == 0
    assert all(name in shown.output for name in [*Commands.lazy, "up", "down", "status"])


def test_down_without_a_cluster_says_so(tmp_path: Path) -> None:
    shown = CliRunner().invoke(local, ["down", "--folder", str(tmp_path)])
    assert (shown.exit_code, "No cluster runs" in shown.output) == (0, True)
