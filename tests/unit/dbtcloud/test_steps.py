"""Which steps of a run are read, and the commands in their names."""

import pytest

from freshet.dbtcloud.model import Run, RunStep
from freshet.dbtcloud.steps import artifact_steps, command_of


def test_only_steps_that_build_or_test_are_read() -> None:
    steps = (
        RunStep(index=1, name="Clone Git Repository", status=10),
        RunStep(index=2, name="Invoke dbt with `dbt deps`", status=10),
        RunStep(index=3, name="Invoke dbt with `dbt build --select a`", status=10),
        RunStep(index=4, name="Invoke dbt with `dbt test`", status=20),
        RunStep(index=5, name="dbt run", status=30),
        RunStep(index=6, name="Invoke dbt with `dbt docs generate`", status=10),
        RunStep(name="dbt build", status=10),
        RunStep(index=7, name="Invoke dbt with `dbt retry`", status=10),
    )
    assert artifact_steps(Run(id=1, run_steps=steps)) == ((3, "build"), (4, "test"), (7, "retry"))
    assert artifact_steps(Run(id=1)) == ()


@pytest.mark.parametrize(("status", "asked"), [(30, (3, 4)), (20, (3,))])
def test_what_a_cancelled_step_left_is_asked_for_and_that_of_those_behind_it_is_not(
    status: int, asked: tuple[int, ...]
) -> None:
    """In a run that failed, steps that never began are cancelled, too."""
    steps = tuple(RunStep(index=at, name="dbt build", status=state) for at, state in ((3, 10), (4, 30), (5, 30)))
    assert tuple(index for index, _ in artifact_steps(Run(id=1, status=status, run_steps=steps))) == asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dbt build", "build"),
        ("dbt --no-use-colors run --select build_me", "run"),
        ("dbt run-operation seed", "run-operation"),
        ("dbt source freshness", "source"),
        ("Create Profile from Connection", None),
        ("", None),
        (None, None),
    ],
)
def test_the_command_in_a_line(text: str | None, expected: str | None) -> None:
    assert command_of(text) == expected
