"""Sees every version of what anybody may read, as the API server hands it out, and looks for secrets in each.

A status may be overwritten, or an Event deleted, a moment after it was written: who looks when a test ends does not see
it. One thread watches all kinds of a whole cluster; what it could not see is a failure as well.
"""

import asyncio
import base64
import json
import ssl
import threading
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
import yaml
from tests.support.kube import GROUPS
from tests.support.secrecy import KNOWN, Secrets
from tests.support.waiting import wait_for

__all__ = ["KINDS", "Witness"]

KINDS = ("assets", "pipelines", "events", "jobs", "cronjobs", "pods")
PAUSE = 0.1
"""Before the next try, where there is no API server yet, or no such kind."""
PATIENCE = 60


class Metadata(msgspec.Struct, rename="camel"):
    """Where and which."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class Object(msgspec.Struct):
    """All that need be read of it."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)


class Event(msgspec.Struct):
    """A line of a watch."""

    type: str
    object: Object


class Witness:
    """Watches from :meth:`start` on. ``kept``: a file for all that was seen, where secrets become known later only."""

    def __init__(self, *, kubeconfig: Path, secrets: Secrets = KNOWN, kept: Path | None = None) -> None:
        self._kubeconfig, self._secrets, self.kept = kubeconfig, secrets, kept
        self.versions: dict[str, int] = dict.fromkeys(KINDS, 0)
        """How many were seen, of each kind."""
        self._reached: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._since: dict[str, str] = {}
        self._leaks: dict[str, list[str]] = defaultdict(list)
        self._open: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None]
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)

    def start(self) -> Self:
        """From now on; also before there is an API server."""
        self._task = self._loop.create_task(self._watch_all())
        self._thread.start()
        return self

    def stop(self) -> None:
        """At once when called again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_watching(self) -> None:
        """Return when nothing is missed any more."""
        wait_for(lambda: self._open.issuperset(KINDS), timeout=PATIENCE, what="all kinds are watched")

    def leaks(self, namespace: str = "") -> list[str]:
        """What shows so far, there or anywhere; and what could not be seen."""
        found = self._leaks if not namespace else {"": self._leaks[""], namespace: self._leaks[namespace]}
        return [leak for leaks in list(found.values()) for leak in leaks]

    def assert_nothing_shows(self, http: httpx.Client, namespace: str) -> None:
        """No version of an object there, up to now, has shown a secret. ``http``: to look how far now is."""
        for kind in KINDS:
            path = f"{GROUPS.get(kind, '/api/v1')}/namespaces/{namespace}/{kind}"
            items = http.get(path).raise_for_status().json()["items"]
            newest = max((int(item["metadata"]["resourceVersion"]) for item in items), default=0)
            self._wait_until(kind, newest)
        assert not self.leaks(namespace), "; ".join(self.leaks(namespace))

    def _wait_until(self, kind: str, version: int) -> None:
        wait_for(lambda: self._reached[kind] >= version, timeout=PATIENCE, what=f"all {kind} are seen")

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def _watch_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._watch(kind))

    async def _watch(self, kind: str) -> None:
        """As long as it is asked to; a connection that breaks is taken up where it broke."""
        while True:
            try:
                async with _client(self._kubeconfig) as client:
                    while True:
                        if kind not in self._since:
                            await self._list(client, kind)
                        await self._follow(client, kind)
            except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError, httpx.HTTPError):
                await asyncio.sleep(PAUSE)

    async def _list(self, client: httpx.AsyncClient, kind: str) -> None:
        answer = (await client.get(f"{GROUPS.get(kind, '/api/v1')}/{kind}")).raise_for_status().json()
        for item in answer["items"]:
            meta = msgspec.convert(item["metadata"], Metadata)
            self._look(kind, msgspec.json.encode(item), meta)
        self._since[kind] = answer["metadata"]["resourceVersion"]
        self._reached[kind] = max(self._reached[kind], int(self._since[kind]))

    async def _follow(self, client: httpx.AsyncClient, kind: str) -> None:
        query = {"watch": "1", "resourceVersion": self._since[kind], "allowWatchBookmarks": "true"}
        async with client.stream("GET", f"{GROUPS.get(kind, '/api/v1')}/{kind}", params=query) as answer:
            if answer.status_code == 410:
                self._missed(kind)
                return
            answer.raise_for_status()
            self._open.add(kind)
            async for line in _lines(answer):
                event = msgspec.json.decode(line, type=Event)
                if event.type == "ERROR":
                    self._missed(kind)
                    return
                self._take(kind, line, event)

    def _take(self, kind: str, line: bytes, event: Event) -> None:
        meta = event.object.metadata
        if event.type != "BOOKMARK":
            self._look(kind, line, meta)
        self._since[kind], self._reached[kind] = meta.resource_version, int(meta.resource_version)

    def _look(self, kind: str, raw: bytes, meta: Metadata) -> None:
        text = raw.decode()
        if "\\u" in text:  # so the API server writes & < > and more
            text = json.dumps(json.loads(raw), ensure_ascii=False)
        where = f"version {meta.resource_version} of {kind} {meta.namespace}/{meta.name}"
        self._leaks[meta.namespace] += [f"{where} shows {leak}" for leak in self._secrets.leaks(text)]
        self.versions[kind] += 1
        if self.kept is not None:
            with self.kept.open("a") as file:
                file.write(text.rstrip("\n") + "\n")

    def _missed(self, kind: str) -> None:
        """The API server does not have any more what followed."""
        self._leaks[""].append(f"versions of {kind} after {self._since.pop(kind)} were not seen")


def _client(kubeconfig: Path) -> httpx.AsyncClient:
    """For what may not be there yet, or only half. Raises one of what `_watch` takes for that."""
    config: Any = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    if "certificate-authority-data" in cluster:
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        trust = ssl.create_default_context(cadata=authority)
    else:
        trust = ssl.create_default_context(cafile=kubeconfig.parent / cluster["certificate-authority"])
    return httpx.AsyncClient(
        base_url=cluster["server"],
        verify=trust,
        headers={"Authorization": f"Bearer {user['token']}"},
        timeout=httpx.Timeout(30.0, read=None),
        trust_env=False,
    )


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Split where JSON objects end, and nowhere else: httpx takes more letters for an end of a line."""
    rest = b""
    async for chunk in answer.aiter_bytes():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
