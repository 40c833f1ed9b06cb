"""Which models become Assets, and what they read, ephemeral models seen through. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from freshet.api.pipeline import Discovery
from freshet.dbtcloud.project import Exposure, Manifest, Model

__all__ = ["Chosen"]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Ephemeral models have no table: what they read is read by those who name them."""

    manifest: Manifest
    settings: Discovery

    @cached_property
    def models(self) -> dict[str, Model]:
        """What becomes a DbtCloud Asset."""
        models = self.manifest.models.items()
        return {key: model for key, model in models if _is_selected(model, self.settings)}

    @cached_property
    def exposures(self) -> dict[str, list[Exposure]]:
        """Unique id → the exposures that depend on it."""
        found: dict[str, list[Exposure]] = {}
        for exposure in self.manifest.exposures:
            for unique_id in self._through(exposure.upstreams):
                found.setdefault(unique_id, []).append(exposure)
        return found

    @cached_property
    def upstreams(self) -> dict[str, tuple[str, ...]]:
        """Per selected model, the unique ids that it reads, ephemeral models seen through."""
        return {key: tuple(self._through(model.upstreams)) for key, model in self.models.items()}

    @cached_property
    def read(self) -> frozenset[str]:
        """All that one of them reads."""
        return frozenset(unique_id for upstreams in self.upstreams.values() for unique_id in upstreams)

    def _through(self, unique_ids: Iterable[str]) -> list[str]:
        """Tables behind these ids: ephemeral models replaced by what they read; each once, sorted."""
        found: set[str] = set()
        seen: set[str] = set()
        queue = list(unique_ids)
        while queue:
            unique_id = queue.pop()
            if unique_id in seen:
                continue
            seen.add(unique_id)
            model = self.manifest.models.get(unique_id)
            if model is not None and model.ephemeral:
                queue.extend(model.upstreams)
            elif unique_id.partition(".")[0] in ("model", "seed", "snapshot", "source"):
                found.add(unique_id)
        return sorted(found)


def _is_selected(model: Model, settings: Discovery) -> bool:
    """It has a table, this project builds it, and it fits every list that is given."""
    if model.ephemeral or model.foreign:
        return False
    tags, paths, packages = (settings.select.get(name) or () for name in ("tags", "paths", "packages"))
    below = any(model.path == path or model.path.startswith(f"{path.rstrip('/')}/") for path in paths)
    return (
        (not tags or not set(tags).isdisjoint(model.tags))
        and (not paths or below)
        and (not packages or model.package in packages)
    )
