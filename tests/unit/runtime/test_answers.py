"""Each answer of the API becomes the error by which its consequences are told apart."""

import json

import pytest

from freshet.runtime import errors
from freshet.runtime.answers import error_of
from freshet.runtime.kinds import resource


def status(reason: str, message: str = "no", **details: object) -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": message, "details": details}).encode()


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (409, status("AlreadyExists"), errors.AlreadyExists),
        (409, status("Conflict"), errors.Conflict),
        (404, status("NotFound"), errors.Gone),
        (404, b"404 page not found\n", errors.Gone),
        (410, status("Expired"), errors.Expired),
        (400, status("BadRequest"), errors.Refused),
        (403, status("Forbidden"), errors.Refused),
        (422, status("Invalid"), errors.Refused),
        (429, status("TooManyRequests"), errors.Throttled),
        (401, status("Unauthorized"), errors.Unavailable),
        (500, status("InternalError"), errors.Unavailable),
        (502, b"<html>Bad Gateway</html>", errors.Unavailable),
        (504, b"\xff\xfe", errors.Unavailable),
        (503, b"[1]", errors.Unavailable),
    ],
)
def test_kinds(code: int, body: bytes, kind: type[errors.KubeError]) -> None:
    assert type(error_of(code=code, body=body)) is kind


def test_a_conflict_names_the_fields_that_others_own() -> None:
    causes = [{"reason": "FieldManagerConflict", "field": ".spec.freshness", "message": 'conflict with "kubectl"'}]
    error = error_of(code=409, body=status("Conflict", causes=causes))
    assert isinstance(error, errors.Conflict)
    assert error.fields == (".spec.freshness",)


def test_a_refusal_carries_reason_sentence_and_causes() -> None:
    body = status("Invalid", "Job is invalid:\n  bad", causes=[{"field": "spec.template", "message": "Required"}])
    error = error_of(code=422, body=body)
    assert isinstance(error, errors.Refused)
    assert (error.reason, error.invalid, str(error)) == ("Invalid", True, "Job is invalid: bad")
    assert error.causes == (("spec.template", "Required"),)


def test_a_quota_is_no_fault_of_the_body() -> None:
    error = error_of(code=403, body=status("Forbidden", "exceeded quota: pods"))
    assert isinstance(error, errors.Refused)
    assert not error.invalid


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), (None, 1.0), ("soon", 1.0)])
def test_the_server_says_when_to_come_back(header: str | None, seconds: float) -> None:
    assert error_of(code=429, body=b"", retry_after=header).retry_after == seconds


@pytest.mark.parametrize(
    ("kind", "options", "path"),
    [
        (
            "Asset",
            {"namespace": "n", "name": "x", "subresource": "status"},
            "/apis/freshet.dev/v1alpha1/namespaces/n/assets/x/status",
        ),
        ("Pod", {"namespace": None}, "/api/v1/pods"),
        ("CronJob", {"namespace": "n"}, "/apis/batch/v1/namespaces/n/cronjobs"),
    ],
)
def test_paths(kind: str, options: dict[str, str], path: str) -> None:
    assert resource(kind).path(**options) == path
