"""One run for many: chains, diamonds, what may not join, the line of a job, budgets, whole jobs, refused overrides."""

import re
from typing import Any

import pytest
from tests.support.dbt_place import add_dbt_pipeline, add_model, all_taken_in, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("dbt_operator")

EDGES = {"a": ["raw"], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"]}
"""A diamond in a chain; ``raw`` is an Asset that something else loads."""


GRAPH: Object = {
    "models": [{"name": name, "upstreams": [up for up in ups if up != "raw"]} for name, ups in EDGES.items()]
}
pytestmark = pytest.mark.usefixtures("dbt_operator")


def lay_out(place: Place, stand_in: DbtCloudStandIn, *, own: dict[str, Object] | None = None, **dbt: Any) -> None:
    """The diamond, never built; ``own``: further fields of one model's spec."""
    add_dbt_pipeline(place, stand_in, **dbt)
    place.add_asset("raw")
    for name, upstreams in EDGES.items():
        add_model(place, name, model=name, upstreams=upstreams, **(own or {}).get(name, {}))
    for name in EDGES:
        place.wait_status(name, state="Suspended" if (own or {}).get(name, {}).get("suspend") else "Missing")


def selected(run: Object) -> set[str]:
    """The models that a run was told to build."""
    words = [word for step in run["trigger"]["steps_override"] or [] for word in step.split()]
    return {word.rpartition("file:")[2] for word in words if "file:" in word}


def told(place: Place) -> set[str]:
    """The reasons of the Pipeline's Events."""
    return {event["reason"] for event in place.all("events") if event["involvedObject"]["name"] == "shop"}


def test_a_chain_and_a_diamond_are_one_run_each_time(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    before = dbt_operator.sample("freshet_dbt_cloud_models_built_total") or 0
    lay_out(place, stand_in)
    for number, version in enumerate(("v1", "v2"), start=1):
        place.announce("raw", version)
        place.wait_status("a", considered={"raw": version}, state="Fresh")
        wait_for(lambda n=number: len(runs_of(stand_in)) == n, what="it is run")
        run = str(runs_of(stand_in)[-1]["id"])
        place.wait_status("e", version=run, considered={"d": run}, state="Fresh")
    all_taken_in(place)
    place.quiet(dbt_operator)
    runs = runs_of(stand_in)
    assert [selected(run) for run in runs] == [set(EDGES), set(EDGES)]
    assert len({place.status(name)["version"] for name in EDGES}) == 1
    assert (dbt_operator.sample("freshet_dbt_cloud_models_built_total") or 0) - before == 10
    wait_for(lambda: told(place) >= {"RunStarted", "RunSucceeded"}, what="Events tell of it")


def test_what_may_not_join_waits_for_its_own_turn(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    lay_out(place, stand_in, own={"c": {"suspend": True}})
    place.announce("raw", "v1")
    place.wait_status("b", state="Fresh")
    place.wait_status("d", lambda it: "NeverUpdated" in it["reason"] and it["blame"] == "c")
    place.patch("assets", "c", {"spec": {"suspend": False}})
    place.wait_status("e", state="Fresh")
    place.quiet(dbt_operator)
    assert [selected(run) for run in runs_of(stand_in)] == [{"a", "b"}, {"c", "d", "e"}]


def test_needs_gather_for_one_run_while_another_is_under_way(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    stand_in.faults([{"action": "late_artifacts", "seconds": 3600.0}])
    lay_out(place, stand_in, own={name: {"automation": {"when": "Manual"}} for name in "cde"})
    place.announce("raw", "v1")
    place.wait_status("a", state="Updating")
    for version in ("v2", "v3", "v4"):
        place.announce("raw", version)
    for name in ("c", "d"):
        place.request(name, "now")
    place.wait_status("raw", version="v4")
    wait_for(lambda: [run for run in runs_of(stand_in) if run["is_complete"]], what="its results are waited for")
    place.quiet(dbt_operator)
    assert len(runs_of(stand_in)) == 1
    stand_in.clear_faults()
    place.wait_status("a", state="Fresh", considered={"raw": "v4"})
    place.wait_status("d", state="Fresh", lastHandledTrigger="now")
    place.quiet(dbt_operator)
    assert [selected(run) for run in runs_of(stand_in)][1:] == [{"a", "b", "c", "d"}]


@pytest.mark.parametrize("limit", [1, 2])
def test_a_job_takes_so_many_runs_at_once_over_all_pipelines_and_the_line_is_seen(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess, limit: int
) -> None:
    stand_in.graph({"models": [{"name": f"m{n}"} for n in range(3)], "seconds": 1.0})
    stand_in.faults([{"action": "late_artifacts", "seconds": 3600.0}])  # a run keeps its place until it has results
    place.add_asset("raw")
    for number in range(3):
        add_dbt_pipeline(place, stand_in, f"shop-{number}", maxConcurrentRuns=limit)
        add_model(place, f"m{number}", model=f"m{number}", pipeline=f"shop-{number}", upstreams=["raw"])
        place.wait_status(f"m{number}", state="Missing")
    place.announce("raw", "v1")

    def in_line() -> bool:
        reasons = [place.status(f"m{number}").get("reason", "") for number in range(3)]
        return all(
            any(it.startswith(f"Queued: {nth} in line") for it in reasons) for nth in ("1st", "2nd")[: 3 - limit]
        )

    wait_for(lambda: in_line() and len(runs_of(stand_in)) == limit, what="some run and the others stand in line")
    queued = next(n for n in range(3) if place.status(f"m{n}")["reason"].startswith("Queued: "))
    assert place.condition(f"m{queued}", "Updating")["reason"] == "Queued"
    stand_in.clear_faults()
    for number in range(3):
        place.wait_status(f"m{number}", state="Fresh", timeout=60)
    spans = sorted((run["created_at"], run["finished_at"]) for run in runs_of(stand_in))
    assert len(spans) == 3
    for begun, _ in spans:
        assert sum(first <= begun < last for first, last in spans) <= limit


def test_what_failed_and_what_was_skipped_is_run_again_together(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    stand_in.graph({**GRAPH, "outcomes": {"b": ["error", "success"]}})
    lay_out(place, stand_in, own={name: {"retries": {"backoff": "200ms"}} for name in "bde"})
    place.announce("raw", "v1")
    status = place.wait_status("e", state="Fresh")
    assert not status.get("failures")
    all_taken_in(place)
    place.quiet(dbt_operator)
    assert [selected(run) for run in runs_of(stand_in)] == [set(EDGES), {"b", "d", "e"}]
    outcomes = [item["outcome"] for item in place.status("b")["history"]]
    assert outcomes == ["Succeeded", "Failed"]
    assert [item.get("attempt", 1) for item in place.status("b")["history"]] == [2, 1]


def test_a_budget_delays_and_says_so(place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess) -> None:
    lay_out(place, stand_in, maxModelsPerDay=7)
    place.announce("raw", "v1")
    place.wait_status("e", state="Fresh")
    place.announce("raw", "v2")
    status = place.wait_status("c", lambda it: "BudgetExhausted" in it["reason"])
    until = r"\(until \d{4}-\d\d-\d\d 00:00:00Z\)"
    assert re.match(f"BudgetExhausted {until}: maxModelsPerDay 7 is used up: ", status["reason"]), status["reason"]
    for name in ("a", "b"):
        place.wait_status(name, lambda it: it["version"] != status["version"], state="Fresh")
    place.quiet(dbt_operator)
    assert [len(selected(run)) for run in runs_of(stand_in)] == [5, 2]
    assert place.get("pipelines", "shop")["status"]["dbtCloud"]["spent"]["models"] == 7


def test_a_whole_job_runs_its_own_steps_and_all_it_builds_counts(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    lay_out(place, stand_in, mode="WholeJob", own={"e": {"automation": {"when": "Manual"}}})
    place.announce("raw", "v1")
    place.wait_status("e", state="Fresh")
    all_taken_in(place)
    place.quiet(dbt_operator)
    (run,) = runs_of(stand_in)
    assert run["trigger"]["steps_override"] is None
    assert {place.status(name)["version"] for name in EDGES} == {str(run["id"])}


def test_a_refused_override_is_said_once_and_not_sent_again(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    refusal = {"status": {"code": 400, "user_message": "Overrides are not allowed."}, "data": None}
    stand_in.faults([{"action": "status", "method": "POST", "path": "/run/$", "status": 400, "body": refusal}])
    lay_out(place, stand_in)
    place.announce("raw", "v1")
    status = place.wait_status("a", lambda it: "OverrideRefused" in it["reason"])
    assert "Overrides are not allowed." in status["reason"]
    for version in ("v2", "v3"):
        place.announce("raw", version)
        place.wait_status("raw", version=version)
    place.quiet(dbt_operator)
    assert len(stand_in.requests(method="POST")) == 1
    stand_in.clear_faults()
    place.patch("pipelines", "shop", {"spec": {"dbtCloud": {"command": "dbt build --fail-fast {select}"}}})
    place.wait_status("a", state="Fresh", considered={"raw": "v3"})


def test_options_are_for_those_who_asked_and_kept_on_a_retry(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    lay_out(place, stand_in, own={"b": {"retries": {"backoff": "100ms"}}})
    place.announce("raw", "v1")
    place.wait_status("e", state="Fresh")
    stand_in.graph({"models": [{"name": name} for name in EDGES], "outcomes": {"b": ["error", "success"]}})
    place.annotate("b", request='{"fullRefresh": true}', requestedAt="now")
    place.wait_status("e", lambda it: len(runs_of(stand_in)) == 4 and it["state"] == "Fresh")
    place.quiet(dbt_operator)
    runs = runs_of(stand_in)[1:]
    assert [selected(run) for run in runs] == [{"b"}, {"b"}, {"d", "e"}]
    flags = ["--full-refresh" in run["trigger"]["steps_override"][0] for run in runs]
    assert flags == [True, True, False]
    place.annotate("a", request='{"downstream": true}', requestedAt="all")
    place.wait_status("a", lastHandledTrigger="all")
    place.wait_status("e", lambda it: len(runs_of(stand_in)) == 5 and it["state"] == "Fresh")
    assert selected(runs_of(stand_in)[-1]) == set(EDGES)


def test_discovered_models_are_selected_exactly_and_views_pass_versions_through(
    place: Place, stand_in: DbtCloudStandIn, dbt_operator: OperatorProcess
) -> None:
    def graph(code: str) -> Object:
        models: list[Object] = [
            {"name": "base", "upstreams": ["source:raw.orders"], "path": "models/staging"},
            {"name": "seen", "upstreams": ["base"], "materialized": "view", "code": code},
            {"name": "top", "upstreams": ["seen"]},
            {"name": "first", "upstreams": ["source:raw.orders"], "materialized": "view"},
        ]
        return {"models": models, "sources": [{"name": "raw.orders"}]}

    stand_in.graph(graph("select 1"))
    stand_in.wait(stand_in.start_foreign(cause="nightly")["id"])
    place.add_asset("raw")
    place.announce("raw", "v1")
    place.wait_status("raw", version="v1")
    discovery = {"enabled": True, "sources": {"raw.orders": "raw"}}
    add_dbt_pipeline(place, stand_in, views="PassThrough", discovery=discovery)
    place.wait_status("top", state="Fresh", timeout=60)
    place.announce("raw", "v2")
    wait_for(lambda: len(runs_of(stand_in)) == 2, timeout=60, what="what moved is run")
    run = str(runs_of(stand_in)[-1]["id"])
    for name in ("base", "seen", "top"):
        place.wait_status(name, version=run, state="Fresh", timeout=60)
    (step,) = runs_of(stand_in)[-1]["trigger"]["steps_override"]
    assert {word for word in step.split() if word.startswith("fqn:")} == {
        "fqn:kaizen_wars.staging.base",
        "fqn:kaizen_wars.top",
    }
    assert place.wait_status("first", considered={"raw": "v2"})["version"].startswith("view-")
    stand_in.graph(graph("select 2"))
    stand_in.wait(stand_in.start_foreign(cause="parsed", steps_override=["dbt parse"])["id"])
    place.request("base", "now")
    place.wait_status("base", lastHandledTrigger="now")
    wait_for(lambda: "fqn:kaizen_wars.seen" in str(runs_of(stand_in)[-1]["trigger"]["steps_override"]), timeout=60,
             what="new code builds the view")  # fmt: skip


def test_a_request_may_ask_for_event_times_a_full_refresh_and_what_is_below(
    place: Place, stand_in: DbtCloudStandIn
) -> None:
    """A backfill: the asked model and all below it are built with those options, whatever has moved."""
    lay_out(place, stand_in, own={"e": {"automation": {"when": "Manual"}}})
    place.announce("raw", "v1")
    place.wait_status("d", state="Fresh")
    times = '"eventTimeStart": "2026-01-01", "eventTimeEnd": "2026-02-01"'
    place.annotate("c", request=f'{{"fullRefresh": true, "downstream": true, {times}}}', requestedAt="now")
    place.wait_status("c", lastHandledTrigger="now", state="Fresh")
    place.wait_status("e", state="Fresh")
    first, backfill = runs_of(stand_in)
    assert selected(first) == {"a", "b", "c", "d"}
    assert selected(backfill) == {"c", "d", "e"}
    steps = backfill["trigger"]["steps_override"]
    for flag in ("--full-refresh", "--event-time-start 2026-01-01", "--event-time-end 2026-02-01"):
        assert all(flag in step for step in steps), steps
