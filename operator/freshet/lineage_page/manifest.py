"""The manifest of an asset as a person would write it down, read live since the cache keeps only what decisions need.

Values of environment variables are left out: whoever put a password there must not find it on a page.
"""

import asyncio
from collections import OrderedDict
from typing import Any

import yaml

from freshet.api.asset import Asset
from freshet.api.names import API_VERSION
from freshet.runtime.kube import Kube

__all__ = ["Manifests", "as_text", "shown"]

HIDDEN = "(not shown here)"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
KEPT = 64
AT_ONCE = 4


class Manifests:
    """Reads each state of an asset once, however many ask for it, and few at a time."""

    def __init__(self, *, kube: Kube) -> None:
        self._kube = kube
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def text(self, asset: Asset) -> str | None:
        """YAML; None where the asset is gone. Raises what Kube.get raises."""
        state = (asset.metadata.uid, asset.metadata.resource_version)
        async with self._turns:
            if state not in self._known:
                raw = await self._kube.get("Asset", namespace=asset.namespace, name=asset.name)
                if raw is None:
                    return None
                self._keep(state, as_text(shown(raw)))
        return self._known[state]

    def _keep(self, state: tuple[str, str], text: str) -> None:
        self._known[state] = text
        if len(self._known) > KEPT:
            self._known.popitem(last=False)


def shown(raw: dict[str, Any]) -> dict[str, Any]:
    """The object without what machines keep in it, and without literal values of environment variables."""
    metadata = {key: value for key, value in raw.get("metadata", {}).items() if key != "managedFields"}
    notes = {key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key != LAST_APPLIED}
    if notes:
        metadata["annotations"] = notes
    rest = {key: value for key, value in raw.items() if key not in ("apiVersion", "kind", "metadata")}
    return {
        "apiVersion": raw.get("apiVersion", API_VERSION),
        "kind": raw.get("kind", "Asset"),
        "metadata": metadata,
        **{key: _without_values(value) for key, value in rest.items()},
    }


def as_text(manifest: dict[str, Any]) -> str:
    """YAML in the order of the API."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(manifest, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def _without_values(value: Any, *, within: str = "") -> Any:
    if isinstance(value, list):
        return [_without_values(item, within=within) for item in value]
    if not isinstance(value, dict):
        return value
    hidden = within == "env" and "value" in value
    return {
        key: HIDDEN if hidden and key == "value" else _without_values(item, within=key) for key, item in value.items()
    }
