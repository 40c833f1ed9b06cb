"""Which Assets of vanished models to delete: only what two manifests in a row do not have. Pure.

One manifest may lack a model for a reason that passes: a branch, a disabled package, a half parsed project.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Pruning", "prune"]


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """`delete` now; `missing`: Asset → mark of the manifest that it was first missing from, to be remembered."""

    delete: tuple[str, ...]
    missing: Mapping[str, str]


def prune(
    *,
    existing: Iterable[str],
    desired: Iterable[str],
    missing: Mapping[str, str],
    manifest: str,
    kept: Iterable[str] = (),
) -> Pruning:
    """Compare what discovery made before with what it would make now.

    `existing`: Assets that this Pipeline's discovery owns. `manifest` names the one just read (its ``generated_at``):
    the same one read twice counts once. `kept`: those that a person keeps (``freshet.dev/prune: disabled``).
    """
    gone = sorted(set(existing) - set(desired) - set(kept))
    twice = [name for name in gone if name in missing and missing[name] != manifest]
    once = {name: missing.get(name, manifest) for name in gone if name not in twice}
    return Pruning(delete=tuple(twice), missing=once)
