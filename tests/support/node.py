"""The node agent as its own process."""

from pathlib import Path

from tests.support.process import FreshetProcess
from tests.support.waiting import wait_for

__all__ = ["NodeProcess"]

READY_SECONDS = 60


class NodeProcess(FreshetProcess):
    """``freshet local node``, which dies with the tests."""

    def __init__(self, *, kubeconfig: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ready_file = folder / "ready"
        options = [f"--kubeconfig={kubeconfig}", f"--ready-file={self.ready_file}", "--die-with-parent"]
        super().__init__(arguments=["local", "node", *options], log_file=folder / "log")

    def start(self) -> "NodeProcess":
        """Start it and return when it says that its Node is registered."""
        self.ready_file.unlink(missing_ok=True)
        self.launch()
        wait_for(self._ready, timeout=READY_SECONDS, what="the node agent is ready")
        return self

    def _ready(self) -> bool:
        self.assert_running()
        return self.ready_file.exists()
