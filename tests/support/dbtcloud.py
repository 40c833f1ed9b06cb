"""The dbt Cloud stand-in as a process of its own, on a free port, for tests of any kind."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
from tests.support.process import FreshetProcess
from tests.support.secrecy import DBT_CLOUD_TOKEN

__all__ = ["DbtCloudStandIn"]

T = TypeVar("T")

PROJECT = Path(__file__).parents[2] / "data" / "dbt"
START_SECONDS = 60.0
RUN_SECONDS = 120.0


class DbtCloudStandIn:
    """``freshet local dbt-cloud`` below `folder`: starts when it is made, ends by :meth:`stop` or with its ``with``.

    With ``executor="scripted"`` runs are made up from `graph` (``freshet.local.dbtcloud.graph`` says what it holds) and
    take milliseconds; with ``"dbt"`` they are real dbt in `project` on `warehouse`.
    """

    def __init__(
        self,
        *,
        folder: Path,
        executor: Literal["dbt", "scripted"] = "dbt",
        graph: dict[str, Any] | None = None,
        project: Path = PROJECT,
        warehouse: Path | None = None,
        token: str = DBT_CLOUD_TOKEN,
        account: int = 1,
        job: int = 1,
        options: tuple[str, ...] = (),
    ) -> None:
        self.folder, self.token, self.account, self.job = folder, token, account, job
        self.warehouse = warehouse or folder / "warehouse.duckdb"
        folder.mkdir(parents=True, exist_ok=True)
        arguments = ["--state", folder / "state", "--token", token, "--account", account, "--job", job]
        arguments += ["--executor", executor, "--port-file", folder / "port", "--die-with-parent", *options]
        if executor == "dbt":
            arguments += ["--project", project, "--warehouse-path", self.warehouse]
        elif graph is not None:
            (folder / "graph.json").write_text(json.dumps(graph))
            arguments += ["--graph", folder / "graph.json"]
        command = ["local", "dbt-cloud", *(str(argument) for argument in arguments)]
        self.process = FreshetProcess(arguments=command, log_file=folder / "stand-in.log")
        self._port = 0
        self._start()

    def _start(self) -> None:
        (self.folder / "port").unlink(missing_ok=True)
        self.process.launch("--port", str(self._port))
        deadline = time.monotonic() + START_SECONDS
        while not (self.folder / "port").exists():
            self.process.assert_running()
            assert time.monotonic() < deadline, f"The stand-in did not start:\n{self.log()}"
            time.sleep(0.02)
        self._port = int((self.folder / "port").read_text())
        self._client = httpx.Client(base_url=self.url, headers={"Authorization": f"Token {self.token}"}, timeout=30.0)

    @property
    def url(self) -> str:
        """What ``dbtCloud.host`` of a Pipeline is set to; the same after :meth:`restart`."""
        return f"http://127.0.0.1:{self._port}"

    def log(self) -> str:
        """What the process wrote."""
        return self.process.log()

    def stop(self) -> None:
        """End it as a person would; nothing is left running."""
        self._client.close()
        self.process.stop()

    def kill(self) -> None:
        """End it as an outage would."""
        self._client.close()
        self.process.kill()

    def restart(self) -> None:
        """Start again on the same port with the same state, after :meth:`stop` or :meth:`kill`."""
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request with the token, its status unchecked."""
        return self._client.request(method, path, **options)

    def api(self, method: str, path: str, **options: Any) -> Any:
        """``data`` of a request below the account, as a client would send it. Raises httpx.HTTPStatusError."""
        return self._data(method, f"/api/v2/accounts/{self.account}{path}", **options)

    def trigger(self, *, cause: str = "test", job: int | None = None, **fields: Any) -> dict[str, Any]:
        """Trigger a run; the run comes back."""
        return dict(self.api("POST", f"/jobs/{job or self.job}/run/", json={"cause": cause, **fields}))

    def wait(self, run_id: int, *, seconds: float = RUN_SECONDS) -> dict[str, Any]:
        """The run when it has ended, looked up past all faults and without a trace in :meth:`requests`."""

        def ended() -> dict[str, Any] | None:
            run = self._data("GET", "/_runs", params={"id": run_id})[0]
            return dict(run) if run["is_complete"] else None

        return self.until(ended, seconds)

    def until(self, look: Callable[[], T | None], seconds: float = RUN_SECONDS) -> T:
        """The first truthy answer of `look`. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := look():
                return answer
            time.sleep(0.02)
        raise TimeoutError(f"It did not come about in {seconds:g} s. The stand-in's log:\n{self.log()[-4000:]}")

    def faults(self, rules: list[dict[str, Any]]) -> None:
        """Add rules (``freshet.local.dbtcloud.faults`` says which there are)."""
        self._data("POST", "/_faults", json=rules)

    def clear_faults(self) -> None:
        """Be well again."""
        self._data("DELETE", "/_faults")

    def requests(self, *, method: str | None = None, path: str = "") -> list[dict[str, Any]]:
        """The requests so far whose path contains `path`, oldest first."""
        found = self._data("GET", "/_requests")
        return [entry for entry in found if method in {None, entry["method"]} and path in entry["path"]]

    def forget_requests(self) -> None:
        """Count from here."""
        self._data("DELETE", "/_requests")

    def runs(self) -> list[dict[str, Any]]:
        """Every run, the truth without lag or faults, oldest first, with trigger, job and steps (without logs)."""
        return list(self._data("GET", "/_runs"))

    def start_foreign(
        self, *, override: dict[str, Any] | None = None, job: int | None = None, **trigger: Any
    ) -> dict[str, Any]:
        """A run that somebody else starts: any field of a trigger, ``cause_category`` too."""
        trigger = {"cause": "scheduled", "cause_category": "scheduled", **trigger}
        order = {"trigger": trigger, "job_id": job or self.job, "override": override or {}}
        return dict(self._data("POST", "/_runs", json=order))

    def put_job(self, **fields: Any) -> dict[str, Any]:
        """Make a job, or change fields of one (``id`` names it)."""
        return dict(self._data("POST", "/_jobs", json=fields))

    def put_environment(self, **fields: Any) -> dict[str, Any]:
        """Make or replace an environment."""
        return dict(self._data("POST", "/_environments", json=fields))

    def graph(self, graph: dict[str, Any]) -> None:
        """Let the scripted executor build another graph from now on."""
        self._data("POST", "/_graph", json=graph)

    def webhook(self, *, url: str, secret: str, **options: Any) -> None:
        """Send events of runs to `url`, signed with `secret`."""
        self._data("POST", "/_webhooks", json={"url": url, "secret": secret, **options})

    def deliveries(self) -> list[dict[str, Any]]:
        """Every attempt to deliver a webhook."""
        return list(self._data("GET", "/_webhooks"))

    def _data(self, method: str, path: str, **options: Any) -> Any:
        response = self._client.request(method, path, **options)
        response.raise_for_status()
        return response.json()["data"]
