"""Names that follow from what they name, so that doing a thing twice is doing it once."""

import hashlib
from typing import Any

import msgspec

from freshet.api.names import LIMIT_NAME

__all__ = ["digest", "job_name"]


def digest(*parts: Any, length: int = 10) -> str:
    """A short, stable hash over JSON data; lower-case letters and digits only."""
    data = msgspec.json.encode(parts, order="sorted")
    return hashlib.sha256(data).hexdigest()[:length]


def job_name(*, asset: str, identity: str, attempt: int) -> str:
    """``<asset, cut>-<hash>-<attempt>``, at most 63 characters (a pod's hostname and label values end there).

    The last run's id is part of ``identity``: a launch after a recorded run never meets an older Job's name, while
    one that is repeated after a crash does, and is answered 409.
    """
    suffix = f"-{identity}-{attempt}"
    return asset[: LIMIT_NAME - len(suffix)].rstrip("-") + suffix
