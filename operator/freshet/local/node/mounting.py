"""Fill a pod's volumes, again and again until it works, and keep their contents fresh."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from freshet.local.node.host import Host, PodFolder
from freshet.local.node.kube import Json, KubeError
from freshet.local.node.payload import TokenRequest, VolumeError, token_requests
from freshet.local.node.sources import Sources, fetch, references
from freshet.local.node.volumes import is_refreshed, prepare

__all__ = ["PodVolumes"]

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
REFRESH_SECONDS = 60.0
TOKEN_SHARE = 0.8
"""A token is renewed after this share of its life, as by the kubelet."""


@dataclass(kw_only=True)
class PodVolumes:
    """The volumes of one pod."""

    host: Host
    pod: Json
    folder: PodFolder
    places: dict[str, Path] = field(default_factory=dict)
    _tokens: dict[TokenRequest, tuple[str, datetime]] = field(default_factory=dict)

    async def sources(self) -> Sources:
        """What the pod refers to, as it is now. Raises ``KubeError``."""
        namespace = self.pod["metadata"]["namespace"]
        return await fetch(self.host.kube, namespace=namespace, wanted=references(self.pod))

    async def mount(self) -> Sources:
        """Return once all volumes are there, with what was read for them; says each time what is missing."""
        pause = FIRST_PAUSE
        while True:
            try:
                sources = await self.sources()
                await self._fill(sources)
                return sources
            except (VolumeError, KubeError) as error:
                self.host.events.warning(self.pod, "FailedMount", f"MountVolume.SetUp failed: {error}")
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def refresh(self) -> None:
        """Follow changes of ConfigMaps, Secrets and tokens, until cancelled."""
        while is_refreshed(self.pod):
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self._fill(await self.sources())
            except (VolumeError, KubeError) as error:
                self.host.events.warning(self.pod, "FailedMount", f"MountVolume.SetUp failed: {error}")

    async def _fill(self, sources: Sources) -> None:
        tokens = await self._current_tokens()
        self.places = prepare(
            pod=self.pod,
            folder=self.folder.volumes,
            sources=sources,
            tokens=tokens,
            allocatable=self.host.allocatable,
        )

    async def _current_tokens(self) -> Mapping[TokenRequest, str]:
        now = self.host.clock()
        for request in token_requests(self.pod):
            if request not in self._tokens or now >= self._tokens[request][1]:
                token = await self._request(request)
                renew = now + timedelta(seconds=request.seconds * TOKEN_SHARE)
                self._tokens[request] = (token, renew)
        return {request: token for request, (token, _) in self._tokens.items()}

    async def _request(self, request: TokenRequest) -> str:
        metadata = self.pod["metadata"]
        account = self.pod["spec"].get("serviceAccountName") or "default"
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Json = {"expirationSeconds": request.seconds, "boundObjectRef": bound}
        if request.audience:
            spec["audiences"] = [request.audience]
        answer = await self.host.kube.post(
            path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        )
        return str(answer["status"]["token"])
