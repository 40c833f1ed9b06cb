"""One dbt Cloud client per Pipeline's job; accounts share a budget of requests; tokens are read late and rarely."""

import hmac
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from freshet.api import conditions
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.view import Key
from freshet.controllers.world import World
from freshet.core.case import Trouble
from freshet.dbtcloud.budget import Budget
from freshet.dbtcloud.client import DbtCloud
from freshet.runtime import telemetry

__all__ = ["Clients", "NoToken"]

TOKEN_AGE = timedelta(minutes=1)
MOMENT = timedelta(seconds=1)


class NoToken(Exception):
    """The token cannot be read: the trouble says which Secret and key."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


@dataclass(kw_only=True)
class Entry:
    """A client and when its token was read."""

    client: DbtCloud
    of: tuple[object, ...]
    token: str = field(repr=False)
    read_at: datetime


class Clients:
    """Tokens live here and nowhere else: never in a log, an Event, a status or a metric."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self._entries: dict[Key, Entry] = {}
        self._salt = os.urandom(16)
        self._budgets: dict[tuple[str, int], Budget] = {}

    async def of(self, pipeline: Pipeline, *, fresh: bool = False) -> DbtCloud:
        """The client for this Pipeline; ``fresh`` reads the Secret again if that was over a minute ago.

        Raises NoToken.
        """
        spec = pipeline.spec.dbt_cloud
        assert spec is not None
        key = Key("Pipeline", pipeline.namespace, pipeline.name)
        entry = self._entries.get(key)
        now = self._world.clock.now()
        if entry is not None and entry.of != _identity(spec):
            await self.drop(key)
            entry = None
        if entry is None:
            entry = self._entries[key] = self._made(spec, await self._token(pipeline, spec), now)
        elif fresh and now - entry.read_at >= TOKEN_AGE:
            entry.token, entry.read_at = await self._token(pipeline, spec), now
            entry.client.use_token(entry.token)
        return entry.client

    def mark(self, pipeline: Pipeline) -> str:
        """The same for Pipelines with the same token; says nothing of the token itself."""
        entry = self._entries.get(Key("Pipeline", pipeline.namespace, pipeline.name))
        return hmac.new(self._salt, entry.token.encode(), sha256).hexdigest() if entry else ""

    def stamp(self, pipeline: Pipeline) -> str:
        """A mark of the token that outlives this process: enough of it to see that another is there, and no more."""
        entry = self._entries.get(Key("Pipeline", pipeline.namespace, pipeline.name))
        of = (pipeline.metadata.uid or "").encode()
        return hmac.new(of, entry.token.encode(), sha256).hexdigest()[:8] if entry else ""

    async def reread(self, pipeline: Pipeline) -> bool:
        """After a 401: read the Secret, unless that was a moment ago. True when the token is another one.

        Raises NoToken.
        """
        entry, now = self._entries.get(Key("Pipeline", pipeline.namespace, pipeline.name)), self._world.clock.now()
        if entry is None or pipeline.spec.dbt_cloud is None or now < entry.read_at + MOMENT:
            return False
        token = await self._token(pipeline, pipeline.spec.dbt_cloud)
        changed, entry.token, entry.read_at = token != entry.token, token, now
        entry.client.use_token(token)
        return changed

    async def has_new_token(self, pipeline: Pipeline) -> bool:
        """The same, where a Secret that cannot be read means no."""
        try:
            return await self.reread(pipeline)
        except NoToken:
            return False

    def read_at(self, pipeline: Pipeline) -> datetime | None:
        """When the token was read."""
        entry = self._entries.get(Key("Pipeline", pipeline.namespace, pipeline.name))
        return entry.read_at if entry else None

    def set_back(self) -> None:
        """The clock was: tokens are read again when they have their age by the right one."""
        now = self._world.clock.now()
        for entry in self._entries.values():
            entry.read_at = min(entry.read_at, now)

    async def drop(self, key: Key) -> None:
        """Forget a Pipeline's client."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            await entry.client.close()

    async def close(self) -> None:
        """Close them all."""
        for key in list(self._entries):
            await self.drop(key)

    def _made(self, spec: DbtCloudSpec, token: str, now: datetime) -> Entry:
        budget = self._budgets.setdefault((spec.host, spec.account_id), Budget(clock=self._world.clock.monotonic))
        client = DbtCloud(
            host=spec.host,
            account_id=spec.account_id,
            token=token,
            budget=budget,
            on_request=lambda code: telemetry.dbt_cloud_requests_total.labels(code=str(code)).inc(),
            now=self._world.clock.now,
        )
        return Entry(client=client, of=_identity(spec), token=token, read_at=now)

    async def _token(self, pipeline: Pipeline, spec: DbtCloudSpec) -> str:
        reference = spec.token_secret_ref
        secret = await self._world.kube.read_secret(namespace=pipeline.namespace, name=reference.name)
        if secret is None:
            message = (
                f"Secret {reference.name!r} does not exist in this namespace: create it with the key {reference.key!r}"
            )
            raise NoToken(Trouble(reason=conditions.SECRET_NOT_FOUND, message=message))
        value = secret.get(reference.key)
        if not value:
            message = f"Secret {reference.name!r} has no key {reference.key!r}: add it, or correct tokenSecretRef.key"
            raise NoToken(Trouble(reason=conditions.SECRET_NOT_FOUND, message=message))
        return value.decode(errors="replace").strip()


def _identity(spec: DbtCloudSpec) -> tuple[object, ...]:
    """Where the token is read and where it is sent: when one of these changes, nothing of the old client is used."""
    return spec.host, spec.account_id, spec.token_secret_ref.name, spec.token_secret_ref.key
