"""Delete Jobs that were recorded, keeping the newest few for people to look at.

A CronJob keeps its own history; only Jobs that the operator made are deleted here.
"""

from freshet.api.asset import Asset, AssetStatus
from freshet.api.workload import Job
from freshet.controllers.world import World

__all__ = ["Tidier"]


class Tidier:
    """Bounded: at most a few deletions a visit."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    async def tidy(self, asset: Asset, status: AssetStatus) -> None:
        """Delete all but the newest finished Jobs of this asset; the newest run's own is always kept."""
        done = [
            job for job in self._own(asset) if job.finished and not (status.run and status.run.id == job.metadata.uid)
        ]
        keep = self._world.settings.history_jobs
        if len(done) <= keep:
            return
        done.sort(key=lambda job: (str(job.metadata.creation_timestamp), job.name))
        for job in done[: len(done) - keep]:
            await self._world.kube.delete("Job", namespace=job.namespace, name=job.name, uid=job.metadata.uid)

    def _own(self, asset: Asset) -> list[Job]:
        owned = self._world.cache.jobs_of(asset.namespace, asset.name)
        return [job for job in owned if any(o.uid == asset.metadata.uid for o in job.metadata.owner_references)]
