"""Everything that the demo starts, in order, and stops in the opposite one."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from freshet.local.cluster_install import apply_crds, apply_rbac
from freshet.local.controlplane import LocalCluster
from freshet.local.demo.process import DemoError, Program
from freshet.local.paths import checkout

__all__ = ["NAMESPACE", "Stage"]

NAMESPACE = "kaizen-wars"
GROWTH = 25
PATIENCE = 60


class Stage:
    """A context manager: on entry everything runs and the example is applied."""

    def __init__(self, *, folder: Path, binary: Path, say: Callable[[str], None]) -> None:
        self.folder, self._binary, self._say = folder, binary, say
        self.csv = folder / "data" / "raw_fact_virtual.csv"
        self.warehouse = folder / "warehouse" / "kaizen.duckdb"
        self.metrics_url = ""
        self.programs: list[Program] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
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

    def grow(self) -> None:
        """A little more of the game happens: the export is replaced by a longer one."""
        script = checkout() / "data" / "generate.py"
        command = [sys.executable, str(script), "--append", str(GROWTH), "--to", str(self.csv)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"the export could not grow: {done.stderr.strip()}")

    def _data(self) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.csv.parent.mkdir(parents=True)
        self.warehouse.parent.mkdir()
        (self.folder / "logs").mkdir()
        shutil.copy(checkout() / "data" / "raw_fact_virtual.csv", self.csv)
        self.grow()

    def _start(self) -> None:
        self._say("Starting Kubernetes")
        cluster = LocalCluster.start(folder=self.folder / "cluster", binary=self._binary)
        self.cluster = self._stack.enter_context(cluster)
        self._say("Installing freshet and its permissions")
        apply_crds(self.cluster)
        kubeconfig = apply_rbac(self.cluster)
        self._say("Starting the node, dbt Cloud's stand-in and the operator")
        token = secrets.token_hex(16)
        self._node()
        host = self._dbt_cloud(token)
        self._operator(kubeconfig)
        self._say("Applying manifests/examples/kaizen-wars")
        self._apply(host=host, token=token)

    def _run(self, name: str, arguments: list[str], *, env: dict[str, str] | None = None) -> Program:
        program = Program(name=name, arguments=arguments, log=self.folder / "logs" / f"{name}.log", env=env)
        self._stack.callback(program.stop)
        self.programs.append(program)
        return program

    def _node(self) -> None:
        ready = self.folder / "node.ready"
        arguments = ["local", "node", f"--kubeconfig={self.cluster.kubeconfig}", f"--ready-file={ready}"]
        program = self._run("node", [*arguments, "--die-with-parent"])
        _wait_for_file(ready, program)

    def _dbt_cloud(self, token: str) -> str:
        port = self.folder / "dbt-cloud.port"
        arguments = ["local", "dbt-cloud", "--port=0", f"--port-file={port}", f"--state={self.folder / 'dbt-cloud'}"]
        arguments += [f"--project={checkout() / 'data' / 'dbt'}", f"--warehouse-path={self.warehouse}"]
        program = self._run("dbt-cloud", [*arguments, f"--token={token}", "--die-with-parent"])
        return f"http://127.0.0.1:{_wait_for_file(port, program)}"

    def _operator(self, kubeconfig: Path) -> None:
        port = self.folder / "operator.port"
        arguments = ["operator", f"--kubeconfig={kubeconfig}", "--port=0", f"--port-file={port}"]
        program = self._run("operator", arguments, env={"FRESHET_DBT_POLL_FAST": "0.5"})
        self.metrics_url = f"http://127.0.0.1:{_wait_for_file(port, program)}/metrics"

    def _apply(self, *, host: str, token: str) -> None:
        """The example as it is; the overlay's two files say what differs on this machine (manifests/overlays/local)."""
        manifests = self.folder / "manifests"
        shutil.copytree(checkout() / "manifests", manifests)
        overlay = manifests / "overlays" / "local"
        lines = {"DBT_CLOUD_HOST": host, "DATA_FOLDER": self.csv.parent, "WAREHOUSE_FOLDER": self.warehouse.parent}
        (overlay / "local.env").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        (overlay / "secrets.env").write_text(f"token={token}\n")
        os.chmod(overlay / "secrets.env", 0o600)
        self.cluster.kubectl("create", "namespace", NAMESPACE)
        self.cluster.kubectl("apply", f"--namespace={NAMESPACE}", f"--kustomize={overlay}")


def _wait_for_file(path: Path, program: Program) -> str:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        program.check()
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.02)
    raise DemoError(f"{program.name} did not come up within {PATIENCE} s (log: {program.log})")
