"""The look for secrets that guards the whole suite finds them: a check that cannot fail would guard nothing."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest
from tests.conftest import pytest_runtest_makereport
from tests.support import secrecy
from tests.support.secrecy import Secrets, assert_hidden

from freshet.runtime import telemetry

VALUE = "k3y/of+a=unit-test"
SECRETS = Secrets({"the key": VALUE})
NAMES = ("DBT_CLOUD_TOKEN", "WEBHOOK_KEY", "DATABRICKS_TOKEN", "POSTGRES_PASSWORD", "S3_KEY", "AZURE_KEY")


@pytest.mark.parametrize(
    "text",
    [
        VALUE,
        f"Authorization: Token {VALUE}",
        json.dumps({"token": VALUE}),
        f"https://host/x?sig={quote(VALUE, safe='')}&y=1",
        b64encode(VALUE.encode()).decode(),
        *(b64encode(f"{'u' * many}:{VALUE}:and more".encode()).decode() for many in range(4)),
    ],
)
def test_it_finds_a_secret_in_every_form_and_does_not_show_it(text: str) -> None:
    found = SECRETS.leaks(f"before {text} after")
    assert found
    assert all(leak.startswith("the key: ") and VALUE not in leak for leak in found)


@pytest.mark.parametrize("text", ["", "k3y/of+a", "the key", b64encode(b"another of that length").decode()])
def test_it_finds_nothing_where_nothing_is(text: str) -> None:
    assert SECRETS.leaks(text) == []


def test_a_key_of_several_lines_is_found_by_any_of_them() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
    found = Secrets({"the PEM": pem})
    assert found.leaks(json.dumps({"private_key": pem}))
    assert found.leaks("…hkiG9w0BAQEFAASC…")
    assert not found.leaks("-----BEGIN PRIVATE KEY-----")


def test_a_secret_that_would_be_found_by_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 8"):
        SECRETS.remember("short", "key")


@pytest.mark.parametrize("name", NAMES)
def test_every_secret_of_the_suite_is_looked_for(name: str) -> None:
    with pytest.raises(AssertionError, match="the operator's log shows") as caught:
        assert_hidden(f"sent {getattr(secrecy, name)}", where="the operator's log")
    assert getattr(secrecy, name) not in str(caught.value)


def test_a_secret_in_a_metric_of_this_process_fails_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry.dbt_cloud_requests_total.labels(code="said-by-this-test").inc()
    monkeypatch.setattr(secrecy, "KNOWN", Secrets({"it": "said-by-this-test"}))
    report = pytest.TestReport("t", ("t", 0, "t"), {}, "passed", None, "teardown")
    looking = pytest_runtest_makereport()
    next(looking)
    with pytest.raises(StopIteration):
        looking.send(report)
    telemetry.dbt_cloud_requests_total.remove("said-by-this-test")
    assert (report.outcome, "a metric of this process" in str(report.longrepr)) == ("failed", True)
