"""The steps of a run, and the dbt commands in their names. Pure."""

import re

from freshet.dbtcloud.model import Run, RunStatus, RunStep

__all__ = ["BUILDS", "RETRY", "TESTS", "artifact_steps", "command_of", "cut_short", "line_of", "source_steps"]

BUILDS = frozenset({"build", "run", "seed", "snapshot"})
TESTS = frozenset({"build", "test"})
RETRY = "retry"
"""Repeats what the command before left undone (dbt Cloud: rerun from failure); its ``args.which`` is that command."""
COMMANDS = (
    BUILDS | TESTS | {"docs", "compile", "source", "run-operation", "ls", "list", "parse", "clone", "retry", "deps"}
)
WORD = re.compile(r"[^\s`'\"]+")


def artifact_steps(run: Run) -> tuple[tuple[int, str], ...]:
    """(index, command) of the steps whose run_results.json can say something; none where the run names no steps."""
    cut = cut_short(run)
    ended = [step for step in run.run_steps or () if step.index is not None and (step.ran or step is cut)]
    steps = [(step.index, _command(step)) for step in ended if step.index is not None]
    return tuple((index, name) for index, name in steps if name is not None and name in BUILDS | TESTS | {RETRY})


def cut_short(run: Run) -> RunStep | None:
    """The step that was under way when the run was cancelled: it may have left what it had done by then, or nothing."""
    steps = (run.run_steps or ()) if run.cancelled else ()
    return next((step for step in steps if step.status == RunStatus.CANCELLED), None)


def source_steps(run: Run) -> tuple[int, ...]:
    """The indexes of the steps that looked at how fresh the sources are."""
    ran = [step for step in run.run_steps or () if step.ran]
    return tuple(step.index for step in ran if step.index is not None and _command(step) == "source")


def line_of(text: str | None) -> str:
    """The command line in a step's name, such as ``Invoke dbt with `dbt build --select x```."""
    line = text or ""
    return line.partition("`")[2].rpartition("`")[0] or line


def command_of(text: str | None) -> str | None:
    """The dbt command in a step's name or command line."""
    words = WORD.findall(line_of(text))
    return next((word for word in words[1:] if word in COMMANDS), None) if words[:1] == ["dbt"] else None


def _command(step: RunStep) -> str | None:
    return command_of(step.name)
