"""Environment and command line."""

from pathlib import Path

import pytest

from freshet.runtime.config import load_access
from freshet.runtime.errors import CannotStart
from freshet.runtime.options import Options
from freshet.runtime.settings import DEFAULT_IMAGE, InvalidSetting, Settings


def test_the_command_line_goes_before_the_environment() -> None:
    env = {"FRESHET_NAMESPACES": "a, b,", "FRESHET_PORT": "9"}
    assert Options.from_env(env).namespaces == ("a", "b")
    assert Options.from_env(env, namespaces=(), port=None).port == 9
    given = Options.from_env(env, namespaces=("c",), port=0)
    assert (given.namespaces, given.port) == (("c",), 0)


def test_every_interface_unless_a_host_is_named() -> None:
    assert Options.from_env({}).host is None
    assert Options.from_env({"FRESHET_HOST": "::1"}).host == "::1"
    assert Options.from_env({"FRESHET_HOST": "::1"}, host="127.0.0.1").host == "127.0.0.1"


@pytest.mark.parametrize(
    ("env", "given", "lease"),
    [
        ({}, None, None),
        ({"POD_NAMESPACE": "freshet-system"}, None, "freshet-system/freshet"),
        ({"POD_NAMESPACE": "freshet-system", "FRESHET_LEASE": "none"}, None, None),
        ({"POD_NAMESPACE": "freshet-system", "FRESHET_LEASE": "team-a/other"}, None, "team-a/other"),
        ({"POD_NAMESPACE": "freshet-system"}, "team-b", "team-b/freshet"),
    ],
)
def test_the_lease_is_that_of_the_pods_namespace_unless_another_is_named(
    env: dict[str, str], given: str | None, lease: str | None
) -> None:
    found = Options.from_env(env, lease=given).lease
    assert (str(found) if found else None) == lease


def test_the_pod_names_the_replica_and_a_wrong_lease_is_told() -> None:
    found = Options.from_env({"POD_NAME": "freshet-1", "POD_IP": "10.0.0.1"})
    assert (found.identity, found.pod_ip) == ("freshet-1", "10.0.0.1")
    assert Options.from_env({}).identity != Options.from_env({}).identity
    with pytest.raises(CannotStart, match="names no Lease: write namespace"):
        Options.from_env({}, lease="a/b/c")


@pytest.mark.parametrize("env", [{"FRESHET_PORT": "http"}, {"FRESHET_DBT_POLL_FAST": "soon"}])
def test_what_cannot_be_read_names_the_variable(env: dict[str, str]) -> None:
    with pytest.raises(CannotStart, match=next(iter(env))):
        Options.from_env(env)


def test_settings() -> None:
    assert Settings.from_env({}) == Settings(image=DEFAULT_IMAGE)
    env = {"FRESHET_IMAGE": "x:1", "FRESHET_DBT_POLL_FAST": "0.1", "FRESHET_DBT_POLL_SLOW": "5"}
    assert Settings.from_env(env) == Settings(image="x:1", dbt_poll_fast=0.1, dbt_poll_slow=5.0)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x"])
def test_a_pause_must_be_positive(text: str) -> None:
    with pytest.raises(InvalidSetting, match="FRESHET_DBT_POLL_SLOW"):
        Settings.from_env({"FRESHET_DBT_POLL_SLOW": text})


async def test_a_kubeconfig_that_is_missing_or_broken_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("clusters: []\n")
    for path in (tmp_path / "missing", broken):
        with pytest.raises(CannotStart, match=r"No way to reach a Kubernetes cluster.*--kubeconfig"):
            await load_access(kubeconfig=path)
