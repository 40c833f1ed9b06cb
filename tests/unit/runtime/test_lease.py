"""Who acts: never two at once, and never nobody for long, whatever fails, by a simulated API server and clock."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.runtime import errors
from freshet.runtime.lease import ACTS, DURATION, Election, LeaseName, Record


class Api:
    """One Lease with optimistic locking; ``away``: for whom it does not answer."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.number, self.away = 0, set[str]()

    def of(self, name: str) -> Any:
        return SimpleNamespace(json=lambda method, path, **options: self.answer(name, method, **options))

    async def answer(self, name: str, method: str, *, body: Any = None, **_: Any) -> dict[str, Any]:
        if name in self.away:
            raise errors.Unavailable("no answer")
        if method == "GET":
            if self.lease is None:
                raise errors.Gone("no such Lease")
            return self.lease
        known = body["metadata"].get("resourceVersion")
        if (method == "POST") != (self.lease is None) or (method == "PATCH" and known != str(self.number)):
            raise errors.Conflict("somebody was faster")
        self.number += 1
        before = self.lease["spec"] if self.lease else {}
        meta = {**body["metadata"], "resourceVersion": str(self.number)}
        self.lease = {"metadata": meta, "spec": {**before, **body["spec"]}}
        return self.lease


class Clock:
    def __init__(self) -> None:
        self.seconds, self.skew = 1000.0, 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds + self.skew)


class Replica:
    """An election whose rounds are made by hand."""

    def __init__(self, name: str, api: Api, clock: Clock) -> None:
        self.name, self.acts, self.story = name, False, list[str]()
        self.election = Election(
            transport=api.of(name),
            clock=clock,
            lease=LeaseName(namespace="here"),
            identity=name,
            address=f"{name}:8080",
            begin=self.begin,
            end=self.end,
        )

    async def begin(self) -> None:
        self.acts = True
        self.story.append("begin")

    async def end(self) -> None:
        self.acts = False
        self.story.append("end")

    async def round(self) -> None:
        await self.election._attempt()
        await self.election._settle()


def replicas(*names: str) -> tuple[Api, Clock, list[Replica]]:
    api, clock = Api(), Clock()
    return api, clock, [Replica(name, api, clock) for name in names]


async def test_the_first_takes_it_and_the_other_takes_over_when_it_is_silent() -> None:
    api, clock, (a, b) = replicas("a", "b")
    await a.round()
    await b.round()
    assert (a.acts, b.acts) == (True, False)
    assert (a.election.holder_address, b.election.holder_address) == ("", "a:8080")
    assert Record.of(api.lease or {}).transitions == 1
    for _ in range(6):
        clock.seconds += 1.5
        await b.round()
        assert not b.acts
    clock.seconds += 1.5
    assert not a.election.holds
    await b.round()
    assert b.acts
    await a.round()
    assert (a.acts, a.story) == (False, ["begin", "end"])
    assert Record.of(api.lease or {}).holder == "b"


async def test_who_gives_it_back_is_followed_at_once_and_who_restarts_goes_on() -> None:
    api, clock, (a, b) = replicas("a", "b")
    await a.round()
    await b.round()
    again = Replica("a", api, clock)
    await again.round()
    assert again.acts
    await again.election.release()
    assert not again.election.holds
    await b.round()
    assert b.acts


async def test_a_holder_that_cannot_renew_stops_before_another_begins() -> None:
    api, clock, (a, _) = replicas("a", "b")
    await a.round()
    api.away = {"a"}
    clock.seconds += ACTS - 0.1
    await a.round()
    assert a.acts
    clock.seconds += 0.2
    assert not a.election.holds
    await a.round()
    assert not a.acts
    api.away = set()
    await a.round()
    assert a.story == ["begin", "end", "begin"]


async def test_the_last_that_held_it_tells_until_it_sees_another() -> None:
    """Whatever does not answer: an outage is no reason to forget. Another's turn is one, as is its own end."""
    api, clock, (a, b) = replicas("a", "b")
    assert not a.election.tells
    await a.round()
    await b.round()
    assert (a.election.tells, b.election.tells) == (True, False)
    api.away = {"a", "b"}
    again = Replica("a", api, clock)
    for _ in range(400):
        clock.seconds += 1.5
        for replica in (a, b, again):
            await replica.round()
    assert [it.election.holds for it in (a, b, again)] == [False, False, False]
    assert [it.election.tells for it in (a, b, again)] == [True, False, False]
    api.away = {"a"}
    await b.round()
    assert b.election.tells
    await a.round()
    assert a.election.tells
    api.away = set()
    await a.round()
    assert (a.election.tells, a.election.holder_address) == (False, "b:8080")
    await b.election.release()
    assert not b.election.tells


async def test_a_machine_that_slept_does_not_act_on() -> None:
    _, clock, (a,) = replicas("a")
    await a.round()
    clock.skew += 3600
    assert not a.election.holds


async def test_what_a_person_has_written_is_read_again() -> None:
    api, _, (a,) = replicas("a")
    await a.round()
    api.number += 1
    assert api.lease is not None
    api.lease["metadata"]["resourceVersion"] = str(api.number)
    await a.round()
    assert a.election.holds
    await a.round()
    assert Record.of(api.lease or {}).version == str(api.number)


@pytest.mark.parametrize("error", [errors.Refused("forbidden", reason="Forbidden"), errors.Throttled("later")])
async def test_failures_are_survived(error: errors.KubeError) -> None:
    _, _, (a,) = replicas("a")

    async def fail(*_: Any, **__: Any) -> Any:
        raise error

    a.election._transport = SimpleNamespace(json=fail)  # type: ignore[assignment]
    await a.round()
    assert not a.acts


STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(0.1, 4.0), st.sampled_from(["round", "away", "back", "release"])),
    max_size=60,
)


@given(steps=STEPS)
@settings(max_examples=200, deadline=None)
async def test_never_two_and_never_nobody_for_long(steps: list[tuple[str, float, str]]) -> None:
    api, clock, found = replicas("a", "b", "c")
    known = {replica.name: replica for replica in found}
    for name, seconds, what in steps:
        clock.seconds += seconds
        if what == "away":
            api.away.add(name)
        elif what == "back":
            api.away.discard(name)
        elif what == "release" and name not in api.away:
            await known[name].election.release()
        else:
            await known[name].round()
        assert sum(replica.election.holds for replica in found) <= 1
        assert all(replica.election.tells for replica in found if replica.election.holds)
    api.away.clear()
    for _ in range(int((DURATION + 2) / 0.5)):
        clock.seconds += 0.5
        for replica in found:
            await replica.round()
    assert sum(replica.acts for replica in found) == 1
    assert [replica.election.tells for replica in found] == [replica.acts for replica in found]
