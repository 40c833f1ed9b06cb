"""An operator that serves the lineage page."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.operator import OperatorProcess, running

from freshet.local.build_progress import progress_bar
from freshet.local.build_ui import build_ui

__all__ = ["serving", "with_page"]


def serving(namespace: str, *arguments: str, kubeconfig: Path, folder: Path) -> AbstractContextManager[OperatorProcess]:
    """One of that namespace alone, with the page."""
    return running(kubeconfig=kubeconfig, folder=folder, namespaces=[namespace], arguments=with_page(*arguments))


def with_page(*arguments: str) -> Sequence[str]:
    """Arguments of the operator by which it serves the page, which is built if need be, and further ones."""
    with progress_bar() as progress:
        return [f"--ui={build_ui(progress=progress)}", *arguments]
