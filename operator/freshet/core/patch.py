"""The JSON merge patch (RFC 7386) that turns one document into another: only what differs is written."""

from typing import Any

__all__ = ["merge_patch"]


def merge_patch(*, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """An empty patch means that nothing differs. Lists are replaced whole; a key that is gone becomes null."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = merge_patch(old=before, new=value)
            if inner:
                patch[key] = inner
        elif value != before or key not in old:
            patch[key] = value
    return patch
