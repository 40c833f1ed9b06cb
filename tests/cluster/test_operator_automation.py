"""When an asset is built: what moves above it, what its preset makes of that, and what stands in the way."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.freshet_objects import NOWHERE, Place, stamp, user_job
from tests.support.operator import OperatorProcess

pytestmark = pytest.mark.usefixtures("everywhere")


def versions(place: Place, asset: str) -> list[str]:
    """What each of its Jobs looked at."""
    return [job["metadata"]["annotations"]["freshet.dev/versions"] for job in place.jobs(asset)]


def test_an_external_asset_says_by_annotation_what_was_built(place: Place) -> None:
    place.add_asset("raw")
    place.wait_status("raw", state="Missing")
    at = datetime.now(UTC) - timedelta(hours=1)
    place.announce("raw", "v1", data_time=at)
    status = place.wait_status("raw", version="v1", state="Fresh")
    assert datetime.fromisoformat(status["dataTime"]) == at
    place.annotate("raw", data_time=stamp(at + timedelta(minutes=1)))
    status = place.wait_status("raw", lambda it: datetime.fromisoformat(it["dataTime"]) > at)
    assert status["version"] == "v1"


def test_any_upstream_that_moved_is_enough(place: Place, everywhere: OperatorProcess) -> None:
    for name in ("left", "right"):
        place.add_asset(name)
        place.announce(name, "v1")
    place.add_asset("mart", upstreams=["left", "right"], materialize=user_job())
    first = place.build("mart")
    status = place.wait_status("mart", version=first["metadata"]["uid"], state="Fresh")
    assert status["considered"] == {"left": "v1", "right": "v1"}
    place.announce("right", "v2")
    place.build("mart")
    place.wait_status("mart", considered={"left": "v1", "right": "v2"}, state="Fresh")
    place.quiet(everywhere)
    assert len(place.jobs("mart")) == 2


def test_an_upstream_that_was_never_built_blocks_and_is_named(place: Place, everywhere: OperatorProcess) -> None:
    place.add_asset("left")
    place.add_asset("right")
    place.announce("left", "v1")
    place.add_asset("mart", upstreams=["left", "right"], materialize=user_job())
    status = place.wait_status("mart", state="Missing")
    place.wait_status("mart", lambda it: "right" in it["reason"])
    place.quiet(everywhere)
    assert place.jobs("mart") == [], status["reason"]
    place.announce("right", "v1")
    place.wait_job("mart")


def test_all_upstreams_must_have_moved_or_been_looked_at(place: Place, everywhere: OperatorProcess) -> None:
    for name in ("left", "right"):
        place.add_asset(name)
        place.announce(name, "v1")
    place.add_asset(
        "mart", upstreams=["left", "right"], materialize=user_job(), automation={"when": "AllUpstreamsUpdated"}
    )
    place.build("mart")
    place.wait_status("mart", state="Fresh")
    place.announce("left", "v2")
    place.wait_status("left", version="v2")
    place.quiet(everywhere)
    assert len(place.jobs("mart")) == 1
    place.announce("right", "v2")
    place.build("mart")
    place.wait_status("mart", considered={"left": "v2", "right": "v2"})


def test_missing_builds_once_and_then_stays(place: Place, everywhere: OperatorProcess) -> None:
    place.add_asset("raw")
    place.announce("raw", "v1")
    place.add_asset("seed", upstreams=["raw"], materialize=user_job(), automation={"when": "Missing"})
    place.build("seed")
    place.wait_status("seed", state="Fresh")
    place.announce("raw", "v2")
    place.wait_status("raw", version="v2")
    place.quiet(everywhere)
    assert len(place.jobs("seed")) == 1


def test_manual_is_built_only_when_someone_asks(place: Place, everywhere: OperatorProcess) -> None:
    place.add_asset("raw")
    place.announce("raw", "v1")
    place.add_asset("report", upstreams=["raw"], materialize=user_job(), automation={"when": "Manual"})
    place.wait_status("report", state="Missing")
    place.quiet(everywhere)
    assert place.jobs("report") == []
    place.request("report", "first")
    place.build("report")
    place.wait_status("report", lastHandledTrigger="first", state="Fresh")
    place.quiet(everywhere)
    assert len(place.jobs("report")) == 1
    place.request("report", "second")
    place.build("report")
    place.wait_status("report", lastHandledTrigger="second", state="Fresh")


def test_cron_builds_once_for_the_ticks_since_the_last_answered_one(place: Place, everywhere: OperatorProcess) -> None:
    """A schedule whose next tick is half a year away: what this waits for never depends on the minute that it is."""
    month = (datetime.now(UTC).month + 5) % 12 + 1
    place.add_asset("report", materialize=user_job(), automation={"when": "Cron", "schedule": f"0 0 1 {month} *"})
    place.wait_status("report", state="Missing")
    long_ago = "2020-01-01T00:00:00Z"
    ticks = []
    for started in (None, long_ago):
        started_long_ago = {"lastRun": {"startedAt": started}} if started else {}
        body = {"status": {"lastTick": long_ago, **started_long_ago}}
        place.patch("assets", "report", body, subresource="status")
        job = place.build("report")
        ticks.append(job["metadata"]["annotations"]["freshet.dev/tick"])
        place.wait_status("report", lambda it: it["lastTick"] > "2021", state="Fresh", version=job["metadata"]["uid"])
    place.quiet(everywhere)
    assert len(place.jobs("report")) == 2
    assert len(set(ticks)) == 1


def test_a_count_reads_its_upstreams_relation_and_reports_rows(place: Place) -> None:
    place.add_pipeline()
    place.add_asset("raw")
    place.announce("raw", "v1")
    count = {"count": {"relation": "shop.raw"}}
    place.add_asset("raw-count", pipeline="shop", upstreams=["raw"], materialize=count)
    job = place.wait_job("raw-count")
    pod = job["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == NOWHERE
    assert pod["containers"][0]["command"] == ["freshet", "count"]
    assert job["spec"]["backoffLimit"] == 0
    assert pod["automountServiceAccountToken"] is False
    place.finish(job, result={"kind": "count", "rows": 1234, "relation": "shop.raw", "message": "1,234 rows"})
    status = place.wait_status("raw-count", rows=1234, state="Fresh")
    assert status["version"] == job["metadata"]["uid"]


def test_a_users_job_needs_no_result(place: Place) -> None:
    place.add_asset("export", materialize=user_job())
    job = place.build("export")
    status = place.wait_status("export", version=job["metadata"]["uid"], state="Fresh")
    assert "rows" not in status


def test_a_template_that_changes_is_built_anew(place: Place) -> None:
    place.add_asset("export", materialize=user_job())
    first = place.build("export")
    place.wait_status("export", version=first["metadata"]["uid"])
    place.patch("assets", "export", {"spec": {"materialize": user_job(terminationGracePeriodSeconds=5)}})
    second = place.build("export")
    place.wait_status("export", version=second["metadata"]["uid"])


def test_a_version_that_comes_during_a_run_gets_its_own(place: Place) -> None:
    place.add_asset("raw")
    place.announce("raw", "v1")
    place.add_asset("mart", upstreams=["raw"], materialize=user_job())
    first = place.wait_job("mart")
    place.announce("raw", "v2")
    place.announce("raw", "v3")
    place.wait_status("raw", version="v3")
    place.finish(first)
    second = place.build("mart")
    place.wait_status("mart", version=second["metadata"]["uid"], considered={"raw": "v3"})
    assert ["v1" in versions(place, "mart")[0], "v3" in versions(place, "mart")[1]] == [True, True]
