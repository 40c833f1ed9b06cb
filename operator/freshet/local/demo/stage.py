"""Everything that the demo starts, in order, and stops in the opposite one."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from freshet.local.cluster import free_port
from freshet.local.cluster_install import NAMESPACE as OPERATOR_NAMESPACE
from freshet.local.cluster_install import apply_crds, apply_rbac
from freshet.local.controlplane import LocalCluster
from freshet.local.demo.folder import claim
from freshet.local.demo.process import DemoError, Program
from freshet.local.demo.steps import Step
from freshet.local.paths import checkout

__all__ = ["NAMESPACE", "Stage"]

NAMESPACE = "kaizen-wars"
ASSETS = f"/apis/freshet.dev/v1alpha1/namespaces/{NAMESPACE}/assets"
GROWTH = 25
TRIES = 6
PATIENCE = 90


class Stage:
    """A context manager: on entry everything runs and the example is applied."""

    def __init__(
        self, *, folder: Path, binary: Path, step: Step, page: Path | None = None, databricks: bool = False
    ) -> None:
        self.folder, self._binary, self._step, self._page = folder, binary, step, page
        self._on_databricks = databricks
        self.csv = folder / "data" / "raw_fact_virtual.csv"
        self.warehouse = folder / "warehouse" / "kaizen.duckdb"
        self.metrics_url = self.page_url = ""
        self.programs: list[Program] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(claim(self.folder))
            self._data()
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def tools(self) -> Path:
        """The folder that holds kubectl."""
        return self._binary.parent

    def check(self) -> None:
        """Raises DemoError or ClusterError when something that should run does not."""
        for program in self.programs:
            program.check()
        self.cluster.check()

    def assets(self) -> list[dict[str, Any]]:
        """The example's Assets as they are now, also where a busy machine takes its time. Raises DemoError."""
        for left in reversed(range(TRIES)):
            try:
                response = self.cluster.http.get(ASSETS).raise_for_status()
                break
            except httpx.HTTPError as error:
                if not left or not isinstance(error, httpx.TimeoutException):
                    raise DemoError(f"the API server of the demo does not answer: {error}") from error
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    def grow(self) -> None:
        """A little more of the game happens: the export is replaced by a longer one."""
        script = checkout() / "data" / "generate.py"
        command = [sys.executable, str(script), "--append", str(GROWTH), "--to", str(self.csv)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"the export could not grow: {done.stderr.strip()}")

    def _data(self) -> None:
        self.csv.parent.mkdir()
        self.warehouse.parent.mkdir()
        (self.folder / "logs").mkdir()
        shutil.copy(checkout() / "data" / "raw_fact_virtual.csv", self.csv)
        self.grow()

    def _start(self) -> None:
        """What takes long to wake is called first and waited for last."""
        token = secrets.token_hex(16)
        dbt_cloud, dbt_port = self._dbt_cloud(token)
        databricks = self._databricks(token) if self._on_databricks else None
        with self._step("Kubernetes: etcd, the API server and the controller manager"):
            cluster = LocalCluster.start(folder=self.folder / "cluster", binary=self._binary)
            self.cluster = self._stack.enter_context(cluster)
        with self._step("freshet's resources and permissions, from crds/ and manifests/base"):
            kubeconfig = self._install()
        with self._step("The node and the operator"):
            self._node_and_operator(kubeconfig)
        with self._step("dbt Cloud's stand-in"):
            host = f"http://127.0.0.1:{_wait_for_file(dbt_port, dbt_cloud)}"
        warehouse = None
        if databricks is not None:
            with self._step("Databricks' stand-in"):
                warehouse = f"http://127.0.0.1:{_wait_for_file(databricks[1], databricks[0])}"
        with self._step("The example, from manifests/examples/kaizen-wars"):
            self._apply(host=host, token=token, databricks=warehouse)

    def _install(self) -> Path:
        """Returns the operator's kubeconfig."""
        apply_crds(self.cluster)
        return apply_rbac(self.cluster)

    def _run(self, name: str, arguments: list[str], *, env: dict[str, str] | None = None) -> Program:
        program = Program(name=name, arguments=arguments, log=self.folder / "logs" / f"{name}.log", env=env)
        self._stack.callback(program.stop)
        self.programs.append(program)
        return program

    def _dbt_cloud(self, token: str) -> tuple[Program, Path]:
        port = self.folder / "dbt-cloud.port"
        arguments = ["local", "dbt-cloud", "--port=0", f"--port-file={port}", f"--state={self.folder / 'dbt-cloud'}"]
        arguments += [f"--project={checkout() / 'data' / 'dbt'}", f"--warehouse-path={self.warehouse}"]
        return self._run("dbt-cloud", [*arguments, f"--token={token}", "--die-with-parent"]), port

    def _databricks(self, token: str) -> tuple[Program, Path]:
        """On the file that dbt's stand-in builds in, as one warehouse would be both."""
        port = self.folder / "databricks.port"
        arguments = ["local", "databricks", "--port=0", f"--port-file={port}", f"--state={self.folder / 'databricks'}"]
        arguments += [f"--warehouse-path={self.warehouse}", f"--token={token}", "--die-with-parent"]
        return self._run("databricks", arguments), port

    def _node_and_operator(self, kubeconfig: Path) -> None:
        ready, port = self.folder / "node.ready", self.folder / "operator.port"
        arguments = ["local", "node", f"--kubeconfig={self.cluster.kubeconfig}", f"--ready-file={ready}"]
        node = self._run("node", [*arguments, "--die-with-parent"])
        arguments = ["operator", f"--kubeconfig={kubeconfig}", "--host=127.0.0.1", f"--port={free_port()}"]
        arguments += [f"--port-file={port}", *([f"--ui={self._page}"] if self._page else [])]
        env = {"FRESHET_DBT_POLL_FAST": "0.5", "POD_NAMESPACE": OPERATOR_NAMESPACE, "POD_NAME": "demo"}
        operator = self._run("operator", arguments, env=env)
        _wait_for_file(ready, node)
        address = f"http://127.0.0.1:{_wait_for_file(port, operator)}"
        self.metrics_url, self.page_url = f"{address}/metrics", f"{address}/lineage/" if self._page else ""

    def _apply(self, *, host: str, token: str, databricks: str | None) -> None:
        """The example as it is; the overlay's .env files say what differs on this machine (manifests/overlays)."""
        manifests = self.folder / "manifests"
        shutil.copytree(checkout() / "manifests", manifests)
        overlay = manifests / "overlays" / ("local-databricks" if databricks else "local")
        lines = {"DBT_CLOUD_HOST": host, "DATA_FOLDER": self.csv.parent}
        if databricks:
            access = {"host": databricks, "httpPath": "/sql/1.0/warehouses/standin", "token": token}
            _write_env(overlay / "databricks.env", access)
        else:
            lines["WAREHOUSE_FOLDER"] = self.warehouse.parent
        _write_env(overlay / "local.env", lines)
        _write_env(overlay / "secrets.env", {"token": token})
        self.cluster.kubectl("create", "namespace", NAMESPACE)
        self.cluster.kubectl("apply", f"--namespace={NAMESPACE}", f"--kustomize={overlay}")


def _write_env(path: Path, values: Mapping[str, object]) -> None:
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    os.chmod(path, 0o600)


def _wait_for_file(path: Path, program: Program) -> str:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        program.check()
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.02)
    raise DemoError(f"{program.name} did not come up within {PATIENCE} s (log: {program.log})")
