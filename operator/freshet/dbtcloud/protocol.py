"""THE RUN PROTOCOL: one need, one dbt Cloud run, whatever crashes and whatever answer is lost.

dbt Cloud has no idempotency key. So a run is first *meant* (one PATCH on ``Pipeline.status.dbtCloud.run``: the intent,
with a token), then *sent* (one POST whose ``cause`` ends with the token), then *known* (its id is recorded beside the
token), then *finished* (results are taken and the intent is cleared). :func:`decide` says what is next; the caller does
it and tells :class:`Memory` what came of it. What is recorded survives a crash; Memory does not, and need not::

    Idle ── need ──▶ WriteIntent ──▶ Post ──▶ RecordId ──▶ Poll … ──▶ FetchResults … ──▶ Finish ──▶ Idle
                          ▲           │ ambiguous            (Cancel when over time)
                          │           ▼
                          └── absent ─ Look … (until the window has passed)

An intent of which this process does not know that no POST can have taken effect is *in doubt*: it is looked for, never
sent. Doubt ends in one of two ways. The run is found: it is adopted. Or a complete look that *began* after the window
had passed did not find it: nothing can come any more. Then the intent is renewed (same token, new time, one PATCH)
before it is sent again, so that a second crash finds a young intent and waits again. A renewal is for what is due then,
with the versions of then: whatever moved while dbt Cloud was away is in the one run that follows, and if nothing is due
any more there is none.

The window counts from the intent's time: how late a POST may begin (`slack`), how long it may take (`post_timeout`),
how late a run may show in the list (`list_lag`), and how far our clocks may differ (`clock_skew`). A POST begins within
`slack` of the intent that allows it, or not at all (`Post.not_after`): a process that slept in between renews first. A
look goes back to the token's own time, less what the service's clock may differ (`service_skew`), page by page.

Where the process may die, and what the next one does (tests/cluster/test_operator_dbt_kills.py kills it there):

1. before WriteIntent: nothing is recorded; the need is still due, and a new token is made;
2. in WriteIntent, its answer lost: the intent is read back or is not there (the PATCH names a resourceVersion); read
   back it is in doubt;
3. between WriteIntent and Post: in doubt; not found after the window; renewed and sent;
4. in Post, before or after the service took it, or its answer lost: in doubt; found, or sent again after the window;
5. between Post and RecordId: in doubt; found and recorded;
6. in Renew: as 2, since the token is the same whichever time is recorded, and no run was made for either;
7. between RecordId and Finish: the id is recorded; polling goes on; results are fetched again, which changes nothing,
   because the run's id names the versions that it made;
8. around Cancel: why the run is to end is recorded before it is asked for, so that whoever finds it cancelled knows
   what that means; it is asked for again until the run has ended;
9. in Finish: either it happened (then the needs are met, and nothing is due) or it is done again;
10. in Leave: as 2; the time counts from when it is recorded, so that restarts do not draw it out.

An intent belongs to the host and account that it was meant for, and these are recorded with it. Where the Pipeline
names another place by now, a run that was or may have been sent is *out of reach*: the new token is not for the old
place, and its id means another run, or none, at the new one. That is recorded (Leave) and said. The run is then given
the time that its models may take (`left_for`), since it may be building the same tables. One of three things ends that.
The old place is named again: it is followed as before. Its marker is found at the new place, which is the old one under
another name: it is adopted. Or its time is over: it is given up, and what is due by then is asked of the new place.
What was never sent is dropped, and what is due stands in line at the new place. A job is no such place: a run's id
names it in its account.

An id is believed no further than the run's cause bears it out: before a run is cancelled or its results are taken it
is asked for once, and where its cause is somebody else's the id is dropped (Disown), which leaves the intent in doubt.

What certainly had no effect (no connection, 429) leaves no doubt: it is renewed after a while and sent again. What was
refused (4xx) is abandoned with the reason: the need stays due, and the caller decides when to try again. Only an intent
without doubt is ever abandoned, and one whose run the service says not to know for as long as it could have run
(`lost_after`): then what is due is asked anew. Two things are assumed: a POST takes effect within `post_timeout` of its
beginning or never, and a run shows in the list within `list_lag` of its creation. Both have room in the defaults.

:func:`decide` must see the recorded intent as it was last written (the answer to the PATCH, or a live read); an older
state is harmless, since every PATCH names its resourceVersion.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

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
from freshet.dbtcloud.marker import is_strange, token_time
from freshet.dbtcloud.memory import Intent, Memory

__all__ = ["Settings", "decide"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The protocol's times. `post_timeout` is the client's `deadline`."""

    slack: timedelta = timedelta(seconds=5)
    post_timeout: timedelta = timedelta(seconds=30)
    list_lag: timedelta = timedelta(seconds=30)
    clock_skew: timedelta = timedelta(seconds=5)
    service_skew: timedelta = timedelta(minutes=5)
    look_every: timedelta = timedelta(seconds=3)
    poll_every: timedelta = timedelta(seconds=5)
    results_first: timedelta = timedelta(seconds=1)
    results_patience: timedelta = timedelta(minutes=5)
    cancel_again: timedelta = timedelta(minutes=1)
    lost_after: timedelta = timedelta(minutes=30)
    """How long a recorded run may be "not found": 404 may also mean a missing permission, and it may be building."""
    left_for: timedelta = timedelta(minutes=30)
    """How long a run may be under way at a place that its Pipeline does not name any more: its models' timeout."""
    left_look_every: timedelta = timedelta(minutes=1)

    @property
    def window(self) -> timedelta:
        """From the intent's time until its run must be in the list, if there is one."""
        return self.slack + self.post_timeout + self.list_lag + self.clock_skew


def decide(
    *,
    intent: Intent | None,
    memory: Memory,
    wanted: bool,
    now: datetime,
    settings: Settings,
    new_token: str,
    cancel: str | None = None,
) -> Action:
    """What to do next.

    `intent` is what is recorded, `memory` has :meth:`Memory.seen` it. `wanted`: something is due (without an intent),
    or what the intent is for is still due (with one). `new_token` is used if a token must be made. `cancel`: why the
    run should be ended (timeout, suspension), if it should. `Wait` may be cut short: decide again on any news.
    """
    if intent is None:
        return WriteIntent(token=new_token, at=now, renewed=False) if wanted else Idle()
    if intent.elsewhere and (intent.id is not None or memory.doubt):
        return _out_of_reach(intent, memory=memory, now=now, settings=settings)
    if intent.left_at is not None and not intent.elsewhere:
        return Leave(at=None)
    if intent.id is not None and not intent.id.isdecimal():
        return Abandon(reason="RunNotFound", message=f"the recorded run id {intent.id!r} is not one of dbt Cloud's")
    if intent.id is not None and memory.run is not None and is_strange(memory.run.cause, token=intent.token):
        return Disown(run_id=int(intent.id))
    if intent.id is not None:
        return _follow(int(intent.id), memory=memory, now=now, settings=settings, cancel=cancel)
    if memory.run_ids:
        return RecordId(run_id=memory.run_ids[0], duplicates=memory.run_ids[1:])
    if memory.doubt:
        return _resolve(intent, memory=memory, now=now, settings=settings, wanted=wanted)
    return _send(intent, memory=memory, now=now, settings=settings, wanted=wanted)


def _resolve(intent: Intent, *, memory: Memory, now: datetime, settings: Settings, wanted: bool) -> Action:
    """In doubt: look, until a look that began after the window has found nothing."""
    clear = min(intent.at, memory.first_seen or intent.at) + settings.window
    if memory.looked_at is not None and memory.looked_at >= clear:
        if not wanted:
            return Abandon(reason="NotNeeded", message="what the run was for is not due any more")
        return WriteIntent(token=intent.token, at=now, renewed=True)
    if memory.tried_look_at is not None and now < memory.tried_look_at + settings.look_every:
        return Wait(until=memory.tried_look_at + settings.look_every, why="looking for the run")
    return _look(intent, settings=settings)


def _send(intent: Intent, *, memory: Memory, now: datetime, settings: Settings, wanted: bool) -> Action:
    """Without doubt: no POST of this token has had an effect."""
    if memory.refused is not None:
        return Abandon(reason=memory.refused.reason, message=memory.refused.message)
    if not wanted:
        return Abandon(reason="NotNeeded", message="what the run was for is not due any more")
    if intent.elsewhere:
        return Abandon(reason="NotNeeded", message="it was meant for another place, and never sent")
    if memory.retry_at is not None and now < memory.retry_at:
        return Wait(until=memory.retry_at, why=memory.trouble)
    limit = intent.at + settings.slack
    if memory.renew or not intent.at <= now < limit:
        return WriteIntent(token=intent.token, at=now, renewed=True)
    return Post(token=intent.token, not_after=limit)


def _out_of_reach(intent: Intent, *, memory: Memory, now: datetime, settings: Settings) -> Action:
    """It was, or may have been, sent to a place that is not named any more."""
    if intent.left_at is None:
        return Leave(at=now)
    if memory.run_ids:
        return RecordId(run_id=memory.run_ids[0], duplicates=memory.run_ids[1:])
    over = intent.left_at + settings.left_for
    if now >= over:
        return Abandon(reason="RunOutOfReach", message=f"the run has had the {settings.left_for} that it may take")
    again = memory.tried_look_at + settings.left_look_every if memory.tried_look_at is not None else now
    if now < again:
        return Wait(until=min(again, over), why="the run is where the Pipeline does not look any more")
    return _look(intent, settings=settings)


def _look(intent: Intent, *, settings: Settings) -> Look:
    began = min(token_time(intent.token) or intent.at, intent.at)
    return Look(token=intent.token, since=began - settings.service_skew)


def _follow(run_id: int, *, memory: Memory, now: datetime, settings: Settings, cancel: str | None) -> Action:
    """The run is known: to its end, and its results home."""
    if memory.done_at is not None:
        return _collect(run_id, memory=memory, now=now, settings=settings)
    missing, still = memory.missing_since, memory.missed_at
    # Only what the service says counts: a process that slept asks once more.
    if missing is not None and still is not None and still - missing >= settings.lost_after:
        return Abandon(reason="RunNotFound", message=f"dbt Cloud does not know run {run_id} any more")
    if cancel is not None and missing is None and _may_cancel(memory, now=now, settings=settings):
        return Cancel(run_id=run_id, why=cancel)
    if memory.polled_at is not None and now < memory.polled_at + settings.poll_every:
        return Wait(until=memory.polled_at + settings.poll_every, why="the run is under way")
    return Poll(run_id=run_id)


def _may_cancel(memory: Memory, *, now: datetime, settings: Settings) -> bool:
    """What is known to be ours. Between two requests for its end it is asked for: it may have ended by itself."""
    asked, polled = memory.cancelled_at, memory.polled_at
    if memory.run is None or polled is None:
        return False
    return asked is None or (polled > asked and now - asked >= settings.cancel_again)


def _collect(run_id: int, *, memory: Memory, now: datetime, settings: Settings) -> Action:
    """It has ended: artifacts may come late, or never."""
    assert memory.done_at is not None
    if memory.results:
        return Finish(run_id=run_id, complete=True)
    if memory.fetched_at is not None and now - memory.done_at >= settings.results_patience:
        return Finish(run_id=run_id, complete=False)
    pause = settings.results_first * 2 ** min(memory.fetches - 1, 5) if memory.fetches else timedelta(0)
    if memory.fetched_at is not None and now < memory.fetched_at + pause:
        return Wait(until=memory.fetched_at + pause, why="the results are not there yet")
    return FetchResults(run_id=run_id)
