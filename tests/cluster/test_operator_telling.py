"""What a person reads: Events in ``kubectl describe``, and log lines that machines can read, too."""

import json
from typing import Any

from tests.cluster.conftest import OperatorFactory
from tests.support.freshet_objects import Place, user_job
from tests.support.waiting import wait_for

PATIENCE = 60


def test_events_and_lines_name_asset_pipeline_and_run(operator_factory: OperatorFactory, place: Place) -> None:
    operator = operator_factory(arguments=["--log-format=json"]).start()
    place.add_pipeline("shop")
    place.add_asset("raw")
    place.add_asset("report", pipeline="shop", upstreams=["raw"], materialize=user_job(), retries={"limit": 0})
    place.announce("raw", "v1")
    job = place.build("report", exit_code=3)
    uid = place.wait_status("report", state="Failed", timeout=PATIENCE)["lastRun"]["id"]
    assert uid == job["metadata"]["uid"]

    def described() -> str:
        text = place.cluster.kubectl("describe", "asset/report", "-n", place.namespace)
        return text if "RetriesExhausted" in text.partition("Events:")[2] else ""

    events = wait_for(described, timeout=PATIENCE, what="its Events").partition("Events:")[2]
    assert "RunFailed" in events
    assert "(updated: raw; " in events

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in operator.log().splitlines()]

    about = {"namespace": place.namespace, "asset": "report", "pipeline": "shop", "run": uid}
    told = wait_for(lambda: [line for line in lines() if about.items() <= line.items()], what="lines about the run")
    assert any(line["message"].startswith("RunFailed: ") and line["level"] == "warning" for line in told)
