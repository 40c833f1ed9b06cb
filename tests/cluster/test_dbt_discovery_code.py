"""What discovery knows of code: a change of it, tolerated lags, projects that are idle, policy that is refused."""

import pytest
from tests.support.dbt_place import built, discover, discovered, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

PATIENCE = 60


pytestmark = pytest.mark.usefixtures("watcher")


def builds(stand_in: DbtCloudStandIn) -> list[str]:
    """The commands of freshet's own builds."""
    steps = [run["trigger"]["steps_override"] for run in runs_of(stand_in) if "[freshet:" in run["trigger"]["cause"]]
    return [step for each in steps for step in each]


def test_a_model_whose_code_changed_is_built_where_that_is_wanted(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    run = {"freshet": {"onCodeChange": "Run"}}
    stand_in.graph({"models": [{"name": "keen", "meta": run}, {"name": "calm"}]})
    first = built(stand_in)
    discover(place, stand_in)
    keen = place.wait_status("keen", state="Fresh", version=str(first["id"]), timeout=PATIENCE)
    code = {"code": "select 2"}
    stand_in.graph({"models": [{"name": "keen", "meta": run, **code}, {"name": "calm", **code}]})
    built(stand_in, "dbt parse")
    again = place.wait_status("keen", lambda it: it["version"] != keen["version"], timeout=PATIENCE)
    assert "its code changed" in again["lastRun"]["cause"]
    assert again["dbt"]["builtChecksum"] == again["dbt"]["checksum"] != keen["dbt"]["checksum"]
    calm = place.wait_status("calm", lambda it: it["dbt"]["checksum"] == again["dbt"]["checksum"], timeout=PATIENCE)
    assert calm["dbt"]["builtChecksum"] == keen["dbt"]["checksum"]
    place.quiet(watcher)
    (step,) = builds(stand_in)
    assert "keen" in step
    assert "calm" not in step
    # What a run of somebody else has built with the new code is not built again.
    code = {"code": "select 3"}
    stand_in.graph({"models": [{"name": "keen", "meta": run, **code}, {"name": "calm", **code}]})
    theirs = built(stand_in)
    place.wait_status("keen", lambda it: it["dbt"]["builtChecksum"] != again["dbt"]["checksum"], timeout=PATIENCE)
    last = place.wait_status("keen", version=str(theirs["id"]), timeout=PATIENCE)
    assert last["dbt"]["builtChecksum"] == last["dbt"]["checksum"]
    place.quiet(watcher)
    assert len(builds(stand_in)) == 1


def test_a_model_that_was_reused_is_asked_once_more_when_its_tolerance_has_passed(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    # Long enough that also on a busy machine the first asking begins before that.
    config = {"config": {"state": {"lag_tolerance": "12s"}}}
    stand_in.graph({
        "sources": [{"name": "raw.orders"}],
        "models": [{"name": "stg", "upstreams": ["source:raw.orders"], **config}],
        "outcomes": {"stg": ["success", "reused", "reused", "success"]},
    })  # fmt: skip
    first = built(stand_in)
    discover(place, stand_in, sources={"raw.orders": "orders"})
    place.add_asset("orders")
    place.wait_status("stg", version=str(first["id"]), timeout=PATIENCE)
    place.announce("orders", "v1")
    once = place.wait_status("stg", lambda it: it.get("considered") == {"orders": "v1"}, timeout=PATIENCE)
    assert once["version"] == str(first["id"])
    assert (once["dbt"]["lagTolerance"], once["lastRun"]["reused"]) == ("12s", True)
    wait_for(lambda: len(builds(stand_in)) == 2, timeout=PATIENCE, what="it is asked once more")
    again = place.wait_status("stg", lambda it: "tolerance" in it["lastRun"]["cause"], timeout=PATIENCE)
    assert again["lastRun"]["outcome"] == "Unchanged"
    assert again["version"] == str(first["id"])
    place.quiet(watcher)
    assert len(builds(stand_in)) == 2


def test_an_idle_project_is_parsed_again(place: Place, stand_in: DbtCloudStandIn) -> None:
    stand_in.graph({"models": [{"name": "a"}]})
    built(stand_in)
    discover(place, stand_in, refreshInterval="1s")
    place.wait_status("a", state="Fresh", timeout=PATIENCE)
    stand_in.graph({"models": [{"name": "a"}, {"name": "b"}]})
    place.wait_status("b", state="Fresh", timeout=PATIENCE)
    parses = [run for run in runs_of(stand_in) if run["trigger"]["steps_override"] == ["dbt parse"]]
    assert parses
    assert all("freshet" in run["trigger"]["cause"] for run in parses)


def test_an_asset_that_a_person_deletes_comes_back_as_it_was(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess
) -> None:
    stand_in.graph({"models": [{"name": "a"}]})
    first = built(stand_in)
    discover(place, stand_in)
    place.wait_status("a", version=str(first["id"]), timeout=PATIENCE)
    uid = place.get("assets", "a")["metadata"]["uid"]
    place.delete("assets", "a")
    wait_for(lambda: place.get("assets", "a").get("metadata", {}).get("uid", uid) != uid, timeout=PATIENCE)
    place.wait_status("a", version=str(first["id"]), timeout=PATIENCE)
    place.quiet(watcher)
    assert not builds(stand_in)


def test_policy_that_is_refused_is_told_and_the_rest_applied(place: Place, stand_in: DbtCloudStandIn) -> None:
    meta = {"freshet": {"when": "Cron", "maximumLag": "1h", "nonsense": "1"}}
    stand_in.graph({"models": [{"name": "a", "meta": meta}]})
    built(stand_in)
    discover(place, stand_in)
    condition = discovered(place, "InvalidMeta")
    assert "when Cron and schedule go together" in condition["message"]
    assert "meta.freshet.nonsense is not known" in condition["message"]
    stand_in.graph({"models": [{"name": "a", "meta": meta}, {"name": "b"}]})
    built(stand_in)
    place.wait_status("b", state="Fresh", timeout=PATIENCE)
    assert "when Cron and schedule go together" in discovered(place, "InvalidMeta")["message"], "it is said as long"
    spec = place.get("assets", "a")["spec"]
    assert spec["freshness"] == {"maximumLag": "1h"}
    assert "automation" not in spec


def test_every_freshness_setting_of_meta_comes_to_be_in_force(place: Place, stand_in: DbtCloudStandIn) -> None:
    by_age = {"maximumLag": "1h", "warnLag": "45m", "maximumUnchanged": "2h", "objective": "99.5%", "basis": "Update"}
    by_clock = {"schedule": "0 6 * * *", "timeZone": "Europe/Berlin", "within": "1h"}
    short = {"warnLag": "5m", "freshness": {"maximumLag": "10m", "warnLag": "9m"}}
    metas: dict[str, Object] = {"by_age": {"freshness": by_age}, "by_clock": {"freshness": by_clock}, "short": short}
    stand_in.graph({"models": [{"name": name, "meta": {"freshet": meta}} for name, meta in metas.items()]})
    built(stand_in)
    discover(place, stand_in)
    assert discovered(place, "ManifestRead")["status"] == "True"
    wanted = {"by-age": by_age, "by-clock": by_clock, "short": {"maximumLag": "10m", "warnLag": "5m"}}
    shown = {"by-age": "1h", "by-clock": "0 6 * * * + 1h", "short": "10m"}
    for name, settings in wanted.items():
        assert place.get("assets", name)["spec"]["freshness"] == settings
        status = place.wait_status(name, state="Fresh", timeout=PATIENCE)
        assert status["policy"]["limit"] == shown[name]
        assert {key: status["policy"].get(key) for key in settings} == settings
        assert not {key for wide in wanted.values() for key in wide} - {*settings} & {*status["policy"]}
        assert place.condition(name, "Fresh")["reason"] == "WithinLimit"


def test_a_deadline_of_meta_that_cannot_be_is_told_by_the_asset(place: Place, stand_in: DbtCloudStandIn) -> None:
    deadline = {"schedule": "0 6 * * *", "timeZone": "Europe/Atlantis", "within": "1h"}
    stand_in.graph({"models": [{"name": "a", "meta": {"freshet": {"freshness": deadline}}}]})
    built(stand_in)
    discover(place, stand_in)
    place.wait_status("a", lambda it: it.get("reason", "").startswith("InvalidTimeZone: "), timeout=PATIENCE)
    assert "Europe/Atlantis" in place.condition("a", "Stalled")["message"]
