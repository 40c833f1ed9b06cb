"""What holds for all tests: hypothesis on busy machines, Ctrl-C that can be tried, no secret in what is printed."""

import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from prometheus_client.openmetrics.exposition import generate_latest
from tests.support.secrecy import assert_hidden

settings.register_profile("freshet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("freshet")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell without job control starts what it puts behind
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test whose output, log or metrics show a secret has failed, whatever it looked at itself."""
    report = yield
    if report.when == "teardown":
        try:
            for title, text in report.sections:
                assert_hidden(text, where=title)
            if telemetry := sys.modules.get("freshet.runtime.telemetry"):
                assert_hidden(generate_latest(telemetry.REGISTRY).decode(), where="a metric of this process")
        except AssertionError as error:
            report.outcome, report.longrepr = "failed", str(error)
    return report
