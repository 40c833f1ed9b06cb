"""What dbt Cloud is asked, and how soon downstream starts once a run has ended, by webhook and by polls alone.

    PYTHONPATH=. python tests/bench/dbt_cloud.py [--models 10 500] [--rounds 15]

Two Pipelines: ``shop`` with all models on job 1, ``next`` with one model on job 2 that reads ``shop``'s first. A round
moves the source, ``shop`` runs its first model, ``next`` follows; the figure is the time from the end of the one run to
the request for the other, both by the stand-in's clock. Runs of others build every model: what is asked for each,
polls left out, is the second figure; what an idle poll costs is the third. At last a project with a manifest of about
100 MB is discovered: how large does the operator become when none of its models is selected, and when all of them
become Assets? With these, and their discovery on, the requests for each run of others are counted once more. Beside a
figure stands its bar, where it has one, and whether that is met. The last line is one JSON object.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tests.bench.support import Setup, memory_mb, percentile, prepared
from tests.support.dbt_place import add_dbt_pipeline, add_model, cloud, discover
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

FOREIGN_RUNS = 5
IDLE_SECONDS = 6.0
AFTERWARDS = 5.0
"""Seconds in which what a run brings about beside the poller may still be asked for."""
RUN_SECONDS = 0.5
PATIENCE = 300.0
KEY = "bench-signing-key"
MANIFEST_BYTES = 100 << 20
IDLE = {"FRESHET_DBT_POLL_SLOW": "1"}
BARS = {
    "webhook_p50_ms": 100.0,
    "poll_p50_ms": 3000.0,
    "requests_per_poll": 1.0,
    "requests_per_finished_run": 3.1,
    "requests_per_run_discovering": 3.1,
    "rss_mb": 1000.0,
}
"""At most. By polls: one of the shortest pauses (2 s), and what is missed by a moment. Dagster's integration makes 31
requests for 10 finished runs. A manifest of 100 MB must not cost 1 GB.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, nargs="+", default=[10, 500])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    print(f"load {load:.1f} on {cores} cores{': too much to judge times by' if load > cores else ''}")
    with prepared() as setup:
        for count in options.models:
            figures = measure(setup, models=count, rounds=options.rounds)
    print(json.dumps(figures))


def measure(setup: Setup, *, models: int, rounds: int) -> dict[str, float]:
    """All figures at that size, printed as they come."""
    print(f"{models} models")
    figures: dict[str, float] = {"models": models}
    with shop(setup, models=models, name=f"hooked-{models}", env={}) as (place, stand_in, operator):
        hook(place, stand_in, operator)
        show(
            figures, "webhook_p50_ms", "end → next run asked for, by webhook, p50 ms", latency(place, stand_in, rounds)
        )
        show(figures, "floor_p50_ms", "its requests alone, one after another, p50 ms", floor(place, stand_in, rounds))
    with shop(setup, models=models, name=f"polled-{models}", env={}) as (place, stand_in, _):
        show(figures, "poll_p50_ms", "the same by polls alone, p50 ms", latency(place, stand_in, rounds))
    with shop(setup, models=models, name=f"idle-{models}", env=IDLE) as (place, stand_in, _):
        show(figures, "requests_per_finished_run", "requests for each run of others", foreign(place, stand_in))
        show(figures, "requests_per_poll", "requests for each idle poll", idle(stand_in))
    return figures | discovering(setup, models=models)


@contextmanager
def shop(
    setup: Setup, *, models: int, name: str, env: dict[str, str]
) -> Iterator[tuple[Place, DbtCloudStandIn, OperatorProcess]]:
    """Both Pipelines, and everything is built."""
    with alone(setup, name=name, graph=graph(models), env=env) as (place, stand_in, operator):
        stand_in.put_job(id=2, name="next")
        lay_out(place, stand_in, models=models)
        yield place, stand_in, operator


@contextmanager
def alone(
    setup: Setup, *, name: str, graph: dict[str, Any], env: dict[str, str] | None = None
) -> Iterator[tuple[Place, DbtCloudStandIn, OperatorProcess]]:
    """A namespace, a stand-in and an operator of their own."""
    place = Place(setup.cluster, name)
    setup.cluster.http.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
    operator = OperatorProcess(
        kubeconfig=setup.operator_kubeconfig, folder=setup.folder / name / "operator", namespaces=[name], env=env
    )
    with DbtCloudStandIn(folder=setup.folder / name, executor="scripted", graph=graph) as stand_in:
        try:
            yield place, stand_in, operator.start()
        finally:
            operator.stop()


def graph(models: int) -> dict[str, Any]:
    """Models side by side, and the one that follows the first."""
    rows = [{"name": f"m{number}"} for number in range(models)]
    return {"models": [*rows, {"name": "follower", "upstreams": ["m0"]}], "seconds": RUN_SECONDS}


def lay_out(place: Place, stand_in: DbtCloudStandIn, *, models: int) -> None:
    """Everything is built once; only the first model follows ``raw``."""
    add_dbt_pipeline(place, stand_in, "shop")
    add_dbt_pipeline(place, stand_in, "next", job=2, observe="Job")
    for source in ("raw", "other"):
        place.add_asset(source)
        place.announce(source, "v0")
    for number in range(models):
        add_model(place, f"m{number}", model=f"m{number}", upstreams=["raw" if number == 0 else "other"])
    add_model(place, "follower", model="follower", pipeline="next", upstreams=["m0"])
    for name in (f"m{models - 1}", "m0", "follower"):
        place.wait_status(name, state="Fresh", timeout=PATIENCE)
    rest(place, stand_in)


def rest(place: Place, stand_in: DbtCloudStandIn) -> None:
    """Return when nothing is under way."""

    def quiet() -> bool:
        runs = [place.get("pipelines", name)["status"].get("dbtCloud", {}).get("run") for name in ("shop", "next")]
        return not any(runs) and all(run["is_complete"] for run in stand_in.runs())

    for _ in range(3):
        wait_for(quiet, timeout=PATIENCE, what="no run is under way")
        time.sleep(0.2)


def hook(place: Place, stand_in: DbtCloudStandIn, operator: OperatorProcess) -> None:
    """Job 1 tells the operator what has ended."""
    place.add_secret("hook", webhook=KEY)
    place.patch("pipelines", "shop", {"spec": {"dbtCloud": {"webhookSecretRef": {"name": "hook"}}}})
    url = f"http://127.0.0.1:{operator.port_file.read_text()}/webhooks/dbt-cloud/{place.namespace}/shop"
    stand_in.webhook(url=url, secret=KEY, job_ids=[1])


def latency(place: Place, stand_in: DbtCloudStandIn, rounds: int) -> float:
    """From the end of a run of job 1 to the request for the run of job 2 that it makes due, p50."""
    found = []
    for number in range(rounds):
        stand_in.forget_requests()
        place.announce("raw", f"r{number}")
        asked = wait_for(
            lambda: stand_in.requests(method="POST", path="/jobs/2/run/"), timeout=PATIENCE, what="the follower is run"
        )
        ended = [run["finished_at"] for run in stand_in.runs() if run["job_definition_id"] == 1]
        found.append(1000 * (asked[0]["at"] - datetime.fromisoformat(ended[-1]).timestamp()))
        rest(place, stand_in)
    return percentile(found, 0.5)


def floor(place: Place, stand_in: DbtCloudStandIn, rounds: int) -> float:
    """What lies between the end of a run and the request for the next, by a client that does nothing else: the run and
    its results are read, what it built, what is meant and two statuses beside are written, and a request is made.
    """
    run, found = stand_in.runs()[-1]["id"], []
    for number in range(rounds):
        began = time.perf_counter()
        stand_in.api("GET", f"/runs/{run}/")
        stand_in.request("GET", f"/api/v2/accounts/{stand_in.account}/runs/{run}/artifacts/run_results.json")
        for at in range(4):
            place.patch("assets", "other", {"metadata": {"annotations": {"bench": f"{number}-{at}"}}})
        stand_in.api("GET", "/jobs/2/")
        found.append(1000 * (time.perf_counter() - began))
    return percentile(found, 0.5)


def foreign(place: Place, stand_in: DbtCloudStandIn) -> float:
    """Requests that are no polls, for each run of others that builds everything; nothing of ours follows."""
    place.patch("assets", "follower", {"spec": {"suspend": True}})
    place.wait_status("follower", state="Suspended")
    return per_run(place, stand_in)


def per_run(place: Place, stand_in: DbtCloudStandIn) -> float:
    """Requests that are no polls, for each run of others that builds everything."""
    stand_in.forget_requests()
    for _ in range(FOREIGN_RUNS):
        run = stand_in.start_foreign(cause="nightly")
        place.wait_status("m0", version=str(run["id"]), timeout=PATIENCE)
        taken(place, str(run["id"]))
    time.sleep(AFTERWARDS)
    asked = [it for it in stand_in.requests() if it["query"].get("order_by") != "finished_at"]
    for path, count in sorted(Counter(it["path"].rpartition("/accounts/1")[2] for it in asked).items()):
        print(f"    {count:4} × {path}")
    return len(asked) / FOREIGN_RUNS


def taken(place: Place, run: str) -> None:
    """Return when the cursor has passed that run."""

    def passed() -> bool:
        return f" {run}@" in place.get("pipelines", "shop")["status"]["dbtCloud"].get("cursor", "")

    wait_for(passed, timeout=PATIENCE, what=f"run {run} is taken")


def idle(stand_in: DbtCloudStandIn) -> float:
    """All requests for each list request, at rest."""
    time.sleep(2.0)
    stand_in.forget_requests()
    time.sleep(IDLE_SECONDS)
    requests = stand_in.requests()
    polls = [it for it in requests if it["path"].endswith("/runs/")]
    assert polls, "it polls at rest too"
    others = sorted({it["path"] for it in requests if it not in polls})
    if others:
        print(f"    beside polls: {', '.join(others)}")
    return len(requests) / len(polls)


def discovering(setup: Setup, *, models: int) -> dict[str, float]:
    """A project whose manifest has about 100 MB: the operator's memory, without and with its models as Assets, and what
    a run of others costs then.
    """
    rows = [{"name": f"m{number}"} for number in range(models)]
    code = "-" * (MANIFEST_BYTES // models)
    with alone(setup, name=f"found-{models}", graph={"models": rows}) as (place, stand_in, operator):
        stand_in.wait(stand_in.start_foreign()["id"])
        stand_in.graph({"models": [{**row, "code": code} for row in rows]})
        run = stand_in.wait(stand_in.start_foreign(cause="parsed", steps_override=["dbt parse"])["id"])
        artifact = f"/api/v2/accounts/1/runs/{run['id']}/artifacts/manifest.json"
        figures: dict[str, float] = {}
        show(figures, "manifest_mb", "MB of manifest", len(stand_in.request("GET", artifact).content) / 1e6)
        show(figures, "rss_before_mb", "MB of the operator before, at most", memory_mb(operator.pid, "VmHWM"))
        discover(place, stand_in, select={"tags": ["none"]})
        wait_for(lambda: cloud(place).get("manifest", {}).get("checksum"), timeout=PATIENCE, what="it is read")
        memory = memory_mb(operator.pid, "VmHWM")
        show(figures, "rss_no_assets_mb", "MB with it and no model selected, at most", memory)
        place.patch("pipelines", "shop", {"spec": {"dbtCloud": {"discovery": {"select": None}}}})
        wait_for(lambda: fresh(place) == models, timeout=PATIENCE, interval=1.0, what="each model is a fresh Asset")
        show(figures, "rss_mb", "MB with it and all models as Assets, at most", memory_mb(operator.pid, "VmHWM"))
        stand_in.graph({"models": rows})
        asked = per_run(place, stand_in)
        show(figures, "requests_per_run_discovering", "requests for each run of others, discovery on", asked)
        return figures


def fresh(place: Place) -> int:
    """How many Assets are."""
    return sum(asset.get("status", {}).get("state") == "Fresh" for asset in place.all("assets"))


def show(figures: dict[str, float], key: str, name: str, value: float) -> None:
    """Note a figure, and print its line of the table: with its bar, where it has one, and whether that is met."""
    figures[key] = round(value, 2)
    bar = BARS.get(key)
    verdict = "" if bar is None else f"   at most {bar:g}: {'met' if figures[key] <= bar else 'NOT MET'}"
    print(f"    {name:56}{value:10.2f}{verdict}", flush=True)


if __name__ == "__main__":
    main()
