"""Which nodes a dbt command selects: the methods that orchestrators use, by dbt's own rules; any other is an error.

``--select`` takes a union of arguments, each an intersection of criteria with commas between: ``fqn:``, ``tag:``,
``path:``, ``file:``, ``resource_type:``, ``source:``, ``package:`` or a bare name,
with ``+`` before or after for ancestors and descendants.
"""

import argparse
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

__all__ = ["Command", "SelectionError", "parse_command", "select"]

Nodes = dict[str, dict[str, Any]]
"""Unique id → node of the manifest."""


class SelectionError(Exception):
    """The command cannot be understood; the message is what dbt would print."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A dbt command line, understood."""

    which: str
    """As run_results.json has it in ``args.which``."""
    select: tuple[str, ...]
    exclude: tuple[str, ...]
    indirect: str
    options: dict[str, Any]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SelectionError(message)


def parse_command(line: str) -> Command:
    """Understand ``dbt …``. Raises SelectionError."""
    words = shlex.split(line)[1:]
    which = words.pop(0)
    if which in {"docs", "source"}:
        which = {"generate": "generate", "freshness": "freshness"}[words.pop(0)]
    parser = _Parser(prog="dbt", add_help=False, allow_abbrev=False)
    for flags in (
        ("--select", "-s", "--models", "-m"),
        ("--exclude",),
        ("--resource-type",),
        ("--exclude-resource-type",),
    ):
        parser.add_argument(*flags, nargs="+", action="extend", default=[])
    modes = ["eager", "cautious", "buildable", "empty"]
    parser.add_argument("--indirect-selection", choices=modes, default="eager")
    for flag in ("--full-refresh", "--fail-fast", "--empty", "--no-partial-parse", "--warn-error", "--store-failures"):
        parser.add_argument(flag, action="store_true")
    for flag in (
        "--vars",
        "--threads",
        "--target",
        "--event-time-start",
        "--event-time-end",
        "--selector",
        "--args",
        "--state",
    ):
        parser.add_argument(flag)
    if which == "run-operation":
        parser.add_argument("macro")
    options = vars(parser.parse_args(words))
    chosen, left = options.pop("select"), options.pop("exclude")
    return Command(
        which="list" if which == "ls" else which,
        select=tuple(word for argument in chosen for word in argument.split()),
        exclude=tuple(word for argument in left for word in argument.split()),
        indirect=options.pop("indirect_selection"),
        options=options,
    )


def select(command: Command, nodes: Nodes, parents: dict[str, list[str]]) -> set[str]:
    """The unique ids that the command works on, tests by its indirect selection. Raises SelectionError."""
    family = _Family(nodes, parents)
    chosen = family.union(command.select) if command.select else set(nodes)
    chosen = _with_tests(command.indirect if command.select else "eager", chosen, family)
    if command.exclude:
        chosen -= _with_tests("eager", family.union(command.exclude), family)
    kinds = _KINDS.get(command.which, _ALL)
    return {key for key in chosen if nodes[key]["resource_type"] in kinds and nodes[key]["original_file_path"]}


_ALL = frozenset({"model", "seed", "snapshot", "test"})
_KINDS = {
    "run": frozenset({"model"}),
    "seed": frozenset({"seed"}),
    "snapshot": frozenset({"snapshot"}),
    "test": frozenset({"test"}),
    "freshness": frozenset({"source"}),
}


def _with_tests(mode: str, chosen: set[str], family: "_Family") -> set[str]:
    """Add the tests that go with the chosen nodes."""
    allowed: Callable[[set[str]], bool] = {
        "eager": lambda read: bool(read & chosen),
        "cautious": lambda read: read <= chosen,
        "buildable": lambda read: bool(read & chosen) and read <= chosen | family.reach(chosen, family.parents),
        "empty": lambda read: False,
    }[mode]
    tests = {key for key, node in family.nodes.items() if node["resource_type"] == "test"}
    return chosen | {key for key in tests if allowed(set(family.parents[key]))}


class _Family:
    """The graph, to walk up and down."""

    def __init__(self, nodes: Nodes, parents: dict[str, list[str]]) -> None:
        self.nodes, self.parents = nodes, parents
        self.children: dict[str, list[str]] = {}
        for child, its_parents in parents.items():
            for parent in its_parents:
                self.children.setdefault(parent, []).append(child)

    def union(self, arguments: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for argument in arguments:
            found |= set.intersection(*(self._criterion(text) for text in argument.split(",")))
        return found

    def _criterion(self, text: str) -> set[str]:
        core = text.strip("+")
        method, _, value = core.rpartition(":") if ":" in core else ("fqn", "", core)
        if method not in _METHODS:
            raise SelectionError(f"'{method}' is not a valid method name")
        found = {key for key, node in self.nodes.items() if _METHODS[method](node, value)}
        before = self.reach(found, self.parents) if text.startswith("+") else set()
        after = self.reach(found, self.children) if text.endswith("+") else set()
        return found | before | after

    def reach(self, start: set[str], step: dict[str, list[str]]) -> set[str]:
        """Everything that can be reached, the start apart; sources are nodes too."""
        seen: set[str] = set()
        todo = list(start)
        while todo:
            for key in step.get(todo.pop(), ()):
                if key not in seen and key in self.nodes:
                    seen.add(key)
                    todo.append(key)
        return seen


def _fqn(node: dict[str, Any], value: str) -> bool:
    """As dbt matches: the node's own name, or a prefix of its fqn with or without the package."""
    fqn = node["fqn"]
    if node["resource_type"] == "source":
        return False
    name = fqn[-2:] if node.get("version") is not None else fqn[-1:]
    if value in {".".join(name), name[0]}:
        return True
    parts = value.split(".")
    return any(full[: len(parts)] == parts for full in (fqn, fqn[1:]))


def _source(fqn: list[str], value: list[str]) -> bool:
    """``source``, ``source.table`` or ``package.source.table``."""
    return value == (fqn if len(value) > 2 else fqn[1 : len(value) + 1])


def _file(path: str, value: str) -> bool:
    """A file by its name, with or without its ending."""
    name = path.rpartition("/")[2]
    return value in (name, name.rpartition(".")[0])


_METHODS: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "fqn": _fqn,
    "tag": lambda node, value: value in node["tags"],
    "path": lambda node, value: node["original_file_path"].startswith(value.rstrip("/")),
    "file": lambda node, value: _file(node["original_file_path"], value),
    "resource_type": lambda node, value: node["resource_type"] == value,
    "package": lambda node, value: node["package_name"] == value,
    "source": lambda node, value: node["resource_type"] == "source" and _source(node["fqn"], value.split(".")),
}
