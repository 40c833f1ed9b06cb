"""Files whose path DuckDB would take for a glob, or for no text, under a name that is neither.

``b[1].csv`` is what Windows calls a second download, and would be read as ``b1.csv``. In an archive from there names
may be of its code page, and no UTF-8.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from freshet.workloads.growth import Part

__all__ = ["plainly_named"]

_ODD = re.compile(r"[*?\[\udc80-\udcff]")
"""Python has the latter for bytes of a path that are none of its encoding."""


def plainly_named(parts: Sequence[Part], *, folder: Path) -> list[Part]:
    """The parts, by links in ``folder`` where need be: a glob cannot quote every path."""
    return [_linked(part, folder / f"named-{at:05}") for at, part in enumerate(parts)]


def _linked(part: Part, link: Path) -> Part:
    if not _ODD.search(part.path):
        return part
    link.symlink_to(Path(part.path).absolute())
    return replace(part, path=str(link))
