"""Foreign runs: which count, and each exactly once, in order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.dbtcloud.foreign import OVERLAP, Cursor, Verdict, advance, consumed_version, judge, parse_cursor
from freshet.dbtcloud.model import Run, RunStatus, Trigger

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def run(**more: Any) -> Run:
    trigger = more.pop("trigger", {"cause": "Scheduled"})
    fields = {"id": 1, "status": RunStatus.SUCCESS, "job_definition_id": 7, "environment_id": 3, **more}
    return Run(trigger=None if trigger is None else Trigger(**trigger), **fields)


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (run(), "Counts"),
        (run(status=RunStatus.ERROR), "Counts"),
        (run(status=RunStatus.CANCELLED), "Counts"),
        (run(status=RunStatus.RUNNING), "Unfinished"),
        (run(status=None), "Unfinished"),
        (run(job_definition_id=8), "Counts"),
        (run(job_definition_id=8, environment_id=4), "OtherJob"),
        (run(job_definition_id=8, environment_id=None), "OtherJob"),
        (run(job_definition_id=None, job_id=7, environment_id=None), "Counts"),
        (run(trigger=None), "Unknown"),
        (run(trigger={"cause_category": "ci"}), "PullRequest"),
        (run(trigger={"github_pull_request_id": 12}), "PullRequest"),
        (run(trigger={"git_branch": "dev"}), "Overridden"),
        (run(trigger={"git_sha": "abc"}), "Overridden"),
        (run(trigger={"schema_override": "x"}), "Overridden"),
        (run(trigger={"target_name_override": "x"}), "Overridden"),
        (run(trigger={"steps_override": ("dbt build",)}), "Counts"),
        (run(trigger={"cause": "due [freshet:abc-12345]"}), "Ours"),
        (run(trigger={"cause": "due [freshet:abc-12345]"}, job_definition_id=8), "Counts"),
        (run(git_branch="main"), "Counts"),
    ],
)
def test_which_runs_count(made: Run, verdict: Verdict) -> None:
    assert judge(made, job_id=7, environment_id=3, observe="Environment") == verdict


def test_only_the_jobs_own_runs_where_that_is_asked_for() -> None:
    assert judge(run(job_definition_id=8), job_id=7, environment_id=3, observe="Job") == "OtherJob"
    assert judge(run(), job_id=7, environment_id=3, observe="Job") == "Counts"


@given(
    ends=st.lists(st.tuples(st.integers(0, 3600), st.integers(0, 590)), min_size=1, max_size=40),
    looks=st.lists(st.integers(0, 5000), min_size=1, max_size=30),
    flaps=st.sets(st.integers(0, 39)),
)
def test_each_run_exactly_once_whatever_the_lists_lag(
    ends: list[tuple[int, int]], looks: list[int], flaps: set[int]
) -> None:
    """(end, lag) in seconds; looks at any time; some runs are missing from every second list after they were seen."""
    cursor = Cursor(at=NOW)
    taken: list[Run] = []
    for number, second in enumerate([*sorted(looks), 5000, 5001]):
        listed = [
            run(id=key, finished_at=NOW + timedelta(seconds=end))
            for key, (end, lag) in enumerate(ends)
            if end + lag <= second and not (key in flaps and key in {each.id for each in taken} and number % 2)
        ]
        new, cursor = advance(parse_cursor(str(cursor), now=NOW), runs=listed)
        assert [each.id for each in new] == [each.id for each in sorted(new, key=lambda e: (e.finished_at, e.id))]
        taken += new
    assert sorted(each.id for each in taken) == list(range(len(ends)))


def test_the_cursor_stays_small() -> None:
    runs = [run(id=key, finished_at=NOW + key * MINUTE) for key in range(500)]
    new, cursor = advance(Cursor(at=NOW), runs=runs)
    assert len(new) == 500
    assert len(cursor.taken) == OVERLAP / MINUTE + 1
    assert cursor.at == NOW + 499 * MINUTE


@pytest.mark.parametrize("text", [None, "", "12", "yesterdayZ 1@2", "2026-11-24T11:00:00Z x"])
def test_without_a_cursor_runs_count_from_now_on(text: str | None) -> None:
    assert parse_cursor(text, now=NOW) == Cursor(at=NOW)


def test_catching_up_is_bounded() -> None:
    old = Cursor(at=NOW - timedelta(days=30), taken={4: 5})
    assert parse_cursor(str(old), now=NOW) == Cursor(at=NOW - timedelta(days=7))


def test_a_cursor_that_a_wrong_clock_of_ours_began_loses_no_more_than_an_hour() -> None:
    assert parse_cursor(str(Cursor(at=NOW + timedelta(hours=5))), now=NOW) == Cursor(at=NOW)
    near = Cursor(at=NOW + 10 * MINUTE)
    assert parse_cursor(str(near), now=NOW) == near, "dbt Cloud's own may be a little ahead"


@pytest.mark.parametrize("later", [0, 5, 10, 15])
def test_after_quiet_days_the_last_run_is_not_taken_again(later: int) -> None:
    last = [run(finished_at=NOW)]
    _, cursor = advance(Cursor(at=NOW - MINUTE), runs=last)
    again, _ = advance(parse_cursor(str(cursor), now=NOW + timedelta(days=7) + later * MINUTE), runs=last)
    assert again == ()


@pytest.mark.parametrize(
    ("started_at", "built_in_run", "expected"),
    [
        (NOW, None, "b"),
        (NOW - 2 * MINUTE, None, "a"),
        (NOW - 9 * MINUTE, None, None),
        (None, None, None),
        (NOW, "run", "run"),
    ],
)
def test_what_a_run_consumed(started_at: datetime | None, built_in_run: str | None, expected: str | None) -> None:
    history = [("c", NOW + MINUTE), ("a", NOW - 5 * MINUTE), ("b", NOW - MINUTE)]
    assert consumed_version(history=history, started_at=started_at, built_in_run=built_in_run) == expected
