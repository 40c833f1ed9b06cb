"""From a Job and its pods to a run: under way, or ended and how."""

import json
from datetime import datetime
from typing import Any

import pytest
from tests.unit.core.making import NOW

from freshet.api.asset import Consumed, Rejected, Sample
from freshet.api.view import parse
from freshet.api.workload import Job, Pod, parse_result
from freshet.core.jobs import ended, in_flight, obstacle, run_annotations, with_obstacle

STAMP = "2026-11-24T12:00:00Z"
NOTES = run_annotations(
    looked_at={"a": Consumed(version="v1", data_time=NOW)},
    cause="updated: a",
    attempt=2,
    definition="d",
    trigger="7",
    tick=NOW,
)
RESULT = {"kind": "ingest", "version": "L1", "changed": True, "dataTime": STAMP, "updatedAt": STAMP, "rows": 5,
          "relation": "s.t", "finishedAt": STAMP, "checks": [{"name": "rows", "passed": False, "severity": "error"}],
          "message": "5 rows"}  # fmt: skip


def job(*conditions: tuple[str, str], notes: dict[str, str] = NOTES, owner: str = "Asset") -> Job:
    common = {"status": "True", "message": "m", "lastTransitionTime": STAMP}
    found = [{"type": type, "reason": reason, **common} for type, reason in conditions]
    meta = {"name": "j", "namespace": "ns", "uid": "job-uid", "creationTimestamp": STAMP, "annotations": notes,
            "ownerReferences": [{"kind": owner, "name": "o", "uid": "o"}]}  # fmt: skip
    return parse({"metadata": meta, "status": {"startTime": STAMP, "conditions": found}}, type=Job)


def pod(
    phase: str, *, code: int = 0, message: str = "", name: str = "p0", container: str = "freshet", **status: Any
) -> Pod:
    state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", "message": message,
                            "finishedAt": STAMP}}  # fmt: skip
    containers = [{"name": "sidecar"}, {"name": container, "state": state if phase in ("Succeeded", "Failed") else {}}]
    return parse(
        {"metadata": {"name": name}, "status": {"phase": phase, "containerStatuses": containers, **status}}, type=Pod
    )


COMPLETE, FAILED, DEADLINE = ("Complete", ""), ("Failed", "BackoffLimitExceeded"), ("Failed", "DeadlineExceeded")
ERROR = json.dumps({"error": {"reason": "FileNotFound", "message": "no /d.csv"}, "message": None})
EVICTED = {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]}


@pytest.mark.parametrize(
    ("conditions", "pods", "kind", "outcome", "message"),
    [
        ([], [], "Count", None, ""),
        ([], [pod("Running")], "Count", None, ""),
        ([], [pod("Failed", code=1)], "Count", None, ""),
        ([], [pod("Succeeded")], "Count", "Succeeded", ""),
        ([COMPLETE], [], "Count", "Succeeded", ""),
        ([COMPLETE], [], "Source", "Unchanged", "no result"),
        ([], [pod("Succeeded", message=json.dumps(RESULT))], "Source", "Succeeded", "5 rows"),
        ([], [pod("Succeeded", message=json.dumps({**RESULT, "changed": False}))], "Source", "Unchanged", "5 rows"),
        ([], [pod("Succeeded")], "Job", None, ""),  # a user's Job may need more pods
        ([FAILED], [pod("Succeeded")], "Job", "Failed", "exit code 0: kubectl logs -n "),
        ([COMPLETE], [pod("Succeeded")], "Job", "Succeeded", ""),
        ([FAILED], [], "Count", "Failed", "BackoffLimitExceeded: m"),
        ([FAILED], [pod("Failed", code=2, message=ERROR)], "Source", "Failed", "FileNotFound: no /d.csv"),
        ([FAILED], [pod("Failed", code=4, message=ERROR)], "Source", "Interrupted", "FileNotFound"),
        ([FAILED], [pod("Failed", code=137, message="a\nKilled")], "Count", "Failed", "exit code 137: Killed"),
        ([FAILED], [pod("Failed", code=137, **EVICTED)], "Count", "Interrupted", "Eviction"),
        ([DEADLINE], [pod("Failed", code=143)], "Count", "Failed", "timeout"),
    ],
)
def test_how_it_ended(conditions: Any, pods: Any, kind: Any, outcome: str | None, message: str) -> None:
    run = ended(job=job(*conditions), pods=pods, kind=kind)
    assert (run.outcome if run else None) == outcome
    assert message in (run.message if run else "")


def test_a_run_carries_what_its_job_was_launched_with() -> None:
    run = ended(job=job(COMPLETE), pods=[], kind="Count")
    assert run is not None
    assert (run.id, run.version, run.cause, run.attempt, run.trigger, run.tick, run.definition) == (
        "job-uid", "job-uid", "updated: a", 2, "7", NOW, "d",
    )  # fmt: skip
    assert run.looked_at == {"a": Consumed(version="v1", data_time=NOW)}
    assert (run.started_at, run.finished_at) == (NOW, NOW)


def test_a_loads_result_is_taken_whole_and_its_level_handed_on() -> None:
    run = ended(job=job(), pods=[pod("Succeeded", message=json.dumps(RESULT))], kind="Source")
    assert run is not None
    assert (run.version, run.data_time, run.updated_at, run.rows, run.relation) == ("L1", NOW, NOW, 5, "s.t")
    assert [(check.name, check.passed, check.at) for check in run.checks] == [("rows", False, NOW)]
    assert run.level is not None
    assert run.level["version"] == "L1"
    assert "checks" not in run.level


BAD = Sample(line=3, column="id", reason="r")


@pytest.mark.parametrize(
    ("more", "rejected"),
    [
        (
            {"rowsIn": 9, "rowsRejected": 2},
            Rejected(rows=2, samples=(Sample(line=3, column="id", reason="r"),), at=NOW),
        ),
        ({"rowsIn": 9, "rowsRejected": 0, "samples": None}, Rejected(rows=0, at=NOW)),
        ({"rowsIn": 0, "rowsRejected": 0}, None),
        ({}, None),
    ],
)
def test_bad_rows_are_those_of_an_input_that_was_read(more: dict[str, Any], rejected: Rejected | None) -> None:
    result = {**RESULT, "samples": [{"line": 3, "column": "id", "reason": "r"}], **more}
    run = ended(job=job(), pods=[pod("Succeeded", message=json.dumps(result))], kind="Source")
    assert run is not None
    assert run.rejected == rejected
    assert not (run.level or {}).get("samples")


@pytest.mark.parametrize(("code", "refused"), [(3, {"input": "i", "since": STAMP}), (4, None)])
def test_what_a_refusing_load_leaves_for_the_next_pod_is_taken_as_it_is(code: int, refused: Any) -> None:
    """An outage leaves nothing."""
    left = {**json.loads(ERROR), "refused": {"input": "i", "since": STAMP}}
    run = ended(job=job(FAILED), pods=[pod("Failed", code=code, message=json.dumps(left))], kind="Source")
    assert run is not None
    assert run.refused == refused


def test_the_newest_pod_and_the_container_that_is_read_count() -> None:
    old = pod("Failed", code=1, name="p0")
    new = pod("Succeeded", message=json.dumps(RESULT), name="p1")
    run = ended(job=job(COMPLETE), pods=[new, old], kind="Source")
    assert run is not None
    assert run.version == "L1"
    foreign = ended(job=job(COMPLETE), pods=[pod("Succeeded", message="{}", container="main")], kind="Job")
    assert foreign is not None
    assert foreign.version == "job-uid"


@pytest.mark.parametrize(
    "notes",
    [{"freshet.dev/versions": bad, "freshet.dev/tick": bad, "freshet.dev/attempt": bad} for bad in
     ("", "x", "null", "[1]", "²", "2026-11-24", "2026-11-24T12:00:00", "-1")],
)  # fmt: skip
def test_annotations_that_someone_edited_do_no_harm(notes: dict[str, str]) -> None:
    run = in_flight(job=job(notes=notes), pods=[])
    assert (run.versions, run.tick, run.attempt) == ({}, None, 1)


def test_a_cron_jobs_load_says_schedule() -> None:
    assert in_flight(job=job(notes={}, owner="CronJob"), pods=[]).cause == "schedule"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({}, None),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"}]},
         "Unschedulable: 0/1"),
        ({"containerStatuses": [{"name": "f", "state": {"waiting": {"reason": "ContainerCreating"}}}]}, None),
        ({"containerStatuses": [{"name": "f", "state": {"waiting": {"reason": "ErrImagePull", "message": "x"}}}]},
         "ErrImagePull: x"),
        ({"initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "CreateContainerConfigError"}}}]},
         "CreateContainerConfigError: "),
    ],
)  # fmt: skip
def test_why_a_pod_cannot_start(status: dict[str, Any], text: str | None) -> None:
    found = parse({"metadata": {"name": "p"}, "status": {"phase": "Pending", **status}}, type=Pod)
    assert obstacle([found]) == text


def test_the_newest_warning_of_a_job_without_pods() -> None:
    run = in_flight(job=job(), pods=[])
    events = [
        {"type": "Warning", "reason": "FailedCreate", "message": "quota", "lastTimestamp": "2026-11-24T12:01:00Z"},
        {"type": "Warning", "reason": "Older", "message": "x", "lastTimestamp": "2026-11-24T11:00:00Z"},
        {"type": "Normal", "reason": "Newest", "message": "x", "lastTimestamp": "2026-11-24T13:00:00Z"},
    ]
    assert with_obstacle(run, events=events).message == "FailedCreate: quota"
    assert with_obstacle(run, events=[]) == run


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", "plain words", '{"rows": "many"}', '{"dataTime": "2026-11-24T12:00:00"}', "1"]
)
def test_what_is_not_a_result_is_none(text: str) -> None:
    assert parse_result(text) is None


def test_absent_and_null_are_the_same() -> None:
    keys = ["version", "changed", "checks", "samples", "message", "kind", "error", "rows"]
    nulls = {**dict.fromkeys(keys), "checks": [{"name": "c", "passed": True, "severity": None}]}
    found = parse_result(json.dumps(nulls))
    assert found is not None
    assert (found.message, found.samples, found.checks[0].severity) == ("", (), "error")
    assert parse_result(" {}\n") == parse_result("{}")


def test_times_that_a_users_job_writes_with_an_offset_are_kept_in_utc() -> None:
    """Lines show them with a Z."""
    found = parse_result('{"dataTime": "2026-11-24T13:00:00+01:00", "finishedAt": "2026-11-24T07:00:00-05:00"}')
    assert found is not None
    assert [it and it.isoformat() for it in (found.data_time, found.finished_at)] == ["2026-11-24T12:00:00+00:00"] * 2
    odd = parse_result('{"dataTime": "0001-01-01T00:00:00+05:00", "rows": 3}')
    assert odd is not None
    assert (odd.data_time, odd.rows) == (None, 3)


@pytest.mark.parametrize(
    ("told", "finished"),
    [("2026-11-25T12:00:00Z", STAMP), ("2026-11-24T11:00:00Z", STAMP), ("2026-11-24T12:00:01.5Z", None)],
)
def test_a_node_whose_clock_is_wrong_does_not_say_when_a_job_ended(told: str, finished: str | None) -> None:
    run = ended(
        job=job(COMPLETE), pods=[pod("Succeeded", message=json.dumps({**RESULT, "finishedAt": told}))], kind="Source"
    )
    assert run is not None
    assert run.finished_at == datetime.fromisoformat(finished or told)
