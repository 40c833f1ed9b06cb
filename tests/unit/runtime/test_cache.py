"""Old news never replaces new, deleted objects stay deleted, indexes follow, listeners hear of real changes."""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.runtime import ManualClock, raw_asset, raw_job, raw_pod

from freshet.api.view import Key, Object
from freshet.runtime.cache import Cache

Heard = list[tuple[str, str | None, str | None]]


def version(obj: Object | None) -> str | None:
    return obj.metadata.resource_version if obj is not None else None


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock)


@pytest.fixture
def heard(cache: Cache) -> Heard:
    changes: Heard = []
    cache.subscribe(lambda kind, old, new: changes.append((kind, version(old), version(new))))
    return changes


def test_listeners_hear_of_real_changes_only(cache: Cache, heard: Heard) -> None:
    cache.ingest(raw_asset(version=5), kind="Asset")
    cache.ingest(raw_asset(version=5), kind="Asset")
    cache.ingest(raw_asset(version=4), kind="Asset")
    cache.ingest(raw_asset(version=10), kind="Asset")
    cache.ingest(raw_asset(version=10), kind="Asset", deleted=True)
    cache.ingest(raw_asset(version=10), kind="Asset", deleted=True)
    assert heard == [("Asset", None, "5"), ("Asset", "5", "10"), ("Asset", "10", None)]


def test_a_late_event_does_not_bring_back_what_was_deleted(cache: Cache, heard: Heard) -> None:
    cache.ingest(raw_asset(version=5), kind="Asset")
    cache.forget(Key("Asset", "demo", "a"), "uid-a")
    cache.ingest(raw_asset(version=6), kind="Asset")
    assert len(cache.assets) == 0
    cache.ingest(raw_asset(version=7, uid="another"), kind="Asset")
    assert len(cache.assets) == 1


def test_an_object_made_anew_under_the_same_name_replaces_the_old_one(cache: Cache, heard: Heard) -> None:
    key = Key("Asset", "demo", "a")
    cache.ingest(raw_asset(version=5), kind="Asset")
    cache.ingest(raw_asset(version=9, uid="new"), kind="Asset")
    cache.ingest(raw_asset(version=6), kind="Asset", deleted=True)
    found = cache.assets.get(key)
    assert found is not None
    assert found.metadata.uid == "new"
    assert heard[-1] == ("Asset", "5", "9")


def test_the_store_says_when_an_object_is_no_news(cache: Cache) -> None:
    cache.ingest(raw_asset(version=5), kind="Asset")
    known = cache.assets.get(Key("Asset", "demo", "a"))
    assert known is not None
    assert cache.assets.put(known) is known


def test_indexes_follow_labels_owners_and_pipelines(cache: Cache) -> None:
    cache.ingest(raw_job("j1", asset="a"), kind="Job")
    cache.ingest(raw_job("j2", asset="a"), kind="Job")
    cache.ingest(raw_pod("p", job_uid="uid-j1"), kind="Pod")
    cache.ingest(raw_asset(spec={"pipeline": "one"}), kind="Asset")
    assert {job.name for job in cache.jobs_of("demo", "a")} == {"j1", "j2"}
    assert cache.jobs_of("other", "a") == []
    assert [pod.name for pod in cache.pods_of("uid-j1")] == ["p"]
    cache.ingest(raw_job("j1", asset="b", version=2), kind="Job")
    cache.ingest(raw_asset(version=2, spec={"pipeline": "two"}), kind="Asset")
    assert [job.name for job in cache.jobs_of("demo", "a")] == ["j2"]
    assert cache.assets_of("demo", "one") == []
    assert [asset.name for asset in cache.assets_of("demo", "two")] == ["a"]
    cache.ingest(raw_pod("p", job_uid="uid-j1"), kind="Pod", deleted=True)
    assert cache.pods_of("uid-j1") == []


EVENTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["one", "two", None]), st.integers(1, 9), st.booleans()),
    max_size=40,
)


@given(events=EVENTS)
def test_the_index_always_agrees_with_the_store(events: list[tuple[str, str | None, int, bool]]) -> None:
    cache = Cache(clock=ManualClock())
    for name, pipeline, number, deleted in events:
        uid = f"{name}-{number // 4}"
        cache.ingest(
            raw_asset(name, version=number, uid=uid, spec={"pipeline": pipeline}), kind="Asset", deleted=deleted
        )
        for group in ("one", "two"):
            expected = {asset.name for asset in cache.assets if asset.spec.pipeline == group}
            assert {asset.name for asset in cache.assets_of("demo", group)} == expected


def test_an_object_that_cannot_be_read_is_reported_once_and_put_aside(
    cache: Cache, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    cache.ingest(raw_asset(version=1), kind="Asset")
    bad: dict[str, Any] = {"spec": {"suspend": "yes"}, "generation": 2}
    with caplog.at_level(logging.WARNING):
        for number in (2, 3):
            cache.ingest(raw_asset(version=number, **bad), kind="Asset")
    assert len(cache.assets) == 0
    assert heard == [("Asset", None, "1"), ("Asset", "1", None)]
    assert len(caplog.records) == 1
    assert "$.spec.suspend" in caplog.text
    cache.ingest(raw_asset(version=4, generation=3), kind="Asset")
    assert len(cache.assets) == 1


def test_it_remembers_when_a_version_moved(cache: Cache, clock: ManualClock) -> None:
    key = Key("Asset", "demo", "a")
    cache.ingest(raw_asset(version=1, status={"version": "v1"}), kind="Asset")
    assert cache.seen_at(key) is None
    clock.move(5)
    cache.ingest(raw_asset(version=2, status={"version": "v2"}), kind="Asset")
    assert cache.seen_at(key) == clock.monotonic()
    seen = cache.seen_at(key)
    clock.move(5)
    cache.ingest(raw_asset(version=3, status={"version": "v2", "rows": 7}), kind="Asset")
    assert cache.seen_at(key) == seen
    cache.forget(key, "uid-a")
    assert cache.seen_at(key) is None


def test_a_listener_that_fails_does_not_keep_others_from_hearing(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def broken(kind: str, old: Object | None, new: Object | None) -> None:
        raise RuntimeError("broken")

    cache.subscribe(broken)
    cache.subscribe(lambda kind, old, new: heard.append(kind))
    cache.ingest(raw_asset(), kind="Asset")
    assert heard == ["Asset"]
    assert "A listener failed" in caplog.text
