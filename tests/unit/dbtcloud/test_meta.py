"""What a project says of policy."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.dbtcloud.projects import found, model

from freshet.api.asset import Automation
from freshet.dbtcloud.meta import policy_of, tolerance


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"meta": {"maximumLag": "5m", "warnLag": "1m"}}, {"freshness": {"maximumLag": "5m", "warnLag": "1m"}}),
        ({"meta": {"when": "Manual"}}, {"automation": {"when": "Manual"}}),
        ({"build_after": (4, "hour")}, {"automation": {"minInterval": "4h"}}),
        ({"build_after": (30, "minute")}, {"automation": {"minInterval": "30m"}}),
        ({"build_after": (2, "day")}, {"automation": {"minInterval": "48h"}}),
        ({"build_after": (0, "day")}, {}),
        ({"build_after": (2, "moon")}, {}),
        ({"updates_on": "all"}, {"automation": {"when": "AllUpstreamsUpdated"}}),
        ({"updates_on": "any"}, {"automation": {"when": "AnyUpstreamUpdated"}}),
        ({"updates_on": "some"}, {}),
        (
            {"updates_on": "all", "build_after": (1, "hour"), "meta": {"automation": {"minInterval": "5m"}}},
            {"automation": {"when": "AllUpstreamsUpdated", "minInterval": "5m"}},
        ),
        ({"meta": {"dataTime": "Static", "timeout": "1h"}}, {"dataTime": "Static", "timeout": "1h"}),
        (
            {"meta": {"retries": {"limit": 1}, "requireChecks": False}},
            {"retries": {"limit": 1}, "automation": {"requireChecks": False}},
        ),
    ],
)
def test_policy(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    policy = policy_of(model("a", **fields))
    assert dict(policy.spec) == expected
    assert policy.problems == ()
    known = {field.encode_name for field in msgspec.structs.fields(Automation)}
    assert set(expected.get("automation", {})) <= known


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        ({"maxLag": "5m"}, "maxLag is not known"),
        ({"maximumLag": "5 minutes"}, "not a duration"),
        ({"maximumLag": 5}, "must be text"),
        ({"automation": "Manual"}, "must be a mapping"),
        ({"requireChecks": "no"}, "true or false"),
        ({"upstreams": "a"}, "must be a list"),
    ],
)
def test_meta_that_cannot_be_used_is_told_and_left_out(meta: dict[str, Any], problem: str) -> None:
    result = found(model("a", meta=meta))
    assert result.assets["a"].spec.keys() == {"key", "upstreams", "materialize"}
    assert [each.reason for each in result.problems] == ["InvalidMeta"]
    assert problem in result.problems[0].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4h", timedelta(hours=4)),
        ("30 minutes", timedelta(minutes=30)),
        ("1d", timedelta(days=1)),
        ("1.5 hours", timedelta(hours=1.5)),
        ("45m", timedelta(minutes=45)),
        ("soon", None),
        ("3 moons", None),
        (None, None),
    ],
)
def test_lag_tolerance(text: str | None, expected: timedelta | None) -> None:
    assert tolerance(model("a", lag_tolerance=text)) == expected
