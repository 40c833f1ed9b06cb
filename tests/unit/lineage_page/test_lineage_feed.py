"""Changes in their order, each key once; nothing is remembered while nobody looks."""

import asyncio

import pytest
from tests.support.runtime import ManualClock

from freshet.api.view import Key
from freshet.lineage_page import feed as feed_module
from freshet.lineage_page.feed import INTEREST_SECONDS, Feed


def key(name: str) -> Key:
    return Key("Asset", "demo", name)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def feed(clock: ManualClock) -> Feed:
    return Feed(clock=clock)


def names(keys: list[Key] | None) -> str:
    assert keys is not None
    return "".join(found.name for found in keys)


def test_a_viewer_is_given_what_is_newer_each_key_once(feed: Feed) -> None:
    start = feed.want()
    for name in "abab":
        feed.mark([key(name)])
    middle = feed.revision
    feed.mark([key("c"), key("a")])
    assert names(feed.since(start)) == "bca"
    assert names(feed.since(middle)) == "ca"
    assert names(feed.since(feed.revision)) == ""


def test_nothing_is_remembered_while_nobody_looks(feed: Feed, clock: ManualClock) -> None:
    start = feed.want()
    feed.mark([key("a")])
    clock.move(INTEREST_SECONDS + 1)
    feed.mark([key("b")])
    assert feed.since(start) is None, "the viewer must begin again"
    assert names(feed.since(feed.want())) == ""


def test_a_viewer_keeps_it_awake_for_as_long_as_it_stays(feed: Feed, clock: ManualClock) -> None:
    feed.viewers = 1
    start = feed.want()
    clock.move(INTEREST_SECONDS * 10)
    feed.mark([key("a")])
    assert names(feed.since(start)) == "a"


def test_a_number_that_was_never_given_means_to_begin_again(feed: Feed) -> None:
    start = feed.want()
    assert feed.since(start + 1) is None
    assert feed.since(-1) is None


def test_what_is_remembered_is_bounded(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "REMEMBERED", 3)
    start = feed.want()
    feed.mark([key(name) for name in "abcd"])
    assert feed.since(start) is None
    assert names(feed.since(start + 1)) == "bcd"


def test_a_key_is_rendered_once_per_change(feed: Feed) -> None:
    feed.want()
    made: list[int] = []

    def render() -> bytes:
        made.append(1)
        return b"x"

    for _ in range(3):
        feed.rendered(key("a"), render)
    feed.mark([key("b")])
    feed.rendered(key("a"), render)
    assert len(made) == 1
    feed.mark([key("a")])
    feed.rendered(key("a"), render)
    assert len(made) == 2


async def test_news_wakes_all_who_wait(feed: Feed) -> None:
    start = feed.want()
    waiting = [asyncio.create_task(feed.news(start)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.mark([key("a")])
    await asyncio.gather(*waiting)
    await feed.news(start)  # what is newer already is not waited for
    last = asyncio.create_task(feed.news(feed.revision))
    await asyncio.sleep(0)
    assert not last.done()
    feed.close()
    await last
