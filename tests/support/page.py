"""An operator that serves the lineage page."""

from collections.abc import Sequence

from freshet.local.build_progress import progress_bar
from freshet.local.build_ui import build_ui

__all__ = ["with_page"]


def with_page(*arguments: str) -> Sequence[str]:
    """Arguments of the operator by which it serves the page, which is built if need be, and further ones."""
    with progress_bar() as progress:
        return [f"--ui={build_ui(progress=progress)}", *arguments]
