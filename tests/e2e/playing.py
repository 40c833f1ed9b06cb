"""The demo as a person starts it: a command, its output, kubectl by the exports that it prints, and its end."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

import httpx
from tests.support.process import die_with_parent
from tests.support.secrecy import assert_hidden, left_by_pods, remember
from tests.support.waiting import wait_for
from tests.support.witness import Witness

from freshet.local.paths import checkout

__all__ = ["Demo"]

FRESHET = Path(sys.executable).with_name("freshet")
MARK = "FRESHET_E2E_MARK"
END_SECONDS = 60
KUBECTL_SECONDS = 240
LOOK_SECONDS = 0.5


class Demo:
    """``freshet local demo <options> --folder …`` as a process of its own, which a test ends or waits for."""

    def __init__(self, *, folder: Path, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self._mark = uuid.uuid4().hex
        self._output = folder.with_name(f"{folder.name}.out")
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [FRESHET, "local", "demo", *options, f"--folder={folder}"],
                env={**os.environ, "PYTHONUNBUFFERED": "1", MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        kept = folder.with_name(f"{folder.name}.versions")
        self.witness = Witness(kubeconfig=folder / "cluster" / "kubeconfig", kept=kept).start()
        self.exposed = ""
        """What the operator's metrics said last: a demo may end by itself."""
        threading.Thread(target=self._keep_looking, name="metrics", daemon=True).start()

    def _keep_looking(self) -> None:
        while self._process.poll() is None:
            with suppress(OSError, ValueError, httpx.HTTPError):
                url = f"http://127.0.0.1:{int((self.folder / 'operator.port').read_text())}/metrics"
                accept = {"Accept": "application/openmetrics-text"}
                self.exposed = httpx.get(url, trust_env=False, headers=accept).raise_for_status().text
            time.sleep(LOOK_SECONDS)

    def output(self) -> str:
        """All that it printed so far."""
        return self._output.read_text(errors="replace")

    def said(self, text: str, *, timeout: float = 120) -> None:
        """Wait until it has printed that."""

        def found() -> bool:
            assert text in self.output() or self._process.poll() is None, f"It ended:\n{self.output()}"
            return text in self.output()

        wait_for(found, timeout=timeout, what=f"the demo says {text!r}")

    def wait(self, *, timeout: float) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(timeout)

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(END_SECONDS)

    def kill(self) -> None:
        """SIGKILL, for a test that failed half-way and for one that means it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def shell(self, command: str) -> str:
        """A command in a terminal into which the demo's exports were pasted. AssertionError when it fails."""
        exports = re.search(r"export KUBECONFIG=.*", self.output())
        assert exports, self.output()
        done = subprocess.run(
            ["bash", "-ec", f"{exports[0]}\n{command}"],
            capture_output=True,
            text=True,
            timeout=KUBECTL_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}\n{self.output()}"
        return done.stdout.strip()

    def processes(self) -> dict[int, str]:
        """What runs for this demo: processes with its environment's mark, or with its folder in their command."""
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                ours = self._mark.encode() in (entry / "environ").read_bytes() or str(self.folder) in command
                if command and ours:
                    found[int(entry.name)] = command
        return found

    def assert_nothing_shows(self) -> None:
        """No secret in what it printed and logged, in the operator's metrics, in what any object has ever said, nor in
        what the pods printed and left. The stand-ins know theirs.
        """
        self._remember()
        self._assert_nothing_was_told()
        assert_hidden(self.exposed, where="the operator's metrics")
        logs = [self.folder / "logs" / f"{name}.log" for name in ("operator", "node")]
        left = [path for node in self.folder.glob("cluster/node-*") for path in left_by_pods(node)]
        for path in (self._output, *(path for path in (*logs, *left) if path.exists())):
            assert_hidden(path.read_text(errors="replace"), where=str(path.relative_to(self.folder.parent)))

    def _assert_nothing_was_told(self) -> None:
        """By any version of any object; the demo's own token was made while they were written."""
        self.witness.stop()
        assert not self.witness.leaks(), "; ".join(self.witness.leaks())
        if self.witness.kept is not None and self.witness.kept.exists():
            assert_hidden(self.witness.kept.read_text(), where="a version of an object")

    def assert_nothing_tells(self, *, metrics: str) -> None:
        """No secret in any object but Secrets, nor in the metrics at that address, while it runs."""
        assert self._remember(), "the example's Secret is there"
        objects = self.shell("kubectl get -A -o json assets,pipelines,events,cronjobs,jobs,pods")
        assert json.loads(objects)["items"]
        assert_hidden(objects, where="an object")
        assert_hidden(self.shell(f"curl -sf --noproxy '*' {metrics}"), where="a metric")

    def _remember(self) -> int:
        """The token that this demo has made; how many files have it (none before the example is applied)."""
        texts = {file.read_text() for file in self.folder.glob("manifests/overlays/*/secrets.env")}
        made = texts - {file.read_text() for file in checkout().glob("manifests/overlays/*/secrets.env")}
        for text in made:
            remember("the demo's token", text.partition("=")[2].strip())
        return len(made)

    def assert_nothing_runs(self) -> None:
        """A process that was killed needs a moment to go."""
        wait_for(lambda: not self.processes(), timeout=30, what=f"all has ended, but: {self.processes()}")
