"""Pipelines that share a poll hold up nobody once they have gone elsewhere, or away."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from freshet.api.view import Key
from freshet.controllers.dbt_poll import AWAY, Mate, Poller, earliest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = Key("DbtCloud", "team", "one"), Key("DbtCloud", "team", "two")
HERE = ("https://cloud", 1, "job", 1, "mark")
THERE = ("https://cloud", 1, "job", 2, "mark")


def poller() -> Poller:
    settings = SimpleNamespace(dbt_poll_fast=2.0, dbt_poll_slow=30.0)
    world: Any = SimpleNamespace(settings=settings, clock=SimpleNamespace(now=lambda: NOW))
    clients: Any = None
    return Poller(world=world, clients=clients)


def test_who_asks_elsewhere_now_is_not_waited_for() -> None:
    asked = poller()
    asked._joined(ONE, HERE, since=NOW - timedelta(days=7))
    assert earliest(asked._joined(TWO, HERE, since=NOW).values()) == NOW - timedelta(days=7)
    asked._joined(ONE, THERE, since=NOW - timedelta(days=7))
    assert earliest(asked._joined(TWO, HERE, since=NOW).values()) == NOW


def test_who_has_not_come_for_long_is_not_waited_for() -> None:
    old = NOW - timedelta(days=7)
    away = Mate(since=old, seen_at=NOW - AWAY)
    assert earliest([away, Mate(since=NOW, seen_at=NOW)]) == NOW
    assert earliest([Mate(since=old, seen_at=NOW - AWAY / 2), Mate(since=NOW, seen_at=NOW)]) == old
    assert earliest([away]) == old
