"""The command line lists its commands without importing them, with and without the equipment for laptops."""

import subprocess
import sys
from importlib.util import find_spec

import click
import pytest
from click.testing import CliRunner

from freshet import lazy
from freshet.cli import main
from freshet.lazy import Lazy

HEAVY = "import sys; from freshet.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"


def test_help_imports_no_command() -> None:
    shown = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True).stdout
    for name in ("count", "doctor", "ingest", "local", "operator"):
        assert f"\n  {name} " in shown
    assert not {"kopf", "dlt", "duckdb", "rich", "freshet.local", "freshet.workloads"} & set(shown.split())


@pytest.mark.parametrize("group", [main, main.get_command(click.Context(main), "local")])
def test_each_command_is_where_it_is_said_to_be(group: click.Group) -> None:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_the_image_goes_without_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "find_spec", lambda name: None if name == "freshet.local" else find_spec(name))
    shown = CliRunner().invoke(main, ["--help"])
    assert (shown.exit_code, "operator" in shown.output, "local" in shown.output) == (0, True, False)
    refused = CliRunner().invoke(main, ["local", "up"])
    assert (refused.exit_code, "No such command 'local'" in refused.output) == (2, True)


def test_a_package_that_is_not_installed_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "freshet.local.cli", None)
    with pytest.raises(click.ClickException, match=r"pip install 'freshet\[local\]'"):
        Lazy(module="freshet.local.cli", name="local", help="", extra="local").load()
