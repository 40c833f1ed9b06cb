"""Kubernetes names for dbt nodes: lower case, ``_`` → ``-``, a version ``.v2`` → ``-v2``, at most 63 characters."""

import re
from hashlib import sha256

from freshet.api.names import LIMIT_NAME

__all__ = ["asset_name", "hashed_name"]

OTHER = re.compile(r"[^a-z0-9-]")
MARK = 8


def asset_name(*words: str, unique_id: str) -> str:
    """The Asset's name; what is too long, or has nothing that a name may hold, gets a hash of the unique id."""
    plain = OTHER.sub("-", "-".join(words).lower()).strip("-")
    return plain if 0 < len(plain) <= LIMIT_NAME else hashed_name(plain, unique_id=unique_id)


def hashed_name(name: str, *, unique_id: str) -> str:
    """The name, cut where it must be, with a hash: unlike that of any other node."""
    mark = sha256(unique_id.encode()).hexdigest()[:MARK]
    cut = name[: LIMIT_NAME - MARK - 1].rstrip("-")
    return f"{cut}-{mark}" if cut else f"dbt-{mark}"
