"""What the doctor makes of the Lease by which one replica acts."""

from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from tests.unit.doctor.looks import NOW

from freshet.doctor import operating
from freshet.doctor.findings import Finding
from freshet.runtime import errors
from freshet.runtime.lease import DURATION, LeaseName
from freshet.runtime.transport import Transport


class LeaseApi:
    """Answers each look by the next Lease of a list, or by the last; ``paused`` seconds have passed."""

    def __init__(self, *leases: dict[str, Any] | errors.KubeError) -> None:
        self.leases, self.paused = list(leases), 0.0

    async def json(self, method: str, path: str) -> dict[str, Any]:
        assert path == "/apis/coordination.k8s.io/v1/namespaces/home/leases/freshet"
        found = self.leases.pop(0) if len(self.leases) > 1 else self.leases[0]
        if isinstance(found, errors.KubeError):
            raise found
        return found

    async def pause(self, seconds: float) -> None:
        self.paused += seconds

    async def finding(self) -> Finding:
        def now() -> datetime:
            return NOW + timedelta(seconds=self.paused)

        lease, api = LeaseName(namespace="home"), cast(Transport, self)
        return await operating.examine(api, lease=lease, now=now, pause=self.pause)


def lease(*, holder: str = "freshet-1", ago: float) -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=ago)).isoformat()
    spec = {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 10}
    return {"metadata": {"name": "freshet"}, "spec": spec}


async def test_an_operator_that_renews_its_lease_acts_whatever_the_clock_here_says() -> None:
    fresh = LeaseApi(lease(ago=2))
    assert (await fresh.finding()).message == "freshet-1 acts: it renews the Lease home/freshet"
    assert fresh.paused == 0
    for skew in (3600, -3600):
        assert (await LeaseApi(lease(ago=skew), lease(ago=skew - 2)).finding()).level == "good"
    given_back, taken = lease(holder="", ago=1), lease(holder="freshet-2", ago=0)
    assert (await LeaseApi(given_back, given_back, taken).finding()).message.startswith("freshet-2 acts")


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (lease(ago=3 * 86400), "freshet-1 has not renewed the Lease home/freshet for 3d"),
        (lease(holder="", ago=7200), "no replica acts: nobody has held the Lease home/freshet for 2h"),
        (lease(ago=-3600), "freshet-1 has not renewed the Lease home/freshet: it is down"),
    ],
)
async def test_an_operator_that_is_dead_is_said_with_where_to_look(held: dict[str, Any], message: str) -> None:
    """After as long as a holder may be silent."""
    api = LeaseApi(held)
    found = await api.finding()
    assert found.level == "bad"
    assert found.message.startswith(message)
    assert api.paused > DURATION
    assert found.remedy.startswith("kubectl -n home get pods; kubectl -n home logs deployment/freshet")


async def test_a_lease_that_cannot_be_seen_is_no_verdict() -> None:
    missing = await LeaseApi(errors.Gone("no such Lease")).finding()
    assert (missing.level, "FRESHET_LEASE" in missing.remedy) == ("unsure", True)
    refused = await LeaseApi(errors.Refused("forbidden", reason="Forbidden")).finding()
    assert refused.message.startswith("you may not read the Lease home/freshet")
