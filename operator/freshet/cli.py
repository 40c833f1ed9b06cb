"""The command line: ``freshet operator | doctor | ingest | count | local …``.

Each command is imported when it is asked for, so that a load in a pod never pays for kopf, nor the operator for dlt.
"""

import importlib

import click

from freshet import __version__

__all__ = ["main"]

COMMANDS = {
    "doctor": "freshet.doctor.command:doctor",
    "operator": "freshet.lean:operator",
    "ingest": "freshet.workloads.ingest:ingest",
    "count": "freshet.workloads.count:count",
    "local": "freshet.local.cli:local",
}


class LazyGroup(click.Group):
    """A group whose commands are imported by name when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="freshet")
def main() -> None:
    """Keep data assets fresh on Kubernetes."""
