"""Whom to blame for data that is too old or missing, and why that one does not deliver, in one line.

The first ancestor at fault is found by the graph, which carries it along with data times. What is said of it here
follows from its status alone and holds no ages, so that the line changes, and is written, only when something happens.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from freshet.api import conditions as c
from freshet.api.asset import Asset, RunInFlight
from freshet.api.conditions import find
from freshet.api.view import Key
from freshet.core import cron
from freshet.core.cronjob import next_start
from freshet.core.lineage import Graph, key_of
from freshet.core.still import first_still
from freshet.core.waits import waits_for_others

__all__ = [
    "AGAIN",
    "UNTIL",
    "Ancestor",
    "Words",
    "after",
    "again",
    "ancestor",
    "clock",
    "held_up",
    "next_time",
    "outlook",
    "still",
    "story",
    "under_way",
    "why",
]

Find = Callable[[Key], Asset | None]
APART = timedelta(minutes=5)
"""Data that is older than the look at it by so much is worth a word."""
MOVING = (c.IDLE, c.RUN_IN_FLIGHT)
UNTIL = "until "
"""How the message of what waits begins where it is known for how long."""
AGAIN = "tried again when an upstream moves, or when asked for"
REMEMBERED = 4096
PART, WHY = 200, 400
"""Characters: a long message leaves room for the time that follows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ancestor:
    """The asset at fault, and why it does not deliver."""

    name: str
    why: str

    def line(self, reason: str) -> str:
        """Such as ``UpstreamStale (<name>: <why>)``."""
        return f"{reason} ({self.name}: {self.why})"


class Words:
    """What was last said of each asset at fault: found once per change of it, not once per asset below."""

    def __init__(self) -> None:
        self._said: dict[Key, tuple[Asset, Ancestor]] = {}

    def of(self, key: Key, asset: Asset) -> Ancestor:
        """The asset as it is to be named."""
        known = self._said.get(key)
        if known is not None and known[0] is asset:
            return known[1]
        if len(self._said) >= REMEMBERED:
            self._said.clear()
        said = Ancestor(name=asset.name, why=why(asset))
        self._said[key] = asset, said
        return said


def ancestor(asset: Asset, *, graph: Graph, find: Find, words: Words) -> Ancestor | None:
    """The first ancestor that is to blame; None where it is the asset itself."""
    root = graph.root(asset)
    source = find(root) if root != key_of(asset) else None
    return words.of(root, source) if source is not None else None


def still(asset: Asset, *, find: Find, words: Words) -> Ancestor | None:
    """The first ancestor that brings nothing new (:mod:`.still`); None where it is the asset itself."""
    source = first_still(asset, find=lambda name: find(Key("Asset", asset.namespace, name)))
    return words.of(key_of(source), source) if source is not None else None


def why(asset: Asset) -> str:
    """When it last delivered, what keeps it from doing so again, and what will happen by itself."""
    return _joined(_last(asset), *_story(asset))


def story(asset: Asset) -> str:
    """The same without when it last delivered."""
    return _joined(*_story(asset))


def after(asset: Asset) -> str:
    """What its newest run came to, with its error, and what comes next."""
    last = asset.status.last_run
    word = "was skipped" if last is not None and last.outcome == "Skipped" else "failed"
    told = _one_line(last.message)[:PART] if last is not None and word == "failed" else ""
    return f"{word}: {told}; {_next(asset)}" if told else f"{word}; {_next(asset)}"


def _next(asset: Asset) -> str:
    ready = find(asset.status.conditions, type=c.READY)
    if ready is not None and ready.status == "False":
        return f"{ready.reason}: {ready.message}"
    return under_way(asset) or again(asset)


def _joined(*parts: str | None) -> str:
    """In one line; of long parts only the last one may be long, since a time comes at the end."""
    said = [_one_line(part) for part in parts if part]
    return ", ".join([*(part[:PART] for part in said[:-1]), *said[-1:]])[:WHY]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _last(asset: Asset) -> str:
    verbs = {"Source": "load", "External": "announced"}
    status, verb = asset.status, verbs.get(asset.kind, "built")
    at = status.last_checked_at if asset.kind == "Source" else status.last_updated_at
    if at is None:
        return "never loaded" if asset.kind == "Source" else f"never {verb}"
    old = status.data_time is not None and at - status.data_time > APART
    return f"last {verb} {clock(at)}" + (f", data of {clock(status.data_time)}" if old and status.data_time else "")


def _story(asset: Asset) -> Iterator[str | None]:
    """What a person must act on comes first; a time comes last."""
    status = asset.status
    updating = find(status.conditions, type=c.UPDATING)
    ready, failing = find(status.conditions, type=c.READY), find(status.conditions, type=c.FAILING)
    if status.state == "Suspended":
        yield (updating.message if updating else "") or "suspended"
        return
    if ready is not None and ready.status == "False":
        yield f"{ready.reason}: {ready.message}"
        return
    if failing is not None and failing.status == "True":
        yield f"{c.PRODUCER_FAILING}: {failing.message}"
        yield under_way(asset) or again(asset)
        return
    yield from _in_between(asset)


def _in_between(asset: Asset) -> Iterator[str | None]:
    """What goes on, or what it waits for."""
    status, last = asset.status, asset.status.last_run
    updating, fresh = find(status.conditions, type=c.UPDATING), find(status.conditions, type=c.FRESH)
    if fresh is not None and fresh.reason == c.INPUT_UNCHANGED:
        yield f"{fresh.reason}: {fresh.message}"
    if status.run is not None:
        yield under_way(asset)
    elif last is not None and last.outcome == "Interrupted":
        yield f"{c.RUN_INTERRUPTED}: {last.message}"
        own = status.retry_at if asset.kind != "Source" else None  # loads come back with their schedule alone
        yield f"next try {clock(own)}" if own is not None else outlook(asset)
    elif updating is not None and updating.reason not in MOVING:
        yield f"{updating.reason}: {updating.message}"
    else:
        yield outlook(asset) or (updating.message if updating is not None else None)


def under_way(asset: Asset) -> str | None:
    """The run in flight, and since when; where it has not begun, why not."""
    run = asset.status.run
    if run is None:
        return None
    held = held_up(run)
    if held is not None:
        return held
    verb = "load" if asset.kind == "Source" else "build"
    return f"{verb} running since {clock(run.started_at)}" if run.started_at is not None else f"{verb} started"


def held_up(run: RunInFlight) -> str | None:
    """Why a run that is under way gets nowhere. None: it does, for all that is known."""
    if waits_for_others(run) or not run.message:
        return run.message or None
    return f"{c.POD_NOT_STARTED if run.executor == 'Job' else c.QUEUED}: {run.message}"


def again(asset: Asset) -> str:
    """When one whose retries are used up is tried again."""
    updating = find(asset.status.conditions, type=c.UPDATING)
    if updating is None or updating.reason in MOVING:
        return outlook(asset) or AGAIN
    if updating.message.startswith(UNTIL):
        return f"next try {updating.message.removeprefix(UNTIL).partition(',')[0]}"
    return f"{updating.reason}: {updating.message}"


def outlook(asset: Asset) -> str | None:
    """What will happen by itself, with its time, or why nothing will."""
    status, policy = asset.status, asset.status.policy
    at = next_time(asset)
    if at is not None:
        return f"next {'load' if asset.kind == 'Source' else 'build'} {clock(at)}"
    if asset.kind == "External":
        return "what builds it must announce a new version"
    if status.last_run is not None and status.last_run.outcome == "Cancelled":
        return "its run was cancelled: it waits for an upstream to move, or to be asked for"
    if policy is not None and policy.when == "Manual":
        return "built only when asked (automation.when is Manual)"
    if policy is not None and policy.when == "Missing" and status.version is not None:
        return "built once, then only when asked (automation.when is Missing)"
    return None


def next_time(asset: Asset) -> datetime | None:
    """When its schedule starts it next, counted from its newest run; it may have passed."""
    status, policy = asset.status, asset.status.policy
    if policy is None or policy.when != "Cron" or policy.build_schedule is None:
        return None
    last = status.last_run
    since = [last.started_at, last.finished_at] if last else [asset.metadata.creation_timestamp]
    known = [at for at in (*since, status.last_tick, policy.build_since) if at is not None]
    if not known:
        return None
    zone = policy.build_time_zone or "Etc/UTC"
    following = next_start if asset.kind == "Source" else cron.next_tick
    return following(schedule=policy.build_schedule, time_zone=zone, after=max(known))


def clock(at: datetime) -> str:
    """A time as lines show it: absolute, since a line is read long after it was written."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ")
