"""Debian's Prometheus: its linter and tests of rules (promtool), and a server that scrapes for real."""

import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.support.debian import install
from tests.support.process import die_with_parent
from tests.support.waiting import wait_for

__all__ = ["PrometheusServer", "promtool", "require_prometheus"]

START_SECONDS = 60


def require_prometheus() -> None:
    """Install Debian's package where it is missing."""
    install("prometheus", found=lambda: shutil.which("promtool") and shutil.which("prometheus"))


def promtool(*arguments: str | Path, input: str | None = None) -> str:
    """What promtool prints. AssertionError when it finds fault."""
    require_prometheus()
    done = subprocess.run(["promtool", *arguments], input=input, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


class PrometheusServer:
    """``prometheus`` with a configuration, its data in ``folder``, until ``stop``.

    ``history``: samples with their times, in OpenMetrics, that it has as if it had run before.
    """

    def __init__(self, *, folder: Path, config: dict[str, Any], history: str = "") -> None:
        require_prometheus()
        folder.mkdir(parents=True)
        path, self._log = folder / "prometheus.yaml", folder / "log"
        path.write_text(yaml.safe_dump(config))
        if history:
            (folder / "history").write_text(f"{history}# EOF\n")
            promtool("tsdb", "create-blocks-from", "openmetrics", folder / "history", folder / "data")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        options = [f"--config.file={path}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["prometheus", *options, "--enable-feature=exemplar-storage"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        self._http = httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=30)
        wait_for(self._ready, timeout=START_SECONDS, what="Prometheus is ready")

    def query(self, expression: str, *, at: float | None = None) -> list[dict[str, Any]]:
        """The samples of an instant query: ``[{metric, value}]``; ``at``: what its ``time()`` is, now by default."""
        given = {"time": at} if at is not None else {}
        found: list[dict[str, Any]] = self.api("query", query=expression, **given)["result"]
        return found

    def api(self, path: str, **query: Any) -> Any:
        """The data of an answer. AssertionError with Prometheus' words when it refuses."""
        answer = self._http.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, f"{query}: {answer.text}"
        return answer.json()["data"]

    def wait(self, expression: str, holds: Callable[[list[dict[str, Any]]], Any] = bool, *, timeout: float = 60) -> Any:
        """The samples once they hold."""

        def look() -> Any:
            found = self.query(expression)
            return found if holds(found) else None

        return wait_for(look, timeout=timeout, what=f"{expression} in Prometheus: {self.query(expression)[:5]}")

    def stop(self) -> None:
        """End it."""
        self._http.close()
        self._process.terminate()
        self._process.wait(30)

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text(errors="replace")
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False
