"""The run protocol's decisions one by one; test_protocol_model.py has them together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from freshet.dbtcloud import errors
from freshet.dbtcloud.actions import (
    Abandon,
    Action,
    Cancel,
    Disown,
    FetchResults,
    Finish,
    Idle,
    Leave,
    Look,
    Poll,
    Post,
    RecordId,
    Wait,
    WriteIntent,
)
from freshet.dbtcloud.marker import cause_of, find, is_strange, new_token, token_in, token_time
from freshet.dbtcloud.memory import Intent, Memory
from freshet.dbtcloud.model import Run, RunStatus, Trigger
from freshet.dbtcloud.protocol import Settings, decide

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TOKEN = new_token(now=NOW, random=b"12345")
INTENT = Intent(token=TOKEN, at=NOW)
SENT = Intent(token=TOKEN, at=NOW, id="70")
TIMES = Settings()
OWN = Memory().wrote(INTENT, now=NOW)


def next_action(
    intent: Intent | None, memory: Memory, *, at: datetime = NOW, wanted: bool = True, cancel: str | None = None
) -> Action:
    seen = memory.seen(intent, now=at)
    return decide(
        intent=intent, memory=seen, wanted=wanted, now=at, settings=TIMES, new_token="abc-12345", cancel=cancel
    )


def test_nothing_is_due() -> None:
    assert next_action(None, Memory(), wanted=False) == Idle()


def test_a_need_is_written_down_before_it_is_sent() -> None:
    assert next_action(None, Memory()) == WriteIntent(token="abc-12345", at=NOW, renewed=False)
    assert next_action(INTENT, OWN) == Post(token=TOKEN, not_after=NOW + TIMES.slack)


def test_a_late_post_renews_first() -> None:
    late = NOW + TIMES.slack
    assert next_action(INTENT, OWN, at=late) == WriteIntent(token=TOKEN, at=late, renewed=True)
    early = NOW - SECOND
    assert next_action(INTENT, OWN, at=early) == WriteIntent(token=TOKEN, at=early, renewed=True)


def test_an_intent_of_another_process_is_looked_for_and_never_sent() -> None:
    look = next_action(INTENT, Memory())
    assert look == Look(token=TOKEN, since=NOW - TIMES.service_skew)
    memory = Memory().seen(INTENT, now=NOW).looked(began=NOW, run_ids=())
    assert isinstance(next_action(INTENT, memory, at=NOW + SECOND), Wait)
    almost = NOW + TIMES.window - SECOND
    memory = memory.looked(began=almost, run_ids=())
    assert isinstance(next_action(INTENT, memory, at=almost + TIMES.look_every), Look)


def test_after_the_window_an_absent_run_is_meant_again_with_the_same_token() -> None:
    clear = NOW + TIMES.window
    memory = Memory().seen(INTENT, now=NOW).looked(began=clear, run_ids=())
    assert next_action(INTENT, memory, at=clear) == WriteIntent(token=TOKEN, at=clear, renewed=True)
    assert isinstance(next_action(INTENT, memory, at=clear, wanted=False), Abandon)


def test_a_renewal_that_this_process_did_not_make_is_in_doubt_again() -> None:
    renewed = Intent(token=TOKEN, at=NOW + timedelta(hours=1))
    action = next_action(renewed, OWN, at=renewed.at)
    assert action == Look(token=TOKEN, since=NOW - TIMES.service_skew)


def test_an_intent_of_the_future_does_not_wait_for_it() -> None:
    future = Intent(token=TOKEN, at=NOW + timedelta(hours=5))
    memory = Memory().seen(future, now=NOW).looked(began=NOW + TIMES.window, run_ids=())
    assert isinstance(next_action(future, memory, at=NOW + TIMES.window), WriteIntent)


LEFT = replace(SENT, elsewhere=True, left_at=NOW)


def test_a_run_at_a_place_that_is_not_named_any_more_is_left_and_given_its_time() -> None:
    assert next_action(replace(SENT, elsewhere=True), Memory()) == Leave(at=NOW)
    assert next_action(replace(INTENT, elsewhere=True), Memory()) == Leave(at=NOW), "in doubt"
    assert next_action(LEFT, Memory()) == Look(token=TOKEN, since=NOW - TIMES.service_skew)
    looked = Memory().seen(LEFT, now=NOW).looked(began=NOW, run_ids=())
    assert next_action(LEFT, looked, at=NOW + SECOND) == Wait(
        until=NOW + TIMES.left_look_every, why="the run is where the Pipeline does not look any more"
    )
    assert isinstance(next_action(LEFT, looked, at=NOW + TIMES.left_look_every), Look)
    almost = NOW + TIMES.left_for - SECOND
    looked = looked.looked(began=almost, run_ids=())
    assert next_action(LEFT, looked, at=almost, cancel="Timeout") == Wait(
        until=NOW + TIMES.left_for, why="the run is where the Pipeline does not look any more"
    )
    action = next_action(LEFT, looked, at=NOW + TIMES.left_for)
    assert isinstance(action, Abandon)
    assert action.reason == "RunOutOfReach"


def test_a_run_that_was_left_is_followed_where_its_place_is_named_again_or_has_another_name() -> None:
    assert next_action(replace(LEFT, elsewhere=False), Memory()) == Leave(at=None)
    found = Memory().seen(LEFT, now=NOW).looked(began=NOW, run_ids=(70,))
    assert next_action(LEFT, found) == RecordId(run_id=70)


def test_what_was_never_sent_is_dropped_where_another_place_is_named() -> None:
    unsent = OWN.posting().unsent(errors.Unreachable("no"), now=NOW).moved()
    for memory in (OWN.moved(), unsent):
        action = next_action(replace(INTENT, elsewhere=True), memory)
        assert isinstance(action, Abandon)
        assert action.reason == "NotNeeded", "it is due, and stands in the line of that place"
    assert OWN.posting().sent(run_id=70).moved() == Memory(), "another place does not know it"


def test_what_is_found_is_adopted() -> None:
    memory = Memory().seen(INTENT, now=NOW).looked(began=NOW, run_ids=(70, 71))
    assert next_action(INTENT, memory) == RecordId(run_id=70, duplicates=(71,))
    assert next_action(INTENT, OWN.posting().sent(run_id=70)) == RecordId(run_id=70)


@pytest.mark.parametrize(
    "error", [errors.AmbiguousAnswer("?", code=502), errors.ServerError("?"), errors.DbtCloudError("?")]
)
def test_an_ambiguous_answer_is_looked_for(error: errors.DbtCloudError) -> None:
    memory = OWN.posting().unsent(error, now=NOW)
    assert isinstance(next_action(INTENT, memory), Look)


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (errors.Unreachable("no"), timedelta(seconds=2)),
        (errors.RateLimited("429", retry_after=90), timedelta(seconds=90)),
        (errors.RateLimited("429", retry_after=0.5), timedelta(seconds=2)),
    ],
)
def test_what_had_no_effect_is_sent_again_after_a_while(error: errors.DbtCloudError, pause: timedelta) -> None:
    memory = OWN.posting().unsent(error, now=NOW)
    assert next_action(INTENT, memory) == Wait(until=NOW + pause, why=str(error))
    later = NOW + pause
    assert next_action(INTENT, memory, at=later) == WriteIntent(token=TOKEN, at=later, renewed=True)
    renewed = Intent(token=TOKEN, at=later)
    again = next_action(renewed, memory.wrote(renewed, now=later), at=later)
    assert again == Post(token=TOKEN, not_after=later + TIMES.slack)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.Refused("bad override", code=400), "OverrideRefused"),
        (errors.Refused("bad selector", code=422), "OverrideRefused"),
        (errors.Refused("busy", code=409), "RunRefused"),
        (errors.Refused("elsewhere", code=302), "RunRefused"),
        (errors.AuthenticationFailed("401"), "AuthenticationFailed"),
        (errors.NotFound("404"), "NotFound"),
    ],
)
def test_what_was_refused_is_given_up(error: errors.DbtCloudError, reason: str) -> None:
    memory = OWN.posting().unsent(error, now=NOW)
    assert next_action(INTENT, memory) == Abandon(reason=reason, message=str(error))


def test_what_is_not_needed_any_more_is_given_up_unless_in_doubt() -> None:
    assert isinstance(next_action(INTENT, OWN, wanted=False), Abandon)
    assert isinstance(next_action(INTENT, OWN.posting(), wanted=False), Look)


def test_a_known_run_is_followed_to_its_end() -> None:
    memory = Memory().seen(SENT, now=NOW)
    assert next_action(SENT, memory) == Poll(run_id=70)
    memory = memory.polled(Run(id=70, status=RunStatus.RUNNING), now=NOW)
    assert isinstance(next_action(SENT, memory), Wait)
    assert next_action(SENT, memory, at=NOW + TIMES.poll_every) == Poll(run_id=70)
    memory = memory.polled(Run(id=70, status=RunStatus.SUCCESS), now=NOW)
    assert next_action(SENT, memory) == FetchResults(run_id=70)
    assert next_action(SENT, memory.fetched(now=NOW, complete=True)) == Finish(run_id=70, complete=True)


def test_late_results_are_waited_for_with_patience_that_ends() -> None:
    memory = Memory().seen(SENT, now=NOW).polled(Run(id=70, status=RunStatus.ERROR), now=NOW)
    memory = memory.fetched(now=NOW, complete=False)
    assert next_action(SENT, memory) == Wait(until=NOW + SECOND, why="the results are not there yet")
    assert next_action(SENT, memory, at=NOW + SECOND) == FetchResults(run_id=70)
    memory = memory.fetched(now=NOW + SECOND, complete=False)
    assert isinstance(next_action(SENT, memory, at=NOW + 2 * SECOND), Wait)
    late = NOW + TIMES.results_patience
    assert next_action(SENT, memory, at=late) == Finish(run_id=70, complete=False)


def test_a_run_is_cancelled_and_asked_again_until_it_ends() -> None:
    memory = Memory().seen(SENT, now=NOW)
    assert isinstance(next_action(SENT, memory, cancel="timeout"), Poll)
    memory = memory.polled(Run(id=70, status=RunStatus.RUNNING), now=NOW)
    assert next_action(SENT, memory, cancel="timeout") == Cancel(run_id=70, why="timeout")
    memory = memory.cancelling(now=NOW)
    assert isinstance(next_action(SENT, memory, cancel="timeout"), Wait)
    later = NOW + TIMES.cancel_again
    assert isinstance(next_action(SENT, memory, at=later, cancel="timeout"), Poll), "it may have ended meanwhile"
    memory = memory.unseen(now=later)
    assert isinstance(next_action(SENT, memory, at=later, cancel="timeout"), Cancel)
    memory = memory.cancelling(now=later)
    assert (memory.cancelled_since, memory.cancelled_at) == (NOW, later)
    memory = memory.polled(Run(id=70, status=RunStatus.CANCELLED), now=later)
    assert isinstance(next_action(SENT, memory, at=later, cancel="timeout"), FetchResults)


def test_a_run_that_is_somebody_elses_is_dropped_and_ours_is_looked_for() -> None:
    for status in (RunStatus.RUNNING, RunStatus.SUCCESS):
        theirs = Run(id=70, status=status, trigger=Trigger(cause="nightly"))
        memory = Memory().seen(SENT, now=NOW).polled(theirs, now=NOW)
        assert next_action(SENT, memory, cancel="timeout") == Disown(run_id=70)
        assert next_action(INTENT, memory.disowned(now=NOW)) == Look(token=TOKEN, since=NOW - TIMES.service_skew)
    ours = Run(id=70, status=RunStatus.SUCCESS, trigger=Trigger(cause=cause_of(sentence="due", token=TOKEN)))
    assert next_action(SENT, Memory().seen(SENT, now=NOW).polled(ours, now=NOW)) == FetchResults(run_id=70)


def test_what_was_never_seen_is_not_cancelled() -> None:
    """It may be somebody else's."""
    memory = Memory().seen(SENT, now=NOW).unseen(now=NOW)
    assert isinstance(next_action(SENT, memory, cancel="timeout"), Wait)
    assert isinstance(next_action(SENT, memory, at=NOW + TIMES.poll_every, cancel="timeout"), Poll)


def test_a_run_that_is_gone_is_given_up_in_the_end() -> None:
    memory = Memory().seen(SENT, now=NOW).poll_missed(now=NOW, not_found=True)
    assert isinstance(next_action(SENT, memory), Wait)
    assert isinstance(next_action(SENT, memory, at=NOW + TIMES.lost_after), Poll), "a process that slept asks once more"
    unanswered = memory.unseen(now=NOW + TIMES.lost_after)
    assert isinstance(next_action(SENT, unanswered, at=NOW + TIMES.lost_after), Wait)
    memory = memory.poll_missed(now=NOW + TIMES.lost_after, not_found=True)
    assert next_action(SENT, memory, at=NOW + TIMES.lost_after) == Abandon(
        reason="RunNotFound", message="dbt Cloud does not know run 70 any more"
    )
    back = memory.poll_missed(now=NOW, not_found=False)
    assert isinstance(next_action(SENT, back, at=NOW + TIMES.lost_after), Poll)
    assert isinstance(next_action(replace(SENT, id="x"), Memory()), Abandon)


def test_markers() -> None:
    cause = cause_of(sentence="stg  moved\n" + "x" * 300, token=TOKEN)
    assert len(cause) == 255
    assert token_in(cause) == TOKEN
    assert cause_of(sentence="users is due", token=TOKEN) == f"users is due [freshet:{TOKEN}]"
    assert cause_of(sentence="", token=TOKEN).startswith("Triggered by freshet [")
    assert token_time(TOKEN) == NOW
    assert token_time("zz") is None
    assert token_in(None) is None
    assert token_in(f"[freshet:{TOKEN}] said someone") is None


@pytest.mark.parametrize(
    ("cause", "strange"),
    [
        (f"freshet: due [freshet:{TOKEN}]", False),
        ("freshet: due [freshet:abc-99999]", True),
        ("nightly", True),
        ("", False),
        ("freshet: due, and the rest was cut", False),
    ],
)
def test_a_cause_is_somebody_elses_where_it_says_so(cause: str, strange: bool) -> None:
    assert is_strange(cause, token=TOKEN) is strange


def test_the_oldest_run_with_a_token_is_the_one() -> None:
    runs = [Run(id=number, trigger=Trigger(cause=f"due [freshet:{TOKEN}]")) for number in (9, 4)]
    others = [Run(id=1), Run(id=2, trigger=Trigger(cause="due [freshet:abc-99999]"))]
    assert [run.id for run in find([*runs, *others], token=TOKEN)] == [4, 9]
