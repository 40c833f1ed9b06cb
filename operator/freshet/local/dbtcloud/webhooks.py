"""Webhooks: signed events about runs, delivered again when the receiver does not say 2xx."""

import asyncio
import hashlib
import hmac
import json
import logging
import uuid
from typing import Any

import aiohttp
import msgspec

from freshet.local.dbtcloud.filters import DBT_VERSION, PROJECT
from freshet.local.dbtcloud.model import Job, Run, Status
from freshet.local.dbtcloud.service import Service
from freshet.local.dbtcloud.times import Clock, iso_text

__all__ = ["Subscription", "Webhooks", "sign"]

log = logging.getLogger(__name__)

EVENTS = ("job.run.started", "job.run.completed", "job.run.errored")
ATTEMPTS = 6
"""The first, and five more."""
TIMEOUT = 10.0


class Subscription(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Who hears of what. `duplicate` and `delay` make deliveries worse than they need be, for tests."""

    url: str
    secret: str
    events: list[str] = msgspec.field(default_factory=lambda: list(EVENTS))
    job_ids: list[int] = []
    name: str = "stand-in"
    duplicate: int = 0
    """Deliver each event so many times more."""
    delay: float = 0.0
    """Seconds before the first attempt."""
    retry_seconds: float = 1.0
    """Between two attempts; doubles with each."""

    def wants(self, event: str, run: Run) -> bool:
        """Is this event for it?"""
        return event in self.events and (not self.job_ids or run.job_id in self.job_ids)


def sign(secret: str, body: bytes) -> str:
    """The ``Authorization`` header: hexadecimal HMAC-SHA256 of the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Webhooks:
    """Sends events; every attempt is noted in ``deliveries``."""

    def __init__(self, *, service: Service, clock: Clock) -> None:
        self.service, self.clock = service, clock
        self.subscriptions: list[Subscription] = []
        self.deliveries: list[dict[str, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def notify(self, event: str, run: Run) -> None:
        """Something happened to a run."""
        for subscription in self.subscriptions:
            if subscription.wants(event, run):
                body = self._body(event, run, subscription)
                for _ in range(1 + subscription.duplicate):
                    task = asyncio.create_task(self._deliver(subscription, body))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, subscription: Subscription, body: bytes) -> None:
        await asyncio.sleep(subscription.delay)
        headers = {"Authorization": sign(subscription.secret, body), "Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for attempt in range(1, ATTEMPTS + 1):
                status = await self._post(session, subscription.url, body, headers)
                self._note(body, attempt, status)
                if status is not None and status < 300:
                    return
                await asyncio.sleep(subscription.retry_seconds * 2 ** (attempt - 1))

    async def _post(self, session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> int | None:
        try:
            async with session.post(url, data=body, headers=headers) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("webhook to %s failed: %s", url, error)
            return None

    def _note(self, body: bytes, attempt: int, status: int | None) -> None:
        event = json.loads(body)
        self.deliveries.append(
            {
                "eventId": event["eventId"],
                "eventType": event["eventType"],
                "runId": event["data"]["runId"],
                "attempt": attempt,
                "status": status,
            }
        )

    def _body(self, event: str, run: Run, subscription: Subscription) -> bytes:
        """Ids within ``data`` are strings, as the service sends them."""
        job: Job = self.service.job(run.job_id)
        environment = self.service.environment(run.environment_id)
        words = {Status.ERROR: "Errored", Status.SUCCESS: "Success"}
        data = {
            "jobId": str(job.id),
            "jobName": job.name,
            "runId": str(run.id),
            "environmentId": str(environment.id),
            "environmentName": environment.name,
            "dbtVersion": DBT_VERSION,
            "projectName": "Kaizen Wars",
            "projectId": str(PROJECT),
            "runStatus": words.get(run.status, run.status.humanized),
            "runStatusCode": int(run.status),
            "runStatusMessage": run.status_message or "None",
            "runReason": run.trigger.cause,
            "runStartedAt": run.started_at and _second(run.started_at),
            **({"runFinishedAt": _second(run.finished_at)} if run.finished_at else {}),
        }
        return json.dumps(
            {
                "accountId": self.service.account_id,
                "webhookId": f"wsu_{subscription.name}",
                "eventId": f"wev_{uuid.uuid4().hex}",
                "timestamp": iso_text(self.clock()).replace("+00:00", "Z"),
                "eventType": event,
                "webhookName": subscription.name,
                "data": data,
            }
        ).encode()


def _second(at: float) -> str:
    return iso_text(at)[:19] + "Z"
