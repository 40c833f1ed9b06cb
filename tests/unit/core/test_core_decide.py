"""One decision: what is written, launched, when to look again; deciding on its own word changes nothing."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.core.making import HOUR, MINUTE, NOW, SECOND, asset, pipeline, ran, source, up, ups

from freshet.api.asset import Asset, AssetStatus, Consumed, HistoryItem, PolicyInForce, RunInFlight
from freshet.api.conditions import find
from freshet.core.blame import Ancestor
from freshet.core.case import Trouble
from freshet.core.decide import decide
from freshet.core.observed import Decision, Observed

RUN = RunInFlight(id="r", name="j", cause="updated: a", started_at=NOW)
WAITS = msgspec.structs.replace(RUN, message="WaitingForWarehouse: it starts, since 12:00")


def look(it: Asset, *upstreams: Asset, **more: Any) -> Decision:
    facts: dict[str, Any] = {"pipeline": None, "upstreams": ups(*upstreams), "now": NOW, **more}
    return decide(Observed(asset=it, **facts))


def written(it: Asset, decision: Decision) -> Asset:
    return msgspec.structs.replace(it, status=decision.status)


def reason_of(decision: Decision, type: str) -> tuple[str, str]:
    found = find(decision.status.conditions, type=type)
    assert found is not None
    return found.status, found.reason


def x(*upstreams: str, **more: Any) -> Asset:
    return asset("x", upstreams=list(upstreams), **more)


LAG = {"maximumLag": "10m"}
MANUAL = {"when": "Manual"}
DAILY = {"when": "Cron", "schedule": "@daily"}
REFUSED = Trouble(reason="WriteRefused", message="no")
V1 = {"version": "v1", "data_time": NOW, "definition": "same", "considered": {"a": "v1"}}


@pytest.mark.parametrize(
    ("it", "upstreams", "more", "state", "reason", "is_due"),
    [
        (x("a"), [up("a")], {}, "Missing", "Missing: never built", True),
        (x("a"), [up("a", None)], {}, "Missing", "NeverUpdated: waits for a", False),
        (x("a"), [], {}, "Missing", "UpstreamNotFound: upstream 'a'", False),
        (x("a", pipeline="p"), [up("a")], {}, "Missing", "PipelineNotFound: pipeline 'p'", False),
        (x("a", pipeline="p"), [up("a")], {"pipeline": pipeline()}, "Missing", "Missing", True),
        (x("a", suspend=True), [up("a")], {}, "Suspended", "ProducerSuspended: suspended (spec.suspend)", False),
        (x("a", suspend=True), [up("a")], {"active": RUN}, "Suspended", "ProducerSuspended", False),
        (x("a"), [up("a")], {"active": RUN}, "Updating", "RunInFlight (since ", False),
        (x("a"), [up("a")], {"active": WAITS}, "Updating", "WaitingForWarehouse: it starts, since 12:00", False),
        (x("a"), [up("a")], {"cycle": ("a", "x", "a")}, "Missing", "CycleDetected: a → x → a", False),
        (x("a"), [up("a")], {"trouble": REFUSED}, "Missing", "WriteRefused", False),
        (x("a", timeout="5"), [up("a")], {}, "Missing", "InvalidSpec: '5'", False),
        (x(automation={"when": "Cron", "schedule": "x"}), [], {}, "Missing", "InvalidSchedule", False),
        (x(automation={**DAILY, "timeZone": "M"}), [], {}, "Missing", "InvalidTimeZone", False),
        (x(automation=MANUAL, freshness=LAG, status=AssetStatus(**V1)), [], {}, "Fresh", "WithinLimit", False),
        (x(automation={"when": "Manual"}, freshness=LAG, status=AssetStatus(**V1)), [], {"now": NOW + HOUR}, "Stale",
         "LagExceeded: data of", False),
    ],
)  # fmt: skip
def test_situations(it: Asset, upstreams: Any, more: Any, state: str, reason: str, is_due: bool) -> None:
    decision = look(it, *upstreams, **more)
    assert decision.status.state == state
    assert decision.status.reason is not None
    assert decision.status.reason.startswith(reason)
    assert (decision.due is not None) is is_due
    again = look(written(it, decision), *upstreams, **more)
    assert again.status == decision.status


SEEN = PolicyInForce(maximum_lag="10m", warn_lag="6m", basis="Data")
NO_TIME = {"schedule": "0 25 * * *", "within": "1h"}


@pytest.mark.parametrize(
    ("spec", "known", "state", "fresh"),
    [
        ({"freshness": NO_TIME}, SEEN, "Stale", ("False", "LagExceeded")),
        ({"freshness": {"maximumLag": "soon"}}, SEEN, "Stale", ("False", "LagExceeded")),
        ({"freshness": {"maximumLag": "2h"}, "timeout": "5"}, SEEN, "Fresh", ("True", "WithinLimit")),
        ({"freshness": LAG, "automation": {**DAILY, "timeZone": "M"}}, None, "Stale", ("False", "LagExceeded")),
        ({"freshness": NO_TIME}, None, "Stale", ("Unknown", "InvalidSchedule")),
        ({"freshness": NO_TIME, "suspend": True}, SEEN, "Suspended", ("False", "LagExceeded")),
    ],
)
def test_a_setting_that_cannot_be_read_makes_nothing_fresh(spec: Any, known: Any, state: str, fresh: Any) -> None:
    it = x(**spec, status=AssetStatus(**V1, policy=known))
    decision = look(it, now=NOW + HOUR)
    assert (decision.status.state, reason_of(decision, "Fresh")) == (state, fresh)
    assert decision.status.reason is not None
    assert decision.status.reason.startswith("Invalid")
    assert look(written(it, decision), now=NOW + HOUR).status == decision.status
    assert decision.due is None


def test_trouble_is_said_where_people_look() -> None:
    decision = look(x("a"))
    assert reason_of(decision, "Ready") == ("False", "UpstreamNotFound")
    assert find(decision.status.conditions, type="Stalled") is None, "the upstream may yet be created"
    assert reason_of(decision, "Fresh") == ("Unknown", "UpstreamNotFound")
    stuck = look(x("a", timeout="5"), up("a"))
    assert reason_of(stuck, "Stalled") == ("True", "InvalidSpec")
    mended = look(written(x("a"), stuck), up("a"))
    assert find(mended.status.conditions, type="Stalled") is None
    assert reason_of(mended, "Ready") == ("True", "Reconciled")


@pytest.mark.parametrize(
    ("reason", "passing", "stalled"),
    [("WriteRefused", False, True), ("WriteRefused", True, False), ("CycleDetected", False, True),
     ("PipelineNotFound", False, False), ("RelationUnknown", False, False), ("InvalidJobTemplate", False, True)],
)  # fmt: skip
def test_stalled_is_only_what_a_change_of_the_spec_repairs(reason: str, passing: bool, stalled: bool) -> None:
    decision = look(x("a"), up("a"), trouble=Trouble(reason=reason, message="why", passing=passing))
    assert reason_of(decision, "Ready") == ("False", reason)
    assert (find(decision.status.conditions, type="Stalled") is not None) is stalled


def test_it_comes_back_at_the_first_of_deadline_wait_and_tick() -> None:
    fresh = x(automation={"when": "Manual"}, freshness=LAG, status=AssetStatus(**V1))
    assert look(fresh).wake_at == NOW + 10 * MINUTE
    cron = x(
        automation={"when": "Cron", "schedule": "1 12 * * *"}, freshness=LAG, status=AssetStatus(**V1, last_tick=NOW)
    )
    assert look(cron).wake_at == NOW + MINUTE
    held = x("a", automation={"minInterval": "5s"}, freshness=LAG, status=AssetStatus(
        **V1, history=(HistoryItem(id="h", outcome="Succeeded", version="v1", started_at=NOW),)))  # fmt: skip
    assert look(held, up("a", "v2")).wake_at == NOW + 5 * SECOND


def test_an_upstream_that_moves_during_the_run_makes_it_due_again() -> None:
    it = written(x("a"), look(x("a"), up("a", "v2"), ended=[ran(looked_at={"a": "v1"})]))
    decision = look(it, up("a", "v2"))
    assert decision.due is not None
    assert decision.due.versions == {"a": "v2"}


def test_an_operator_that_was_down_while_upstreams_moved_launches_once() -> None:
    it = written(x("a"), look(x("a"), up("a", "v1"), ended=[ran(looked_at={"a": "v1"})]))
    first = look(it, up("a", "v4"))
    assert first.due is not None
    done = look(
        it, up("a", "v4"), ended=[ran(id="r2", at=NOW + SECOND, looked_at={"a": "v4"}, definition=first.due.definition)]
    )
    assert (done.due, len(done.recorded)) == (None, 1)


def test_a_failure_while_the_spec_is_broken_is_retried_once_it_is_mended() -> None:
    broken = x("a", timeout="5")
    it = written(x("a"), look(broken, up("a"), ended=[ran("Failed", looked_at={"a": "v1"})]))
    assert look(it, up("a")).due is not None


def test_external_assets_are_told_by_annotations() -> None:
    said = {"freshet.dev/materialized": "e1", "freshet.dev/data-time": "2026-11-24T11:00:00Z"}
    it = asset(materialize={"external": {}}, annotations=said)
    decision = look(it)
    assert (decision.status.version, decision.status.data_time) == ("e1", NOW - HOUR)
    assert look(written(it, decision), now=NOW + MINUTE).recorded == ()
    newer = asset(
        materialize={"external": {}},
        status=decision.status,
        annotations={**said, "freshet.dev/data-time": "2026-11-24T11:30:00Z"},
    )
    confirmed = look(newer, now=NOW + MINUTE)
    assert (confirmed.status.version, confirmed.status.data_time) == ("e1", NOW - 30 * MINUTE)
    abroad = asset(
        materialize={"external": {}}, annotations={**said, "freshet.dev/data-time": "2026-11-24T12:00:00+01:00"}
    )
    assert str(look(abroad).status.data_time) == "2026-11-24 11:00:00+00:00", "lines show it with a Z"


def test_blame_is_for_old_data_only() -> None:
    old = AssetStatus(**{**V1, "last_updated_at": NOW})
    blame = {"now": NOW + HOUR, "blame": lambda it: Ancestor(name="root", why="why")}
    manual = {"automation": {"when": "Manual"}, "status": old}
    assert look(x(freshness=LAG, **manual), **blame).status.reason == "UpstreamStale (root: why)"
    assert reason_of(look(x(freshness=LAG, **manual), **blame), "Fresh") == ("False", "UpstreamStale")
    for other in ({**LAG, "basis": "Update"}, {"maximumUnchanged": "5m"}):
        assert "UpstreamStale" not in (look(x(freshness=other, **manual), **blame).status.reason or "")


def test_a_derived_version_keeps_its_data_time_in_history() -> None:
    def live(it: Asset) -> Any:
        return {"v1": NOW, "v2": NOW + MINUTE}[it.status.version or ""]

    first = HistoryItem(id="r1", outcome="Succeeded", version="v1")
    it = x("a", status=AssetStatus(version="v1", consumed={"a": Consumed(version="a1")}, history=(first,)))
    after = look(it, up("a"), ended=[ran(id="r2", version="v2", looked_at={"a": "a2"})], data_time=live)
    assert [(item.version, item.data_time) for item in after.status.history] == [("v2", NOW + MINUTE), ("v1", NOW)]


def test_a_reason_is_one_line() -> None:
    it = x("a", retries={"limit": 0})
    decision = look(it, up("a"), ended=[ran("Failed", message="first\nsecond\t third", looked_at={"a": "v1"})])
    assert decision.status.state == "Failed"
    assert decision.status.reason == "ProducerFailing: first second third; next try 2026-11-24 12:59:50Z"


def test_transition_times_move_only_with_the_status() -> None:
    it = x(automation={"when": "Manual"}, freshness=LAG, status=AssetStatus(**V1))
    one = look(it)
    two = look(written(it, one), now=NOW + MINUTE)
    three = look(written(it, two), now=NOW + HOUR)
    times = [find(d.status.conditions, type="Fresh") for d in (one, two, three)]
    assert [c.last_transition_time - NOW for c in times if c] == [timedelta(0), timedelta(0), HOUR]


specs = st.fixed_dictionaries(
    {"upstreams": st.just(["a", "b"])},
    optional={
        "automation": st.sampled_from(
            [{"when": w} for w in ("Manual", "AllUpstreamsUpdated", "Missing")]
            + [{"when": "Cron", "schedule": "*/7 * * * *"}, {"minInterval": "5m"}, {"requireChecks": False}]
        ),
        "freshness": st.sampled_from([LAG, {"schedule": "0 6 * * *", "within": "1h"}, {"maximumUnchanged": "1m"}]),
        "retries": st.sampled_from([{"limit": 0}, {"limit": 1, "backoff": "1m"}]),
        "suspend": st.booleans(),
    },
)
endings = st.lists(
    st.tuples(
        st.sampled_from(["Succeeded", "Unchanged", "Failed", "Interrupted", "Cancelled", "Skipped"]),
        st.integers(0, 900),
    ),
    max_size=4,
)


@settings(max_examples=30, deadline=None)
@example(spec={"upstreams": ["a", "b"]}, runs=[("Unchanged", 0)], versions=("v1", "v1"), active=False)
@given(spec=specs, runs=endings, versions=st.tuples(*[st.sampled_from([None, "v1", "v2"])] * 2), active=st.booleans())
def test_deciding_again_on_ones_own_word_changes_nothing(spec: Any, runs: Any, versions: Any, active: bool) -> None:
    upstreams = [up("a", versions[0], last_updated_at=NOW), up("b", versions[1])]
    ended = [
        ran(kind, id=f"r{n}", at=NOW - s * SECOND, looked_at={"a": "v1", "b": "v1"}) for n, (kind, s) in enumerate(runs)
    ]
    it, facts = asset("x", **spec), {"ended": ended, "active": RUN if active else None}
    first = look(it, *upstreams, **facts)
    second = look(written(it, first), *upstreams, **facts)
    assert second.status == first.status
    assert second.recorded == ()
    assert (second.due, second.waiting, second.wake_at) == (first.due, first.waiting, first.wake_at)
    if first.due is not None:
        assert first.waiting is None
        done = ran(
            id="next",
            started_at=NOW,
            at=NOW + SECOND,
            looked_at=first.due.versions,
            tick=first.due.tick,
            definition=first.due.definition,
        )
        later: Any = {"ended": [*ended, done], "now": NOW + SECOND}  # a run that is to end would count as of now
        after = look(written(it, second), *upstreams, **later)
        assert look(written(it, after), *upstreams, **later).due is None
    if first.wake_at is not None:
        assert first.wake_at > NOW


def test_a_source_follows_its_loads() -> None:
    pipe = pipeline(sources=[{"asset": "src", "csv": {"path": "/d.csv"}}])
    first = look(source(), pipeline=pipe)
    assert first.due is not None
    load = ran(version="L1", data_time=NOW, definition=first.due.definition)
    it = written(source(), look(source(), pipeline=pipe, ended=[load]))
    assert it.status.version == "L1"
    assert look(it, pipeline=pipe, ended=[load]).due is None
