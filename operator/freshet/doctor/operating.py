"""Does an operator act? Its Lease says which replica does, and when it was last renewed.

The clock here may not be the cluster's: what looks old is watched for as long as a holder may be silent.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from freshet.api.durations import format_duration
from freshet.api.view import instant
from freshet.doctor.findings import Finding, bad, good, unsure
from freshet.runtime import errors
from freshet.runtime.lease import DURATION, LeaseName
from freshet.runtime.transport import Transport

__all__ = ["examine"]

LOOK_SECONDS = 2.0
SUBJECT = "operator"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A Lease: who holds it, and when that was last said."""

    holder: str
    renewed: datetime | None

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Seen":
        """From the object."""
        spec = raw.get("spec") or {}
        return cls(holder=spec.get("holderIdentity") or "", renewed=instant(spec.get("renewTime")))

    def fresh(self, now: datetime) -> bool:
        """Renewed so lately that its holder acts, if this clock is the cluster's."""
        age = now - self.renewed if self.renewed else None
        return bool(self.holder) and age is not None and timedelta(0) <= age < timedelta(seconds=DURATION)


async def examine(
    transport: Transport,
    *,
    lease: LeaseName,
    now: Callable[[], datetime],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Finding:
    """One finding: it acts, it does not, or that cannot be seen."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{lease.namespace}/leases/{lease.name}"
    try:
        first = seen = Seen.of(await transport.json("GET", path))
        for _ in range(int(DURATION / LOOK_SECONDS) + 1):
            if seen.fresh(now()) or (seen.holder and seen != first):
                return good(SUBJECT, f"{seen.holder} acts: it renews the Lease {lease}")
            await pause(LOOK_SECONDS)
            seen = Seen.of(await transport.json("GET", path))
    except errors.Gone:
        where = "where another is used: FRESHET_LEASE=NAMESPACE/NAME freshet doctor; without one this cannot be seen"
        return unsure(SUBJECT, f"there is no Lease {lease}: no operator acts by it", where)
    except errors.Refused:
        return unsure(
            SUBJECT, f"you may not read the Lease {lease}, which says whether one acts", "ask somebody who may"
        )
    return bad(SUBJECT, _dead(seen, lease, now()), _remedy(lease))


def _dead(seen: Seen, lease: LeaseName, now: datetime) -> str:
    since = f" for {format_duration(now - seen.renewed)}" if seen.renewed and seen.renewed < now else ""
    if not seen.holder:
        return f"no replica acts: nobody has held the Lease {lease}{since}"
    return f"{seen.holder} has not renewed the Lease {lease}{since}: it is down or cannot reach the API server"


def _remedy(lease: LeaseName) -> str:
    here = f"kubectl -n {lease.namespace}"
    return f"{here} get pods; {here} logs deployment/freshet --tail=50; docs/runbooks/operator-down.md"
