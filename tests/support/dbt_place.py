"""Pipelines with a dbt Cloud job of the stand-in each, for tests of the operator."""

from typing import Any

from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import Object
from tests.support.waiting import wait_for

__all__ = [
    "CHAIN",
    "FAST",
    "OFTEN",
    "add_dbt_pipeline",
    "add_model",
    "all_taken_in",
    "built",
    "chain",
    "chain_is_built_from",
    "cloud",
    "discover",
    "discovered",
    "move",
    "runs_of",
]

FAST = {"FRESHET_DBT_POLL_FAST": "0.1"}
OFTEN = {**FAST, "FRESHET_DBT_POLL_SLOW": "0.3"}
"""An idle job is looked at often, too: what others run is seen at once."""
PATIENCE = 60
SECRET = "dbt-cloud"
PROJECT = "kaizen_wars"
CHAIN: Object = {
    "models": [{"name": "stg", "tests": [{"name": "unique_stg_id"}]}, {"name": "mart", "upstreams": ["stg"]}]
}
"""The graph of :func:`chain`."""


def add_dbt_pipeline(place: Place, stand_in: DbtCloudStandIn, name: str = "shop", *, job: int = 1, **dbt: Any) -> None:
    """A Pipeline whose models are built by that job; the Secret is made unless it is there."""
    if not place.get("secrets", SECRET):
        place.add_secret(SECRET, token=stand_in.token)
    settings: Object = {
        "host": stand_in.url,
        "accountId": stand_in.account,
        "jobId": job,
        "tokenSecretRef": {"name": SECRET},
        "discovery": {"enabled": False},
        **dbt,
    }
    place.add_pipeline(name, dbtCloud=settings)


def add_model(place: Place, name: str, *, model: str, pipeline: str = "shop", **spec: Any) -> None:
    """An Asset for a model of the project."""
    materialize = {"dbtCloud": {"uniqueId": f"model.{PROJECT}.{model}"}}
    place.add_asset(name, pipeline=pipeline, materialize=materialize, **spec)


def runs_of(stand_in: DbtCloudStandIn, job: int = 1) -> list[Object]:
    """All runs of a job, oldest first: the truth, without lag or faults."""
    return [run for run in stand_in.runs() if run["job_definition_id"] == job]


def discover(
    place: Place, stand_in: DbtCloudStandIn, name: str = "shop", *, own: Object | None = None, **discovery: Any
) -> None:
    """A Pipeline over the stand-in's whole project; ``own``: of the spec of its dbt Cloud job."""
    add_dbt_pipeline(place, stand_in, name, discovery={"enabled": True, **discovery}, **(own or {}))


def discovered(place: Place, reason: str, pipeline: str = "shop") -> Object:
    """The condition Discovered once it has that reason."""

    def found() -> Object | None:
        condition: Object = place.condition(pipeline, "Discovered", plural="pipelines")
        return condition if condition.get("reason") == reason else None

    condition = wait_for(found, timeout=PATIENCE, what=f"Discovered says {reason}")
    assert condition is not None
    return condition


def built(stand_in: DbtCloudStandIn, *steps: str) -> Object:
    """A run that somebody else has started, when it has ended."""
    trigger = {"steps_override": list(steps)} if steps else {}
    return stand_in.wait(stand_in.start_foreign(**trigger)["id"])


def chain(place: Place, stand_in: DbtCloudStandIn, own: Object | None = None, **dbt: Any) -> None:
    """``stg`` on ``raw`` v1, ``mart`` on ``stg``, both built once by one run; ``own``: of the spec of ``stg``."""
    add_dbt_pipeline(place, stand_in, **dbt)
    place.add_asset("raw")
    add_model(place, "stg", model="stg", upstreams=["raw"], **(own or {}))
    add_model(place, "mart", model="mart", upstreams=["stg"])
    for name in ("stg", "mart"):
        place.wait_status(name, state="Missing")
    place.announce("raw", "v1")
    chain_is_built_from(place, "v1")
    wait_for(lambda: cloud(place).get("cursor"), what="runs are counted from here")
    all_taken_in(place)


def move(place: Place, *versions: str) -> None:
    """``raw`` moves, one version after the other, and the operator has seen each."""
    for version in versions:
        place.announce("raw", version)
        place.wait_status("raw", version=version)


def chain_is_built_from(place: Place, version: str, *, timeout: float = PATIENCE) -> Object:
    """The status of ``mart`` once it is built from ``stg``, and that from ``raw`` of that version."""

    def current(status: Object) -> bool:
        stg = place.status("stg")
        built = stg.get("considered") == {"raw": version} and status.get("considered") == {"stg": stg.get("version")}
        return bool(built and stg.get("state") == status.get("state") == "Fresh")

    return place.wait_status("mart", current, timeout=timeout)


def all_taken_in(place: Place, pipeline: str = "shop") -> None:
    """Return when no run is meant or under way: each of its models has recorded what it came to."""
    wait_for(lambda: not cloud(place, pipeline).get("run"), timeout=PATIENCE, what="the run is taken in by all")


def cloud(place: Place, pipeline: str = "shop") -> Object:
    """What a Pipeline knows of its job."""
    found: Object = place.get("pipelines", pipeline).get("status", {}).get("dbtCloud", {})
    return found
