"""Commands that are imported when they are used, and listed without being imported.

``freshet --help`` must not pay for kopf and dlt, nor fail in the image, which goes without ``freshet.local``.
"""

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import click

__all__ = ["Lazy", "LazyGroup"]


@dataclass(frozen=True, kw_only=True)
class Lazy:
    """Where a command is, and its line in the help. ``extra`` of the package brings what it needs."""

    module: str
    name: str
    help: str
    extra: str = ""

    @property
    def is_there(self) -> bool:
        """Whether its package is installed: the image has no equipment for laptops."""
        return find_spec(".".join(self.module.split(".")[:2])) is not None

    def load(self) -> click.Command:
        """Import it. Raises ClickException when something that it needs is not installed."""
        try:
            command = getattr(importlib.import_module(self.module), self.name)
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            needed = f"{error.name} is not installed: pip install 'freshet[{self.extra}]'"
            raise click.ClickException(needed) from error
        assert isinstance(command, click.Command)
        return command


class LazyGroup(click.Group):
    """A group some of whose commands are ``lazy``: a subclass names them."""

    lazy: ClassVar[dict[str, Lazy]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        there = (name for name, command in self.lazy.items() if command.is_there)
        return sorted({*super().list_commands(ctx), *there})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = self.lazy.get(cmd_name)
        if lazy is None or not lazy.is_there:
            return super().get_command(ctx, cmd_name)
        return lazy.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = {name: command.get_short_help_str(limit=90) for name, command in self.commands.items()}
        lines = {**own, **{name: command.help for name, command in self.lazy.items()}}
        with formatter.section("Commands"):
            formatter.write_dl([(name, lines[name]) for name in self.list_commands(ctx)])
