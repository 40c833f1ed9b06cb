"""The operator as its own process, under the ServiceAccount of manifests/base, so that tests may kill -9 it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.support.process import FreshetProcess
from tests.support.secrecy import assert_hidden
from tests.support.waiting import wait_for

__all__ = ["OperatorProcess", "running"]

READY_SECONDS = 60
LOOK_SECONDS = 2
OPENMETRICS = "application/openmetrics-text"


class OperatorProcess(FreshetProcess):
    """``freshet operator``. ``namespaces``: those it watches, all when empty. ``folder``: of its log and port file."""

    def __init__(
        self,
        *,
        kubeconfig: Path,
        folder: Path,
        namespaces: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.exposed: list[str] = []
        self._was_ready = False
        self.port_file = folder / "port"
        watched = [f"--namespace={namespace}" for namespace in namespaces]
        command = ["operator", f"--kubeconfig={kubeconfig}"]
        listening = ["--host=127.0.0.1", "--port=0", f"--port-file={self.port_file}"]
        super().__init__(arguments=[*command, *listening, *watched, *arguments], log_file=folder / "log", env=env)

    def start(self, *, wait: bool = True) -> "OperatorProcess":
        """Start it, also again after ``stop`` or ``kill``; returns when /readyz says so, unless told not to wait."""
        self.port_file.unlink(missing_ok=True)
        self.launch()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, *, timeout: float = READY_SECONDS) -> None:
        """Wait for /readyz; AssertionError with the log when the process ends instead."""
        wait_for(self.ready, timeout=timeout, what=f"the operator is ready\n{self.log()[-4000:]}")
        self._was_ready = True

    def ready(self) -> bool:
        """Whether /readyz answers 200 now."""
        self.assert_running()
        try:
            return self.get("/readyz").status_code == 200
        except (OSError, ValueError, httpx.TransportError):
            return False

    def kill(self) -> int | None:
        """SIGKILL, after a last look at its metrics."""
        self._look()
        return super().kill()

    def stop(self) -> int | None:
        """SIGTERM, after a last look at its metrics."""
        self._look()
        return super().stop()

    def _look(self) -> None:
        """Keep what its metrics say, with the exemplars that only OpenMetrics shows; one that hangs cannot say it."""
        if self.running:
            with suppress(OSError, ValueError, httpx.HTTPError):
                self.exposed.append(self._scrape(accept=OPENMETRICS, timeout=LOOK_SECONDS))

    def _scrape(self, *, accept: str = "text/plain", timeout: float = 30) -> str:
        answer = httpx.get(self.url("/metrics"), timeout=timeout, trust_env=False, headers={"Accept": accept})
        return answer.raise_for_status().text

    def assert_nothing_shows(self) -> None:
        """No secret in its log, nor in its metrics at the end of each of its lives. AssertionError also when it was
        ready and nobody has ever seen them.
        """
        assert_hidden(self.log(), where="the operator's log")
        assert self.exposed or not self._was_ready, "an operator ended and nobody had looked at its metrics"
        for text in self.exposed:
            assert_hidden(text, where="the operator's metrics")

    def url(self, path: str) -> str:
        """Of the operator's own port. OSError or ValueError while that is not known yet."""
        return f"http://127.0.0.1:{int(self.port_file.read_text())}{path}"

    def get(self, path: str) -> httpx.Response:
        """An HTTP answer of the operator's own port. OSError or ValueError while that is not known yet."""
        return httpx.get(self.url(path), timeout=30, trust_env=False)

    def metrics(self) -> str:
        """The whole exposition."""
        text = self._scrape()
        assert_hidden(text, where="the operator's metrics")
        return text

    def sample(self, name: str, **labels: str) -> float | None:
        """The sum of the samples of that name which have these labels, None when there is none."""
        families = text_string_to_metric_families(self.metrics())
        samples = (sample for family in families for sample in family.samples if sample.name == name)
        values = [s.value for s in samples if labels.items() <= s.labels.items()]
        return sum(values) if values else None


@contextmanager
def running(*, kubeconfig: Path, folder: Path, **options: Any) -> Iterator[OperatorProcess]:
    """A ready operator that ends with the block. Its metrics and its log show no secret."""
    process = OperatorProcess(kubeconfig=kubeconfig, folder=folder, **options)
    try:
        yield process.start()
    finally:
        process.kill()
    process.assert_nothing_shows()
