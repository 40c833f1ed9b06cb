"""Where things lie on a laptop: caches outside the checkout, sources inside it.

Caches live below ``$FRESHET_CACHE``, else ``$XDG_CACHE_HOME/freshet``, else ``~/.cache/freshet``, so that a fresh
clone finds the control plane which an older one built.
"""

import os
from pathlib import Path

__all__ = ["cache_folder", "checkout", "clusters_folder", "controlplane_cache", "ui_cache", "write_private"]


def cache_folder() -> Path:
    """The folder of everything that can be made again."""
    if given := os.environ.get("FRESHET_CACHE"):
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "freshet"


def controlplane_cache() -> Path:
    """The folder that holds one folder per built control plane, and Go where the system has none."""
    return cache_folder() / "controlplane"


def ui_cache() -> Path:
    """The folder that holds one folder per built lineage page, and Node where the system has none."""
    return cache_folder() / "ui"


def clusters_folder() -> Path:
    """The folder that holds the named clusters of ``freshet local up``."""
    return cache_folder() / "clusters"


def checkout() -> Path:
    """The repository: ``controlplane/``, ``crds/``, ``manifests/`` and ``data/`` lie in it.

    The package is installed editable from there; ``FRESHET_CHECKOUT`` names it where it is not.
    """
    if given := os.environ.get("FRESHET_CHECKOUT"):
        return Path(given).expanduser().absolute()
    return Path(__file__).resolve().parents[3]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    partial.rename(path)
