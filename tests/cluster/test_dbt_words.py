"""Every word that dbt may say of a model, known or not, as dbt v1 writes it and as v2 does, which leaves null keys out:
what becomes of the model's version, of its need and of its checks, and of what is below it.
"""

from typing import Any

import pytest
from tests.support.dbt_place import CHAIN, all_taken_in, chain, cloud, move, runs_of
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.operator import OperatorProcess

GRAPH = CHAIN
SAYS: list[tuple[str, Object, str, bool]] = [
    ("success", {}, "Succeeded", True),
    ("partial success", {}, "Succeeded", True),
    ("no-op", {}, "Unchanged", False),
    ("reused", {}, "Unchanged", False),
    ("marinated", {}, "Unchanged", False),
    ("success", {"left_out": ["stg"]}, "Unchanged", False),
]
"""The word, what else the stand-in's graph has, the outcome, and whether it makes a version."""


def told(place: Place, reason: str) -> list[str]:
    """Events of that reason."""
    return [it["message"] for it in place.all("events") if it["reason"] == reason]


@pytest.mark.parametrize("sparse", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize(("word", "more", "outcome", "makes"), SAYS, ids=[*(it[0] for it in SAYS[:-1]), "left out"])
def test_a_word_of_dbt_is_followed_for_a_model_and_for_what_is_below(
    place: Place,
    stand_in: DbtCloudStandIn,
    watcher: OperatorProcess,
    word: str,
    more: dict[str, Any],
    outcome: str,
    makes: bool,
    sparse: bool,
) -> None:
    chain(place, stand_in)
    first = place.status("stg")["version"]
    stand_in.graph({**CHAIN, **more, "sparse": sparse, "outcomes": {"stg": [word, "success"]}})
    move(place, "v2")
    stg = place.wait_status("stg", considered={"raw": "v2"}, state="Fresh", timeout=60)
    run = stg["lastRun"]["id"]
    assert stg["lastRun"]["outcome"] == outcome
    assert stg["version"] == (run if makes else first)
    assert not stg.get("failures")
    assert bool(stg["lastRun"].get("reused")) == (word == "reused")
    checks = [(check["name"], check["passed"]) for check in stg["checks"]]
    assert checks == [("unique_stg_id", True)]
    mart = place.wait_status("mart", considered={"stg": stg["version"]}, state="Fresh", timeout=60)
    assert mart["lastRun"]["outcome"] == "Succeeded"
    all_taken_in(place)
    place.quiet(watcher)
    unknown = word == "marinated" or "left_out" in more
    assert len(told(place, "UnknownStatus")) == unknown, "and a word that is known is no news"
    assert len(runs_of(stand_in)) == (3 if word == "partial success" else 2), (
        "dbt skips what is below a partial success"
    )
    assert not cloud(place).get("run")


@pytest.mark.parametrize("sparse", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("left_out", [[], ["mart"]], ids=["named", "left out"])
def test_what_failed_and_what_dbt_skips_for_it(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess, left_out: list[str], sparse: bool
) -> None:
    chain(place, stand_in, own={"retries": {"limit": 0}})
    first = place.status("stg")["version"]
    stand_in.graph({**CHAIN, "sparse": sparse, "left_out": left_out, "outcomes": {"stg": "error"}})
    move(place, "v2")
    stg = place.wait_status("stg", state="Failed", failures=1)
    assert (stg["version"], stg["considered"], stg["lastRun"]["outcome"]) == (first, {"raw": "v2"}, "Failed")
    mart = place.wait_status("mart", lambda it: it["lastRun"]["outcome"] == "Skipped")
    assert (mart["version"], mart["considered"], mart.get("failures")) == (first, {"stg": first}, None)
    all_taken_in(place)
    place.quiet(watcher)
    assert len(runs_of(stand_in)) == 2


@pytest.mark.parametrize("sparse", [False, True], ids=["v1", "v2"])
def test_a_test_that_fails_holds_back_what_is_below(
    place: Place, stand_in: DbtCloudStandIn, watcher: OperatorProcess, sparse: bool
) -> None:
    chain(place, stand_in)
    first = place.status("mart")["version"]
    stand_in.graph({**CHAIN, "sparse": sparse, "outcomes": {"unique_stg_id": "fail"}})
    move(place, "v2")
    stg = place.wait_status("stg", considered={"raw": "v2"}, timeout=60)
    assert (stg["version"], stg["lastRun"]["outcome"]) == (stg["lastRun"]["id"], "Succeeded")
    assert [(check["name"], check["passed"]) for check in stg["checks"]] == [("unique_stg_id", False)]
    mart = place.wait_status("mart", lambda it: "UpstreamChecksFailed" in it["reason"])
    assert mart["version"] == first
