"""Phases, conditions, restarts, messages, refusals: the kubelet's rules as tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freshet.local.node.fitting import fits
from freshet.local.node.records import ContainerRecord, Running, State, Terminated, Waiting, from_status
from freshet.local.node.restarts import BackOff, is_restarted
from freshet.local.node.status import Verdict, phase_of, pod_status
from freshet.local.node.support import notes, refusal
from freshet.local.node.termination import read_message

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RUN = Running(started_at=NOW)
WAIT = Waiting()


def ended(code: int) -> Terminated:
    return Terminated(exit_code=code, reason="Error", started_at=NOW - timedelta(seconds=5), finished_at=NOW)


def records(*states: State, init: bool = False) -> list[ContainerRecord]:
    return [ContainerRecord(name=f"c{i}", image="x", init=init, state=state) for i, state in enumerate(states)]


OK, BAD = ended(0), ended(3)


@pytest.mark.parametrize(
    ("policy", "init", "main", "ending", "phase"),
    [
        ("Always", [], [WAIT], False, "Pending"),
        ("Always", [], [RUN], False, "Running"),
        ("Always", [], [RUN, WAIT], False, "Running"),
        ("Always", [], [OK], False, "Running"),
        ("Always", [], [BAD], False, "Running"),
        ("OnFailure", [], [OK, OK], False, "Succeeded"),
        ("OnFailure", [], [OK, BAD], False, "Running"),
        ("Never", [], [OK, OK], False, "Succeeded"),
        ("Never", [], [OK, BAD], False, "Failed"),
        ("Never", [], [RUN, BAD], False, "Running"),
        ("Never", [RUN], [WAIT], False, "Pending"),
        ("Never", [BAD], [WAIT], False, "Failed"),
        ("OnFailure", [BAD], [WAIT], False, "Pending"),
        ("Never", [OK], [WAIT], False, "Pending"),
        ("Never", [OK], [OK], False, "Succeeded"),
        ("Always", [], [ended(143)], True, "Failed"),
        ("Always", [], [OK], True, "Succeeded"),
        ("Always", [], [RUN, OK], True, "Running"),
        ("Always", [], [WAIT], True, "Failed"),
        ("Never", [WAIT], [WAIT], True, "Failed"),
    ],
)
def test_phase(policy: str, init: list[State], main: list[State], ending: bool, phase: str) -> None:
    found = phase_of(policy=policy, init=records(*init, init=True), main=records(*main), ending=ending)
    assert found == phase


def status(pod_status_now: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    pod = {"spec": {"restartPolicy": "Never", "containers": []}, "status": pod_status_now or {}}
    values: dict[str, Any] = {"init": [], "main": records(RUN), "started_at": NOW, "now": NOW, **changes}
    return pod_status(pod=pod, **values)


def conditions(found: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {each["type"]: (each["status"], each["reason"]) for each in found["conditions"]}


def test_conditions_of_a_ready_pod() -> None:
    found = conditions(status(main=[replace(records(RUN)[0], ready=True, started=True)]))
    assert {kind: state for kind, (state, _) in found.items()} == {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "ContainersReady": "True",
        "Ready": "True",
    }


def test_conditions_say_why_not() -> None:
    assert conditions(status())["Ready"] == ("False", "ContainersNotReady")
    assert conditions(status(main=records(OK)))["Ready"] == ("False", "PodCompleted")
    waiting = status(init=records(WAIT, init=True), main=records(WAIT))
    assert conditions(waiting)["Initialized"] == ("False", "ContainersNotInitialized")
    assert waiting["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}


def test_transition_times_stay_while_the_status_does() -> None:
    known = {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    times = {each["type"]: each["lastTransitionTime"] for each in status(known)["conditions"]}
    assert times["Ready"] == "2026-01-01T00:00:00Z"
    assert times["Initialized"] == "2026-11-23T12:00:00Z"


def test_a_verdict_fails_the_pod_once_nothing_runs() -> None:
    verdict = Verdict(reason="DeadlineExceeded", message="too long")
    assert status(verdict=verdict)["phase"] == "Running"
    found = status(main=records(ended(143)), verdict=verdict)
    assert (found["phase"], found["reason"], found["message"]) == ("Failed", "DeadlineExceeded", "too long")


def test_a_process_that_is_gone_has_ended() -> None:
    blank = ContainerRecord(name="c", image="x")
    running = replace(blank, state=RUN, restarts=2, container_id="local://1")
    found = from_status(blank, running.as_json(), now=NOW)
    assert found.restarts == 2
    assert found.ended is not None
    assert (found.ended.exit_code, found.ended.reason) == (137, "ContainerStatusUnknown")


def test_what_has_ended_or_backs_off_is_taken_up() -> None:
    blank = ContainerRecord(name="c", image="x")
    assert from_status(blank, replace(blank, state=BAD).as_json(), now=NOW).state == BAD
    backing_off = replace(blank, state=Waiting(reason="CrashLoopBackOff"), last=BAD, restarts=1)
    assert from_status(blank, backing_off.as_json(), now=NOW).ended == BAD
    assert from_status(blank, None, now=NOW) == blank


@pytest.mark.parametrize(
    ("policy", "code", "init", "again"),
    [
        ("Always", 0, False, True),
        ("Always", 1, False, True),
        ("Always", 0, True, False),
        ("Always", 1, True, True),
        ("OnFailure", 0, False, False),
        ("OnFailure", 1, False, True),
        ("Never", 1, False, False),
        ("Never", 1, True, False),
    ],
)
def test_restart(policy: str, code: int, init: bool, again: bool) -> None:
    assert is_restarted(policy=policy, exit_code=code, init=init) is again


def test_back_off_doubles_to_five_minutes_and_forgives() -> None:
    backoff, delays = BackOff(), []
    for _ in range(8):
        backoff = backoff.after(ran_for=1)
        delays.append(backoff.delay)
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.after(ran_for=600).delay == 0


@pytest.mark.parametrize(
    ("written", "log", "policy", "code", "expected"),
    [
        (b"done", b"", "File", 0, "done"),
        (b"", b"trace", "File", 1, ""),
        (b"", b"trace", "FallbackToLogsOnError", 1, "trace"),
        (b"", b"trace", "FallbackToLogsOnError", 0, ""),
        (b"mine", b"trace", "FallbackToLogsOnError", 1, "mine"),
        (b"x" * 5000, b"", "File", 0, "x" * 4096),
        (b"", b"y" * 5000, "FallbackToLogsOnError", 1, "y" * 2048),
        (b"", b"l\n" * 100, "FallbackToLogsOnError", 1, "l\n" * 80),
        (b"\xff\xfe", b"", "File", 0, "��"),
        ("é".encode() * 3000, b"", "File", 0, "é" * 2048),
    ],
)
def test_termination_message(tmp_path: Path, written: bytes, log: bytes, policy: str, code: int, expected: str) -> None:
    file = tmp_path / "message"
    file.write_bytes(written)
    assert read_message(file=file, policy=policy, exit_code=code, log_tail=log, containers=1) == expected


def test_containers_share_twelve_kibibytes(tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_bytes(b"z" * 9000)
    assert len(read_message(file=file, policy="File", exit_code=0, log_tail=b"", containers=6)) == 2048
    absent = tmp_path / "absent"
    assert read_message(file=absent, policy="File", exit_code=0, log_tail=b"", containers=1) == ""


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c"}], **spec}}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "x"}}]}, "persistentVolumeClaim"),
        ({"volumes": [{"name": "v", "projected": {"sources": [{"clusterTrustBundle": {}}]}}]}, "clusterTrustBundle"),
        ({"initContainers": [{"name": "s", "restartPolicy": "Always"}]}, "sidecar"),
        ({"containers": [{"name": "c", "lifecycle": {"preStop": {"exec": {}}}}]}, "preStop"),
        ({"containers": [{"name": "c", "volumeDevices": [{"name": "d"}]}]}, "volumeDevices"),
        ({"containers": [{"name": "c", "tty": True}]}, "tty"),
        (
            {"containers": [{"name": "c", "volumeMounts": [{"name": "v", "mountPropagation": "Bidirectional"}]}]},
            "Bidirectional",
        ),
        ({"os": {"name": "windows"}}, "Windows"),
        ({"containers": [{"name": "c", "lifecycle": {"stopSignal": "SIGUSR1"}}]}, "lifecycle.stopSignal"),
        ({"containers": [{"name": "c", "restartPolicy": "Never", "restartPolicyRules": [{}]}]}, "restart policy"),
        ({"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["x"]}]}, "hostAliases"),
        ({"runtimeClassName": "kata"}, "runtime class 'kata'"),
        ({"resourceClaims": [{"name": "gpu"}]}, "resourceClaims"),
    ],
)
def test_refusals_name_the_field(spec: dict[str, Any], words: str) -> None:
    sentence = refusal(pod(**spec))
    assert sentence is not None
    assert words in sentence


def test_a_restricted_pod_is_run_and_noted() -> None:
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "readOnlyRootFilesystem": True}
    container = {
        "name": "c",
        "securityContext": security,
        "resources": {"limits": {"cpu": "1"}},
        "ports": [{"containerPort": 1}],
        "livenessProbe": {"grpc": {"port": 1}},
    }
    asked = pod(containers=[container], volumes=[{"name": "t", "emptyDir": {}}, {"name": "e"}])
    assert refusal(asked) is None
    sentence = notes(asked)
    assert sentence is not None
    for words in ("resources", "ports", "users and groups", "seccompProfile", "livenessProbe of type grpc"):
        assert words in sentence
    assert "readOnlyRootFilesystem" not in sentence


def test_a_plain_pod_needs_no_notes() -> None:
    assert notes(pod()) is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"hostname": "web"}, "hostname"),
        ({"dnsPolicy": "None", "dnsConfig": {}}, "dnsConfig"),
        ({"shareProcessNamespace": True}, "shareProcessNamespace"),
        ({"hostUsers": False}, "hostUsers"),
        ({"volumes": [{"name": "m", "emptyDir": {"medium": "Memory"}}]}, "medium of emptyDir"),
        ({"affinity": {"podAntiAffinity": {}}}, "affinity between pods"),
    ],
)
def test_what_only_matters_elsewhere_is_named(spec: dict[str, Any], words: str) -> None:
    assert refusal(pod(**spec)) is None
    assert words in str(notes(pod(**spec)))


def test_notes_stand_in_the_status_too() -> None:
    asked = pod(hostname="web", restartPolicy="Never")
    found = pod_status(pod=asked, init=[], main=records(RUN), started_at=NOW, now=NOW)
    condition = next(each for each in found["conditions"] if each["type"] == "freshet.dev/Enforced")
    assert (condition["status"], condition["reason"], condition["message"]) == ("False", "NotEnforced", notes(asked))


def test_a_refused_pod_does_not_look_as_if_it_were_starting() -> None:
    verdict = Verdict(reason="Unsupported", message="why")
    found = status(init=records(WAIT, init=True), main=records(WAIT), verdict=verdict)
    waiting = {"waiting": {"reason": "Unsupported", "message": "why"}}
    assert found["containerStatuses"][0]["state"] == found["initContainerStatuses"][0]["state"] == waiting


def test_node_selector() -> None:
    labels = {"kubernetes.io/os": "linux"}
    assert fits(pod(nodeSelector={"kubernetes.io/os": "linux"}), labels=labels) is None
    assert "disk=ssd" in str(fits(pod(nodeSelector={"disk": "ssd"}), labels=labels))


@pytest.mark.parametrize(
    ("requirement", "is_fit"),
    [
        ({"key": "os", "operator": "In", "values": ["linux", "x"]}, True),
        ({"key": "os", "operator": "In", "values": ["windows"]}, False),
        ({"key": "os", "operator": "NotIn", "values": ["linux"]}, False),
        ({"key": "gpu", "operator": "NotIn", "values": ["a100"]}, True),
        ({"key": "gpu", "operator": "Exists"}, False),
        ({"key": "gpu", "operator": "DoesNotExist"}, True),
        ({"key": "cores", "operator": "Gt", "values": ["7"]}, True),
        ({"key": "cores", "operator": "Lt", "values": ["8"]}, False),
        ({"key": "os", "operator": "Gt", "values": ["1"]}, False),
    ],
)
def test_node_affinity(requirement: dict[str, Any], is_fit: bool) -> None:
    labels = {"os": "linux", "cores": "8", "kubernetes.io/hostname": "local"}
    assert (fits(affine({"matchExpressions": [requirement]}), labels=labels) is None) is is_fit


def test_terms_of_node_affinity_are_alternatives() -> None:
    labels = {"kubernetes.io/hostname": "local"}
    here = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["local"]}]}
    elsewhere = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["other"]}]}
    assert fits(affine(elsewhere, here), labels=labels) is None
    assert "node affinity" in str(fits(affine(elsewhere, {}), labels=labels))


def affine(*terms: dict[str, Any]) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return pod(affinity={"nodeAffinity": required})
