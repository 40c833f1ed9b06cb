"""What is in force: the asset's own, then its dbt Cloud block's, then the Pipeline's, then the operator's."""

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.core.making import HOUR, MINUTE, SECOND, asset, model, pipeline, policy, source

from freshet.core import cron
from freshet.core.in_force import conflict, in_force
from freshet.core.policy import effective

DBT = {"accountId": 1, "jobId": 1, "tokenSecretRef": {"name": "t"}}


def test_the_operators_defaults() -> None:
    it = policy()
    assert (it.when, it.min_interval, it.max_wait, it.require_checks) == (
        "AnyUpstreamUpdated", timedelta(0), 10 * MINUTE, True,
    )  # fmt: skip
    assert (it.limit, it.backoff, it.max_backoff, it.timeout) == (3, 30 * SECOND, HOUR, 30 * MINUTE)
    assert (it.maximum_lag, it.deadline, it.suspended, it.by_update) == (None, None, False, False)


def test_a_source_is_not_retried_but_by_its_schedule() -> None:
    assert effective(asset=source(), pipeline=pipeline(retries={"limit": 9})).limit == 0


def test_a_source_says_the_schedule_that_is_in_force() -> None:
    csv = {"path": "/d.csv"}
    own = pipeline(sources=[{"asset": "src", "csv": csv, "schedule": "@daily", "timeZone": "Europe/Berlin"}])
    default = pipeline(sources=[{"asset": "src", "csv": csv}], automation={"when": "Manual"})
    told = [in_force(effective(asset=source(), pipeline=pipe)) for pipe in (own, default)]
    found = [(it.when, it.build_schedule, it.build_time_zone) for it in told]
    assert found == [("Cron", "@daily", "Europe/Berlin"), ("Cron", "*/5 * * * *", "Etc/UTC")]


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        ({"freshness": {"maximumLag": "90s"}}, "1m30s"),
        ({"freshness": {"schedule": "0 6 * * *", "within": "1h"}}, "0 6 * * * + 1h"),
        ({"freshness": {"maximumUnchanged": "2h"}}, "2h unchanged"),
        ({"freshness": {"maximumUnchanged": "2h", "maximumLag": "90s"}}, "1m30s"),
        ({}, None),
    ],
)
def test_the_limit_as_it_is_shown(spec: dict[str, Any], limit: str | None) -> None:
    assert in_force(policy(**spec)).limit == limit


def test_static_data_has_no_limits_wherever_they_are_set() -> None:
    """Neither in the status nor, from there, in metrics and on the lineage page."""
    limits = [
        {"maximumLag": "10m", "warnLag": "5m", "maximumUnchanged": "2h", "objective": "99%", "basis": "Update"},
        {"schedule": "0 6 * * *", "within": "1h"},
    ]
    for freshness in limits:
        own = effective(asset=model("m", dataTime="Static", freshness=freshness), pipeline=pipeline(dbtCloud=DBT))
        theirs = effective(
            asset=model("m", dataTime="Static"), pipeline=pipeline(dbtCloud={**DBT, "freshness": freshness})
        )
        assert in_force(own) == in_force(theirs) == in_force(effective(asset=model("m"), pipeline=None))


@pytest.mark.parametrize(
    ("pause", "lag", "static", "said"),
    [
        ("30m", "15m", False, True),
        ("15m", "15m", False, False),
        ("30m", None, False, False),
        ("30m", "15m", True, False),
    ],
)
def test_a_limit_that_cannot_be_held(pause: str, lag: str | None, static: bool, said: bool) -> None:
    spec: dict[str, Any] = {"automation": {"minInterval": pause}, "dataTime": "Static" if static else "Live"}
    if lag:
        spec["freshness"] = {"maximumLag": lag}
    assert bool(conflict(policy(**spec))) is said


@pytest.mark.parametrize(
    ("own", "dbt", "top", "expected"),
    [
        (None, None, None, None),
        (None, None, "3m", 3 * MINUTE),
        (None, "2m", "3m", 2 * MINUTE),
        ("1m", "2m", "3m", MINUTE),
        ("1m", None, None, MINUTE),
    ],
)
def test_freshness_comes_from_the_nearest_layer(own: Any, dbt: Any, top: Any, expected: Any) -> None:
    def block(lag: str | None) -> dict[str, Any]:
        return {"freshness": {"maximumLag": lag}} if lag else {}

    it = effective(asset=model("m", **block(own)), pipeline=pipeline(dbtCloud={**DBT, **block(dbt)}, **block(top)))
    assert it.maximum_lag == expected


def test_the_dbt_block_is_for_models_only() -> None:
    pipe = pipeline(dbtCloud={**DBT, "timeout": "1m", "retries": {"limit": 7}}, timeout="2m")
    assert effective(asset=model("m"), pipeline=pipe).timeout == MINUTE
    assert effective(asset=asset("c"), pipeline=pipe).timeout == 2 * MINUTE
    assert (effective(asset=model("m"), pipeline=pipe).limit, effective(asset=asset(), pipeline=pipe).limit) == (7, 3)


def test_settings_of_automation_and_retries_are_layered_one_by_one() -> None:
    pipe = pipeline(automation={"when": "Manual", "minInterval": "5m"}, retries={"limit": 1, "backoff": "7s"})
    it = effective(asset=asset(automation={"maxWait": "0s"}, retries={"limit": 0}), pipeline=pipe)
    assert (it.when, it.min_interval, it.max_wait) == ("Manual", 5 * MINUTE, timedelta(0))
    assert (it.limit, it.backoff) == (0, 7 * SECOND)


def test_a_presets_schedule_and_time_zone_come_along_with_it() -> None:
    pipe = pipeline(automation={"when": "Cron", "schedule": "0 6 * * *", "timeZone": "Europe/Berlin"})
    own = effective(asset=asset(automation={"when": "Cron", "schedule": "0 7 * * *"}), pipeline=pipe)
    assert (own.schedule, own.time_zone) == ("0 7 * * *", "Etc/UTC")
    inherited = effective(asset=asset(automation={"minInterval": "1m"}), pipeline=pipe)
    assert (inherited.when, inherited.schedule, inherited.time_zone) == ("Cron", "0 6 * * *", "Europe/Berlin")


@pytest.mark.parametrize(("own", "pipes", "expected"), [(0, 0, False), (1, 0, True), (0, 1, True), (1, 1, True)])
def test_suspended_at_either_level(own: int, pipes: int, expected: bool) -> None:
    assert effective(asset=asset(suspend=bool(own)), pipeline=pipeline(suspend=bool(pipes))).suspended is expected


@pytest.mark.parametrize(
    ("spec", "error", "word"),
    [
        ({"automation": {"when": "Cron", "schedule": "61 * * * *"}}, cron.InvalidSchedule, "61"),
        ({"automation": {"when": "Cron"}}, cron.InvalidSchedule, "schedule"),
        ({"freshness": {"schedule": "x", "within": "1h"}}, cron.InvalidSchedule, "x"),
        ({"automation": {"when": "Cron", "schedule": "@daily", "timeZone": "Mars/X"}}, cron.InvalidTimeZone, "Mars/X"),
        ({"freshness": {"schedule": "@daily", "within": "1h", "timeZone": "Mars"}}, cron.InvalidTimeZone, "Mars"),
        ({"freshness": {"maximumLag": "soon"}}, ValueError, "soon"),
        ({"timeout": "5"}, ValueError, "'5'"),
    ],
)
def test_what_cannot_be_read_is_named(spec: dict[str, Any], error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        policy(**spec)


def test_status_shows_limits_so_that_they_read_the_same_again() -> None:
    shown = in_force(
        policy(freshness={"maximumLag": "1h30m30s", "warnLag": "500ms"}, automation={"minInterval": "90s"})
    )
    assert (shown.maximum_lag, shown.warn_lag, shown.min_interval) == ("1h30m30s", "500ms", "1m30s")
    assert in_force(policy(freshness={"maximumLag": "1h", "objective": "99.95%"})).objective == "99.95%"
    assert (shown.when, shown.schedule, shown.within, shown.timeout) == ("AnyUpstreamUpdated", None, None, "30m")
