"""Exact dbt selectors for the models of a run, and the step that builds them. Pure; all of it was tried on dbt 1.11.

``--select users`` also takes a folder named users, and both versions of a versioned model. ``fqn:package.path.users``
is exact but for one case: a folder of that very path (``marts/users.sql`` beside ``marts/users/``), whose models it
takes too; there the file's name is intersected (``crowded``). A character that dbt's selector grammar reads otherwise
(a space, ``,``, ``+``) is written ``?``, which matches exactly one.

Before discovery only the unique id is known. Its path is missing, so that ``fqn:`` cannot be used: the method ``file:``
names models and seeds exactly (dbt names them after their files, and a package cannot have two of one name), within
``package:`` and ``resource_type:``. Versioned models and snapshots may lie in files of any name: ``fqn:name.v2``,
``fqn:name`` within the same two.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

__all__ = ["Node", "RunOptions", "lost_by_override", "parse_options", "selector", "steps"]

PLACEHOLDER = "{select}"
OTHER = re.compile(r"[^\w.\-]")
VERSION = re.compile(r"v[^.]+")


@dataclass(frozen=True, kw_only=True)
class Node:
    """What is to be selected: its unique id, its fqn once a manifest was read, and whether a folder shares that fqn."""

    unique_id: str
    fqn: tuple[str, ...] = ()
    crowded: bool = False


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a person asked for in the annotation freshet.dev/request. Event times are ISO 8601, as dbt takes them."""

    full_refresh: bool = False
    event_time_start: str | None = None
    event_time_end: str | None = None
    downstream: bool = False

    def flags(self) -> tuple[str, ...]:
        """As flags of dbt."""
        full = ("--full-refresh",) if self.full_refresh else ()
        start = ("--event-time-start", self.event_time_start) if self.event_time_start else ()
        end = ("--event-time-end", self.event_time_end) if self.event_time_end else ()
        return (*full, *start, *end)


def selector(node: Node) -> str:
    """The narrowest selector of this node alone. That of a source selects its tests: there is nothing to build."""
    kind, package, name = _parts(node.unique_id)
    if kind == "source":
        source, _, table = name.partition(".")
        return f"source:{_plain(package)}.{_plain(source)}.{_plain(table).replace('.', '?')}"
    if node.fqn:
        exact = "fqn:" + ".".join(map(_plain, node.fqn))
        return f"{exact},file:{_plain(name)}" if node.crowded and "." not in name else exact
    method = "file" if kind in ("model", "seed") and not _versioned(name) else "fqn"
    return f"package:{_plain(package)},resource_type:{kind},{method}:{_plain(name)}"


def steps(*, command: str, nodes: Iterable[Node], options: RunOptions = RunOptions()) -> tuple[str, ...]:
    """``steps_override`` for a run of these nodes: one command, in the order of their ids whatever order they came in.

    Raises ValueError where nothing is selected (dbt would build everything) or the command has no place for it.
    """
    selectors = sorted({selector(node) for node in nodes})
    if not selectors:
        raise ValueError("a run without a single model would build the whole project: select at least one")
    if PLACEHOLDER not in command:
        raise ValueError(f"dbtCloud.command {command!r} lacks {PLACEHOLDER}: write it like dbt build {PLACEHOLDER}")
    words = ["--select", *selectors]
    if "--indirect-selection" not in command:
        words += ["--indirect-selection", "buildable"]
    words += [word for word in options.flags() if word != "--full-refresh" or word not in command]
    return (command.replace(PLACEHOLDER, shlex.join(words)),)


def parse_options(text: str | None) -> RunOptions:
    """The annotation freshet.dev/request. Raises ValueError with one sentence that says what to write."""
    if not text:
        return RunOptions()
    try:
        asked = msgspec.json.decode(text, type=_Request)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"freshet.dev/request cannot be read ({error}): {HINT}") from None
    start, end = _moment(asked.eventTimeStart), _moment(asked.eventTimeEnd)
    if (start is None) != (end is None) or (start and end and start >= end):
        raise ValueError("freshet.dev/request: eventTimeStart and eventTimeEnd go together, the start before the end")
    return RunOptions(
        full_refresh=asked.fullRefresh,
        event_time_start=asked.eventTimeStart,
        event_time_end=asked.eventTimeEnd,
        downstream=asked.downstream,
    )


def lost_by_override(*, execute_steps: Sequence[str], generate_docs: bool = False) -> tuple[str, ...]:
    """What the job's own commands do that a run with replaced steps will not do, each in a few words, for a warning."""
    flags = [flag for flag in LOST if any(_has(step, flag) for step in execute_steps)]
    extra = [f"dbt {name}" for name in COMMANDS if any(f"dbt {name}" in step for step in execute_steps)]
    return (*flags, *extra, *(("docs on run",) if generate_docs else ()))


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    fullRefresh: bool = False
    eventTimeStart: str | None = None
    eventTimeEnd: str | None = None
    downstream: bool = False


HINT = 'write JSON with fullRefresh, eventTimeStart, eventTimeEnd, downstream, such as {"fullRefresh": true}'
COMMANDS = ("source freshness", "docs generate", "run-operation", "snapshot", "seed")
LOST = ("--vars", "--target", "--defer", "--state", "--threads", "--full-refresh", "--exclude", "--profile")


def _has(step: str, flag: str) -> bool:
    return any(word == flag or word.startswith(f"{flag}=") for word in step.split())


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise ValueError(f"freshet.dev/request: {text!r} is not a time: write it like 2026-11-23T00:00:00") from None


def _parts(unique_id: str) -> tuple[str, str, str]:
    kind, _, rest = unique_id.partition(".")
    package, _, name = rest.partition(".")
    if not name:
        raise ValueError(f"{unique_id!r} is not a dbt unique id: write it like model.package.name")
    return kind, package, name


def _versioned(name: str) -> bool:
    return "." in name and VERSION.fullmatch(name.rpartition(".")[2]) is not None


def _plain(part: Any) -> str:
    return OTHER.sub("?", str(part))
