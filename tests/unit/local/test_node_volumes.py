"""What volumes hold, and how they are put on disk."""

import os
from pathlib import Path
from typing import Any

import pytest

from freshet.local.node.payload import File, TokenRequest, VolumeError, payload, token_requests
from freshet.local.node.sources import Reference, Sources
from freshet.local.node.volumes import is_refreshed, prepare, write_files

SOURCES = Sources(
    contents={
        Reference(kind="configmap", name="conf"): {"a.toml": b"a=1", "b": b"2"},
        Reference(kind="secret", name="keys"): {"token": b"\x00\xff"},
        Reference(kind="configmap", name="gone"): None,
    }
)
TOKENS = {TokenRequest(audience="", seconds=3607): "jwt"}


def pod(*volumes: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "x"}}
    return {"metadata": metadata, "spec": {"containers": [], "volumes": list(volumes)}}


def files(volume: dict[str, Any]) -> tuple[File, ...] | None:
    return payload(pod=pod(volume), volume=volume, sources=SOURCES, tokens=TOKENS, allocatable={})


def test_configmap_whole_with_mode() -> None:
    assert files({"name": "v", "configMap": {"name": "conf", "defaultMode": 0o400}}) == (
        File(path="a.toml", content=b"a=1", mode=0o400),
        File(path="b", content=b"2", mode=0o400),
    )


def test_items_choose_and_place() -> None:
    items = [{"key": "token", "path": "deep/er/t", "mode": 0o600}]
    found = files({"name": "v", "secret": {"secretName": "keys", "items": items}})
    assert found == (File(path="deep/er/t", content=b"\x00\xff", mode=0o600),)


def test_projected_gathers_all_kinds() -> None:
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "conf", "items": [{"key": "b", "path": "ca.crt"}]}},
        {"secret": {"name": "keys", "items": [{"key": "token", "path": "keys/token"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    volume = {"name": "v", "projected": {"sources": sources, "defaultMode": 0o640}}
    found = files(volume)
    assert found is not None
    assert {file.path: file.content for file in found} == {
        "token": b"jwt",
        "ca.crt": b"2",
        "namespace": b"n",
        "keys/token": b"\x00\xff",
    }
    assert {file.mode for file in found} == {0o640}
    assert token_requests(pod(volume)) == {TokenRequest(audience="", seconds=3607)}
    assert is_refreshed(pod(volume))


@pytest.mark.parametrize(
    ("volume", "sentence"),
    [
        ({"configMap": {"name": "gone"}}, 'configmap "gone" not found'),
        ({"configMap": {"name": "conf", "items": [{"key": "no", "path": "x"}]}}, 'configmap "conf" has no key "no"'),
        ({"downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "spec.x"}}]}}, "spec.x"),
    ],
)
def test_missing_is_a_sentence(volume: dict[str, Any], sentence: str) -> None:
    with pytest.raises(VolumeError) as caught:
        files({"name": "v", **volume})
    assert sentence in str(caught.value)


def test_optional_is_empty() -> None:
    assert files({"name": "v", "configMap": {"name": "gone", "optional": True}}) == ()


def test_files_are_exchanged_in_one_step(tmp_path: Path) -> None:
    write_files(tmp_path, (File(path="a", content=b"1"), File(path="d/b", content=b"2", mode=0o600)))
    first = os.readlink(tmp_path / "..data")
    write_files(tmp_path, (File(path="a", content=b"1"), File(path="d/b", content=b"2", mode=0o600)))
    assert os.readlink(tmp_path / "..data") == first
    write_files(tmp_path, (File(path="a", content=b"new"), File(path="c", content=b"3")))
    assert (tmp_path / "a").read_bytes() == b"new"
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("..")} == {"a", "c"}
    assert not (tmp_path / first).exists()


def test_prepare_places_volumes(tmp_path: Path) -> None:
    host = tmp_path / "host"
    asked = pod(
        {"name": "scratch", "emptyDir": {"medium": "Memory"}},
        {"name": "host", "hostPath": {"path": str(host), "type": "DirectoryOrCreate"}},
        {"name": "conf", "configMap": {"name": "conf"}},
    )
    places = prepare(pod=asked, folder=tmp_path / "volumes", sources=SOURCES, tokens={}, allocatable={})
    assert places["host"] == host
    assert host.is_dir()
    assert (places["conf"] / "a.toml").read_text() == "a=1"
    (places["scratch"] / "kept").touch()
    again = prepare(pod=asked, folder=tmp_path / "volumes", sources=SOURCES, tokens={}, allocatable={})
    assert (again["scratch"] / "kept").exists()


@pytest.mark.parametrize(
    ("path", "kind", "sentence"),
    [
        ("absent", "", "does not exist"),
        ("file", "Directory", "is not of type Directory"),
        ("absent", "File", "does not exist"),
    ],
)
def test_host_path_is_checked(tmp_path: Path, path: str, kind: str, sentence: str) -> None:
    (tmp_path / "file").touch()
    asked = pod({"name": "v", "hostPath": {"path": str(tmp_path / path), "type": kind}})
    with pytest.raises(VolumeError, match=sentence):
        prepare(pod=asked, folder=tmp_path / "volumes", sources=SOURCES, tokens={}, allocatable={})
