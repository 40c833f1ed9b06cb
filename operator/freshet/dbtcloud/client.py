"""An async client of dbt Cloud's Administrative API v2: the few requests that an orchestrator needs, typed.

A GET is asked again (exponential backoff with jitter, ``Retry-After`` honoured); a POST never is: a run that was
started twice costs money, so whatever leaves its effect open is raised as AmbiguousAnswer, and :mod:`.protocol` looks.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from freshet.dbtcloud import answers, errors, model
from freshet.dbtcloud.budget import Budget, Sleep
from freshet.dbtcloud.retry import RetryPolicy
from freshet.dbtcloud.transport import MAX_BYTES, Transport

__all__ = ["DbtCloud", "RunQuery", "TriggerRequest"]

PAGE = 100
MAX_FILE = 2 << 30
T = TypeVar("T", model.Run, model.Job)


@dataclass(frozen=True, kw_only=True)
class TriggerRequest:
    """Body of the trigger: only what freshet sends. `cause` is at most 255 characters (:func:`.marker.cause_of`)."""

    cause: str
    steps_override: tuple[str, ...] | None = None
    timeout_seconds_override: int | None = None

    def body(self) -> dict[str, Any]:
        """As JSON, unset keys left out."""
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Filters of the list of runs; newest first unless `order_by` says otherwise. At most 100 a page."""

    job_id: int | None = None
    environment_id: int | None = None
    statuses: tuple[int, ...] = ()
    created: tuple[datetime, datetime] | None = None
    finished: tuple[datetime, datetime] | None = None
    id_above: int | None = None
    order_by: str = "-id"
    limit: int = PAGE
    offset: int = 0
    related: tuple[str, ...] = ("trigger",)

    def parameters(self) -> dict[str, str]:
        """As query parameters: lists and spans are JSON arrays."""
        plain = {"job_definition_id": self.job_id, "environment_id": self.environment_id, "id__gt": self.id_above}
        lists = {"status__in": self.statuses, "include_related": self.related}
        spans = {"created_at__range": self.created, "finished_at__range": self.finished}
        found = {name: str(value) for name, value in plain.items() if value is not None}
        found |= {name: _json(values) for name, values in lists.items() if values}
        found |= {name: _json([at.astimezone(UTC).isoformat() for at in span]) for name, span in spans.items() if span}
        return {**found, "order_by": self.order_by, "limit": str(self.limit), "offset": str(self.offset)}


class DbtCloud:
    """One account's API. Use it as an async context manager, or call `close`.

    `on_request` is called once per HTTP attempt with its status code, ``timeout`` or ``error``. `deadline` bounds each
    attempt as a whole, whatever trickles in, in seconds (it is the protocol's POST timeout); `download_deadline` does
    so for artifacts. Clients of one account share one `budget`. Requests raise what :mod:`.errors` draws.
    """

    def __init__(
        self,
        *,
        host: str,
        account_id: int,
        token: str,
        budget: Budget | None = None,
        retry: RetryPolicy | None = None,
        on_request: Callable[[str], None] = lambda code: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
        deadline: float = 30.0,
        download_deadline: float = 600.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._name = f"host={host!r}, account_id={account_id}"
        self._deadline, self._download_deadline = deadline, download_deadline
        self._send = Transport(
            base_url=f"{host.rstrip('/')}/api/v2/accounts/{account_id}/",
            token=token,
            budget=budget or Budget(sleep=sleep),
            retry=retry or RetryPolicy(),
            on_request=on_request,
            now=now,
            sleep=sleep,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"DbtCloud({self._name})"

    @property
    def skew(self) -> timedelta:
        """How far the service's clock is ahead of ours, by its newest answers."""
        return self._send.skew

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._send.close()

    def use_token(self, token: str) -> None:
        """Take up a rotated token, from the next request on. Raises AuthenticationFailed where it cannot be one."""
        self._send.use_token(token)

    async def trigger_run(
        self, *, job_id: int, request: TriggerRequest, not_after: datetime | None = None
    ) -> model.Run:
        """Start a run: one POST, never repeated. On AmbiguousAnswer look for the marker in `list_runs`.

        After `not_after` nothing is sent any more, however long the budget made it wait: `Unreachable`.
        """
        what = f"a run of job {job_id}"
        return await self._post(f"jobs/{job_id}/run/", what=what, body=request.body(), not_after=not_after)

    async def cancel_run(self, *, run_id: int) -> model.Run:
        """Ask for a run's end, which comes later. Asking for what has already ended is `Refused` or changes nothing."""
        return await self._post(f"runs/{run_id}/cancel/", what=f"the end of run {run_id}", body={})

    async def get_run(self, *, run_id: int, related: Iterable[str] = ("trigger", "run_steps")) -> model.Run:
        """One run, with what `related` names."""
        parameters = {"include_related": _json(tuple(related))}
        where, what = f"runs/{run_id}/", f"run {run_id}"
        reply = await self._send.get(where, what=what, deadline=self._deadline, parameters=parameters)
        return _asked(_one(reply, type=model.Run), id=run_id, reply=reply)

    async def list_runs(self, *, query: RunQuery) -> model.Page:
        """One page of runs."""
        what = f"the runs of {'the account' if query.job_id is None else f'job {query.job_id}'}"
        return _page(await self._send.get("runs/", what=what, deadline=self._deadline, parameters=query.parameters()))

    async def get_job(self, *, job_id: int) -> model.Job:
        """A job's definition."""
        reply = await self._send.get(f"jobs/{job_id}/", what=f"job {job_id}", deadline=self._deadline)
        return _asked(_one(reply, type=model.Job), id=job_id, reply=reply)

    async def get_artifact(
        self, *, run_id: int, path: str, step: int | None = None, into: Path | None = None, limit: int | None = None
    ) -> bytes:
        """A run's artifact: its last step's, or that of `step` (its index). NotFound while it is not there.

        With `into` it goes to that file, whole or not at all, and nothing is returned. `limit` is in bytes.
        """
        what = f"{path} of run {run_id}{'' if step is None else f' (step {step})'}"
        where = f"runs/{run_id}/artifacts/{quote(path)}"
        return await self._download(where, what=what, step=step, into=into, limit=limit)

    async def get_job_artifact(
        self, *, job_id: int, path: str, into: Path | None = None, limit: int | None = None
    ) -> bytes:
        """The newest artifact of that path that a run of the job left; else as `get_artifact`."""
        where, what = f"jobs/{job_id}/artifacts/{quote(path)}", f"the newest {path} of job {job_id}"
        return await self._download(where, what=what, step=None, into=into, limit=limit)

    async def _post(
        self, path: str, *, what: str, body: dict[str, Any], not_after: datetime | None = None
    ) -> model.Run:
        reply = await self._send.post(path, what=what, body=body, deadline=self._deadline, not_after=not_after)
        return _one(reply, type=model.Run)

    async def _download(self, path: str, *, what: str, step: int | None, into: Path | None, limit: int | None) -> bytes:
        return await self._send.download(
            path,
            what=what,
            deadline=self._download_deadline,
            parameters=None if step is None else {"step": str(step)},
            into=into,
            limit=limit or (MAX_BYTES if into is None else MAX_FILE),
        )


def _one(reply: answers.Reply, *, type: type[T]) -> T:
    data = answers.data_of(reply)
    try:
        return model.read(data, type=type)
    except (msgspec.ValidationError, AttributeError):
        text = f"dbt Cloud's answer for {reply.what} has no id"
    if reply.method == "GET":
        raise errors.ServerError(text, code=reply.code)
    raise errors.AmbiguousAnswer(f"{text}: it is not known whether it took effect", code=reply.code)


def _asked(found: T, *, id: int, reply: answers.Reply) -> T:
    """What was asked for, and not another."""
    if found.id != id:
        raise errors.ServerError(f"dbt Cloud answered for {reply.what} with another ({found.id})", code=reply.code)
    return found


def _page(reply: answers.Reply) -> model.Page:
    data = answers.data_of(reply)
    if not isinstance(data, list):
        raise errors.ServerError(f"dbt Cloud's answer for {reply.what} is no list", code=reply.code)
    runs = [run for entry in data if (run := _run_or_none(entry)) is not None]
    pagination = answers.extra_of(reply).get("pagination")
    total = pagination.get("total_count") if isinstance(pagination, dict) else None
    return model.Page(
        runs=tuple(runs), total=total if isinstance(total, int) else None, unreadable=len(data) - len(runs)
    )


def _run_or_none(entry: Any) -> model.Run | None:
    try:
        return model.read(entry, type=model.Run)
    except (msgspec.ValidationError, AttributeError):
        return None


def _json(values: Any) -> str:
    return msgspec.json.encode(values).decode()
