"""Who must look again after a change, and who need not; nothing here decides anything."""

import msgspec
import pytest
from tests.support.runtime import ManualClock
from tests.unit.core.making import HOUR, MINUTE, NOW, asset, pipeline, source, up

from freshet.api.asset import Asset, AssetStatus, Consumed, LastRun
from freshet.api.conditions import Condition
from freshet.api.pipeline_status import DbtCloudStatus, DbtRun, PipelineStatus
from freshet.api.view import Key
from freshet.controllers.router import Router
from freshet.controllers.world import World
from freshet.core.lineage import key_of
from freshet.runtime.cache import Cache
from freshet.runtime.kube import Kube
from freshet.runtime.queue import WorkQueue
from freshet.runtime.settings import Settings


class Place:
    """A router behind a queue that nobody works off but the test."""

    def __init__(self, *assets: Asset) -> None:
        clock = ManualClock()
        self.queue = WorkQueue(clock=clock)
        cache = Cache(clock=clock)
        self.world = World(cache=cache, kube=_no_kube(), queue=self.queue, clock=clock, settings=Settings())
        self.router = Router(world=self.world)
        self.known: dict[Key, Asset] = {}
        for it in assets:
            self.see(it)
        self.clear()

    def see(self, it: Asset) -> None:
        """As the cache tells it."""
        key = key_of(it)
        self.world.cache.assets._objects[key] = it
        old, self.known[key] = self.known.get(key), it
        self.router.changed("Asset", old, it)

    def clear(self) -> None:
        self.queue._dirty.clear()

    @property
    def woken(self) -> set[str]:
        return {key.name for key in self.queue._dirty if key.kind == "Asset"}

    @property
    def pipelines(self) -> set[str]:
        return {key.name for key in self.queue._dirty if key.kind == "Pipeline"}


def _no_kube() -> Kube:
    return object.__new__(Kube)


def below(name: str, *upstreams: str, state: str = "Fresh", version: str = "v1") -> Asset:
    seen = {it: Consumed(version=version, data_time=NOW - HOUR) for it in upstreams}
    status = AssetStatus(version="v1", consumed=seen, state=state)  # type: ignore[arg-type]
    return asset(name, upstreams=list(upstreams), status=status)


def with_status(it: Asset, **changes: object) -> Asset:
    return msgspec.structs.replace(it, status=msgspec.structs.replace(it.status, **changes))


ROOT = up("root", data_time=NOW)


async def test_a_new_version_wakes_what_reads_it_before_all_else() -> None:
    place = Place(ROOT, below("a", "root"), below("b", "a"))
    place.queue.add(Key("Asset", "ns", "other"))
    place.see(with_status(ROOT, version="v2"))
    assert {"root", "a", "other"} <= place.woken
    assert (await place.queue.get()).name == "a"


def test_newer_data_wakes_only_what_is_not_fresh() -> None:
    place = Place(ROOT, below("a", "root"), below("b", "a", state="Stale"))
    place.see(with_status(ROOT, data_time=NOW + MINUTE))
    assert place.woken == {"root", "b"}


def test_older_data_wakes_also_what_is_fresh_since_its_deadline_has_moved_to_before() -> None:
    place = Place(ROOT, below("a", "root"), below("b", "a"))
    place.see(with_status(ROOT, version="v2", data_time=NOW + MINUTE))
    assert place.woken == {"root", "a", "b"}


def suspended(it: Asset) -> Asset:
    told = Condition(type="Updating", status="False", reason="Suspended", message="suspended", last_transition_time=NOW)
    return with_status(it, state="Suspended", conditions=(told,))


def test_who_blames_another_looks_again_when_that_ones_fault_is_another() -> None:
    place = Place(ROOT, below("a", "root", state="Stale"), below("b", "a", state="Missing"), below("c", "a"))
    place.see(suspended(ROOT))
    assert place.woken == {"root", "a", "b"}
    place.clear()
    place.see(with_status(suspended(ROOT), rows=7))
    assert place.woken == {"root"}


def test_who_names_another_that_it_waits_for_looks_again_though_it_is_fresh() -> None:
    """It follows neither from the data's age nor from the next upstream that something was skipped far above."""
    failed = LastRun(id="r", outcome="Failed", message="no")
    first = with_status(below("first", "root"), last_run=failed)
    place = Place(ROOT, first, below("second", "first"), with_status(below("third", "second"), blame="first"))
    told = with_status(first, last_run=msgspec.structs.replace(failed, message="something else"))
    place.see(told)
    assert place.woken == {"first", "third"}
    place.see(with_status(place.known[Key("Asset", "ns", "third")], blame=None))
    place.clear()
    place.see(first)
    assert place.woken == {"first"}, "it names nobody any more"


def test_what_was_skipped_with_another_looks_again_when_that_one_names_another() -> None:
    skipped = with_status(below("a", "root"), last_run=LastRun(id="r", outcome="Skipped"), blame="root")
    place = Place(ROOT, below("a", "root"), below("b", "a"), below("c", "b"))
    for changed in (skipped, with_status(skipped, blame=None), below("a", "root")):
        place.clear()
        place.see(changed)
        assert place.woken == {"a", "b"}


@pytest.mark.parametrize(
    ("changes", "woken"),
    [
        ({"rows": 7}, set()),
        ({"level": {"version": "L2"}}, {"p"}),
        ({"last_run": LastRun(id="l", outcome="Failed")}, {"p"}),
    ],
)
def test_a_pipeline_looks_again_when_its_pods_may_be_handed_something_else(
    changes: dict[str, object], woken: set[str]
) -> None:
    orders = source("orders", status=AssetStatus(version="v1", level={"version": "L0"}))
    place = Place(orders)
    place.see(with_status(orders, **changes))
    assert place.pipelines == woken


def test_an_outage_of_dbt_cloud_is_said_by_what_it_was_building_too() -> None:
    run = DbtRun(token="t", at=NOW, assets=("a",), id="7")
    told = Condition(type="DbtCloudReady", status="False", reason="Unreachable", message="", last_transition_time=NOW)
    calm, away, later = (
        msgspec.structs.replace(
            pipeline(), status=PipelineStatus(dbt_cloud=DbtCloudStatus(run=run), conditions=conditions)
        )
        for conditions in ((), (told,), (msgspec.structs.replace(told, message="next try later"),))
    )
    place = Place()
    for old, new in ((calm, away), (away, later)):
        place.clear()
        place.router.changed("Pipeline", old, new)
        assert place.woken == {"a"}
    place.clear()
    place.router.changed("Pipeline", later, later)
    assert place.woken == set()


def test_counters_wait_a_second_however_many_assets_change() -> None:
    place = Place(source("orders"), source("items"))
    for n in range(20):
        place.see(source("orders", status=AssetStatus(rows=n)))
        place.see(source("items", status=AssetStatus(rows=n)))
    assert not [key for key in place.queue._dirty if key.kind == "Counters"]
    assert place.queue._deadlines.head() == place.world.clock.now() + MINUTE / 60
