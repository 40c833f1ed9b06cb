"""What a dbt command builds, as far as its words and the manifest tell: for a run that left no results. Pure.

dbt's own rules (docs.getdbt.com/reference/node-selection/syntax): ``--select`` and ``--exclude`` take a union of
arguments, each an intersection of criteria with commas between, each with ``+`` or ``2+`` for what is above or below.
What cannot be told from a manifest alone (``state:``, ``result:``, ``@``, a YAML selector, a method that is not known,
``dbt retry``) is None, never a guess.
"""

import argparse
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NoReturn

from freshet.dbtcloud.project import Model
from freshet.dbtcloud.steps import BUILDS, RETRY, command_of, line_of

__all__ = ["built_by", "is_elsewhere"]

KINDS = {"run": {"model"}, "seed": {"seed"}, "snapshot": {"snapshot"}, "build": {"model", "seed", "snapshot"}}
CRITERION = re.compile(r"(?P<above>(?P<up>\d*)\+)?(?P<core>[^+@]+)(?P<below>\+(?P<down>\d*))?")
WILD = re.compile(r"[*?[]")
LISTS = {"select": ("--select", "-s", "--models", "--model", "-m"), "exclude": ("--exclude",)}
TYPES = {"only": ("--resource-type", "--resource-types"), "never": ("--exclude-resource-type",)}
BEYOND = ("--selector", "--state", "--empty")
"""With these the words do not say what is built."""
ELSEWHERE = ("--target", "--profile", "--profiles-dir", "--project-dir")
"""With these they do not say where it is built: the tables may be those of another schema, database or warehouse."""


class _Untold(Exception):
    """The words do not tell."""


def built_by(
    command: str, *, models: Mapping[str, Model], whole: bool = True, ours: bool = False
) -> frozenset[str] | None:
    """The unique ids among `models` that a command line (or a step of such a name) builds; None where it is not told.

    `whole`: they come from a manifest; else only names and unique ids are known, and what needs more is not told.
    `ours`: the Pipeline's own command, so that a target which it names is that of its Assets.
    """
    which = command_of(command)
    if which == RETRY:
        return None
    if which not in BUILDS:
        return frozenset()
    try:
        asked = _read(command, ours=ours)
        family = _Family(models, whole=whole)
        chosen = family.union(asked.select) if asked.select else set(models)
        chosen -= family.union(asked.exclude)
    except _Untold:
        return None
    kinds = (KINDS[which] & set(asked.only or KINDS[which])) - set(asked.never)
    return frozenset(key for key in chosen if models[key].kind in kinds)


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Untold(message)


def _read(command: str, *, ours: bool) -> argparse.Namespace:
    parser = _Words(add_help=False, allow_abbrev=False)
    for name, flags in (LISTS | TYPES).items():
        parser.add_argument(*flags, dest=name, nargs="+", action="extend", default=[])
    try:
        words = shlex.split(line_of(command))
    except ValueError as error:
        raise _Untold(str(error)) from None
    if any(word.partition("=")[0] in BEYOND for word in words):
        raise _Untold
    if not ours and any(_is_elsewhere(word) for word in words):
        raise _Untold
    return parser.parse_known_args(words)[0]


def is_elsewhere(command: str, *, usual: str) -> bool:
    """Does it name a target, profile or project that the Pipeline's own command, `usual`, does not name?"""
    try:
        return bool(_places(line_of(command)) - _places(usual))
    except ValueError:
        return False


def _places(line: str) -> set[tuple[str, ...]]:
    words = shlex.split(line)
    return {tuple(words[at : at + 1 + ("=" not in it)]) for at, it in enumerate(words) if _is_elsewhere(it)}


def _is_elsewhere(word: str) -> bool:
    """``--target x``, ``--target=x``, ``-t x``, ``-tx``."""
    return word.partition("=")[0] in ELSEWHERE or (word.startswith("-t") and not word.startswith("--"))


class _Family:
    """The graph, to walk up and down."""

    def __init__(self, models: Mapping[str, Model], *, whole: bool) -> None:
        self._models, self._whole = models, whole
        self._up = {key: model.upstreams for key, model in models.items()}
        self._down: dict[str, list[str]] = {}
        for key, upstreams in self._up.items():
            for upstream in upstreams:
                self._down.setdefault(upstream, []).append(key)

    def union(self, arguments: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for argument in " ".join(arguments).split():
            found |= set.intersection(*(self._criterion(text) for text in argument.split(",")))
        return found

    def _criterion(self, text: str) -> set[str]:
        part = CRITERION.fullmatch(text)
        if part is None or ((part["above"] or part["below"]) and not self._whole):
            raise _Untold(text)
        found = self._core(part["core"])
        above = self._reach(found, self._up, depth=part["up"]) if part["above"] else set()
        below = self._reach(found, self._down, depth=part["down"]) if part["below"] else set()
        return (found | above | below) & self._models.keys()

    def _core(self, text: str) -> set[str]:
        """The nodes of one criterion; a source is no model, but what is below it may be."""
        method, colon, value = text.partition(":")
        if not colon:
            method, value = ("path" if "/" in text else "fqn"), text
        if method == "source" and self._whole:
            upstreams = {upstream for each in self._up.values() for upstream in each}
            return {key for key in upstreams if _is_source(key, value)}
        matches = METHODS.get(method)
        if matches is None or "**" in value or (not self._whole and (method not in WITHOUT or WILD.search(value))):
            raise _Untold(text)
        return {key for key, model in self._models.items() if matches(model, value)}

    def _reach(self, start: set[str], step: Mapping[str, Iterable[str]], *, depth: str) -> set[str]:
        seen, edge, left = set(start), set(start), int(depth) if depth else -1
        while edge and left:
            edge = {key for each in edge for key in step.get(each, ())} - seen
            seen |= edge
            left -= 1
        return seen


def _fqn(model: Model, value: str) -> bool:
    """The node's name (with its version or without), or its fqn from the start (with its package or without): whole
    parts, and from the first that has a wildcard on all that follows.
    """
    if value in (model.name, f"{model.name}.v{model.version}"):
        return True
    parts, fqn = value.split("."), ".".join(model.fqn).split(".")
    plain = next((at for at, part in enumerate(parts) if WILD.search(part)), len(parts))
    rest = ".".join(parts[plain:])
    fits = (full for full in (fqn, fqn[1:]) if full[:plain] == parts[:plain])
    return any(not rest or fnmatchcase(".".join(full[plain:]), rest) for full in fits)


def _path(model: Model, value: str) -> bool:
    """A file, or all that is in a folder; wildcards stay within one part."""
    parts, path = value.rstrip("/").split("/"), model.path.split("/")
    return len(path) >= len(parts) and all(map(fnmatchcase, path, parts))


def _file(model: Model, value: str) -> bool:
    name = model.path.rpartition("/")[2]
    return any(fnmatchcase(it, value) for it in (name, name.rpartition(".")[0]))


def _is_source(unique_id: str, value: str) -> bool:
    """``source:name`` or ``source:name.table``, of any package."""
    kind, _, rest = unique_id.partition(".")
    return kind == "source" and any(fnmatchcase(it, value) for it in (rest.partition(".")[2], rest.split(".")[1]))


METHODS: dict[str, Callable[[Model, str], bool]] = {
    "fqn": _fqn,
    "tag": lambda model, value: any(fnmatchcase(tag, value) for tag in model.tags),
    "path": _path,
    "file": _file,
    "package": lambda model, value: fnmatchcase(model.package, value),
    "resource_type": lambda model, value: model.kind == value,
    "config.materialized": lambda model, value: model.materialized == value,
}
WITHOUT = ("fqn", "package", "resource_type")
"""Methods that need no manifest."""
