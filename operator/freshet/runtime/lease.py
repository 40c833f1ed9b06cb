"""Which replica acts: a ``coordination.k8s.io`` Lease, as client-go's leader election uses it.

No clocks are compared: a Lease is free once its record has not changed for its duration *as this replica has watched
it*. The holder stops earlier than that (``ACTS``, counted from the sending of its last renewal that succeeded), so that
two never act at once, whatever an answer's way back takes. The official client has an election too, but by the wall
clock, without giving the Lease back, and with the generated models that the operator does without.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from freshet.runtime import errors
from freshet.runtime.clock import Clock
from freshet.runtime.transport import Transport

__all__ = ["Election", "LeaseName", "Record"]

logger = logging.getLogger(__name__)

DURATION, ACTS, RENEW, LOOK = 10.0, 7.0, 2.5, 1.5
"""Seconds until a silent holder is replaced, and until it stops by itself; between renewals, and a standby's looks."""
ADDRESS = "freshet.dev/address"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, kw_only=True)
class LeaseName:
    """Where it is."""

    namespace: str
    name: str = "freshet"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a Lease says. ``address``: where the holder listens, host:port, if it says so."""

    holder: str = ""
    duration: float = DURATION
    version: str = ""
    transitions: int = 0
    address: str = ""

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Record":
        """From the object."""
        meta, spec = raw["metadata"], raw.get("spec") or {}
        return cls(
            holder=spec.get("holderIdentity") or "",
            duration=float(spec.get("leaseDurationSeconds") or DURATION),
            version=meta["resourceVersion"],
            transitions=spec.get("leaseTransitions") or 0,
            address=(meta.get("annotations") or {}).get(ADDRESS, ""),
        )


class Election:
    """Takes part until ``run`` is cancelled. ``begin`` and ``end`` are awaited when this replica's turn does; ``again``
    is called where it ran out by the clock only, and is renewed before that was noticed elsewhere.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        lease: LeaseName,
        identity: str,
        address: str,
        begin: Callable[[], Awaitable[None]],
        end: Callable[[], Awaitable[None]],
        again: Callable[[], None] = lambda: None,
    ) -> None:
        self._transport, self._clock, self._lease = transport, clock, lease
        self._identity, self._address = identity, address
        self._begin, self._end, self._again = begin, end, again
        self._seen: tuple[Record, float] | None = None
        self._until, self._until_by_wall = float("-inf"), datetime.min.replace(tzinfo=UTC)
        self._acting = self._was_last = False
        self._said, self._now = "", asyncio.Event()
        self.tried = asyncio.Event()
        """Set once it is known whether this replica acts."""

    @property
    def holds(self) -> bool:
        """May this replica act now? Where the machine slept, only the wall clock has gone on."""
        return self._clock.monotonic() < self._until and self._clock.now() < self._until_by_wall

    @property
    def tells(self) -> bool:
        """Does what this replica knows count? It holds the Lease, or was the last to as far as it has heard: while the
        API server does not answer nobody can hold it, and what was known must go on being told.
        """
        return self._was_last

    @property
    def holder_address(self) -> str:
        """Where the replica listens that acts, as far as it is known; empty when that is this one."""
        record = self._seen[0] if self._seen else Record()
        return "" if record.holder == self._identity else record.address

    async def run(self) -> None:
        """Look, take, renew."""
        while True:
            self._now.clear()
            ran_out = self._acting and not self.holds
            if await self._attempt() and not self.holds:  # the machine slept on the way
                ran_out = self._acting
                await self._attempt()
            await self._settle()
            self.tried.set()
            if ran_out and self._acting:
                self._again()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._now.wait()

    def renew_now(self) -> None:
        """The wall clock has gone on alone, as while the machine slept: the pause until the next renewal has not."""
        self._now.set()

    async def release(self) -> None:
        """Give it back, so that another need not wait. After ``run`` has ended."""
        self._was_last = False
        if self._seen is not None and self.holds:
            self._until = float("-inf")
            with suppress(errors.KubeError):
                await self._write(self._seen[0], holder="", seconds=1)

    def _pause(self) -> float:
        """A holder that could not renew stops in time, whatever else."""
        left = self._until - self._clock.monotonic()
        return max(0.05, min(RENEW if self.holds else LOOK, left if self._acting else LOOK))

    async def _attempt(self) -> bool:
        began, began_by_wall = self._clock.monotonic(), self._clock.now()
        try:
            async with asyncio.timeout(ACTS - RENEW):
                taken = await self._take()
        except (errors.KubeError, TimeoutError) as error:
            self._say(f"The Lease {self._lease} cannot be renewed or read: {error or 'no answer in time'}", bad=True)
            self._seen = self._seen if isinstance(error, TimeoutError | errors.Unavailable) else None
            return False
        if taken:
            self._was_last = True
            self._until, self._until_by_wall = began + ACTS, began_by_wall + timedelta(seconds=ACTS)
        self._tell()
        return taken

    async def _take(self) -> bool:
        """Renew what is ours; take what is free."""
        record = self._seen[0] if self._seen and self.holds else await self._read()
        if record is None:
            self._note(Record.of(await self._create()))
            return True
        self._note(record)
        if record.holder != self._identity and not self._is_free(record):
            return False
        try:
            self._note(await self._write(record, holder=self._identity, seconds=DURATION))
        except errors.Conflict:  # somebody was faster, or a person wrote
            self._seen = None
            return False
        return True

    def _note(self, record: Record) -> None:
        self._was_last = self._was_last and record.holder == self._identity
        if self._seen is None or self._seen[0] != record:
            self._seen = (record, self._clock.monotonic())

    def _is_free(self, record: Record) -> bool:
        assert self._seen is not None
        return not record.holder or self._clock.monotonic() >= self._seen[1] + record.duration

    async def _read(self) -> Record | None:
        try:
            return Record.of(await self._transport.json("GET", self._path(self._lease.name)))
        except errors.Gone:
            return None

    async def _create(self) -> dict[str, Any]:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            **self._body(Record(), self._identity, DURATION),
        }
        body["metadata"]["name"] = self._lease.name
        return await self._transport.json("POST", self._path(), body=body, fenced=False)

    async def _write(self, record: Record, *, holder: str, seconds: float) -> Record:
        body = self._body(record, holder, seconds)
        body["metadata"]["resourceVersion"] = record.version
        path = self._path(self._lease.name)
        answer = await self._transport.json("PATCH", path, body=body, content_type=MERGE_PATCH, fenced=False)
        return Record.of(answer)

    def _body(self, record: Record, holder: str, seconds: float) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec: dict[str, Any] = {"holderIdentity": holder, "leaseDurationSeconds": int(seconds), "renewTime": now}
        if holder and holder != record.holder:
            spec |= {"acquireTime": now, "leaseTransitions": record.transitions + 1}
        return {"metadata": {"annotations": {ADDRESS: self._address if holder else ""}}, "spec": spec}

    def _path(self, name: str = "") -> str:
        place = f"/apis/coordination.k8s.io/v1/namespaces/{self._lease.namespace}/leases"
        return f"{place}/{name}" if name else place

    async def _settle(self) -> None:
        """Begin or end, where that has changed."""
        if self.holds != self._acting:
            self._acting = self.holds
            await (self._begin() if self._acting else self._end())

    def _tell(self) -> None:
        holder = self._seen[0].holder if self._seen else ""
        if self.holds:
            self._say(f"This replica acts: it holds the Lease {self._lease} as {self._identity}")
        elif holder:
            self._say(f"This replica stands by: {holder} holds the Lease {self._lease}")

    def _say(self, words: str, *, bad: bool = False) -> None:
        """Each change once."""
        if words != self._said:
            self._said = words
            logger.log(logging.WARNING if bad else logging.INFO, "%s", words)
