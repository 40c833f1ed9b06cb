"""Whether dbt Cloud answers, as a condition of the Pipeline."""

import msgspec

from freshet.api import conditions as c
from freshet.api.conditions import find
from freshet.api.pipeline import Pipeline
from freshet.api.view import Key
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.world import World
from freshet.core.state import Draft, Trouble, settle
from freshet.dbtcloud import errors

__all__ = ["Health"]


class Health:
    """Writes ``DbtCloudReady``; only transitions are written."""

    def __init__(self, *, world: World, clients: Clients) -> None:
        self._world = world
        self._clients = clients

    async def check(self, pipeline: Pipeline) -> None:
        """Ask for the job once per generation of the spec, so that a wrong Secret or id shows before a run is due.

        Raises NoToken and what the client raises.
        """
        known = find(pipeline.status.conditions, type=c.DBT_CLOUD_READY)
        if known is not None and known.status == "True" and known.observed_generation == pipeline.metadata.generation:
            return
        assert pipeline.spec.dbt_cloud is not None
        client = await self._clients.of(pipeline, fresh=True)
        await client.get_job(job_id=pipeline.spec.dbt_cloud.job_id)
        await self.say(pipeline, None)

    async def say(self, pipeline: Pipeline, trouble: Trouble | None) -> None:
        """Record what is the matter, or that nothing is."""
        newest = self._world.cache.pipelines.get(Key("Pipeline", pipeline.namespace, pipeline.name)) or pipeline
        draft = Draft(type=c.DBT_CLOUD_READY, status="True", reason=c.REACHABLE)
        if trouble is not None:
            draft = Draft(type=c.DBT_CLOUD_READY, status="False", reason=trouble.reason, message=trouble.message)
        old, generation = newest.status.conditions, newest.metadata.generation
        settled = settle(old=old, drafts=[draft], generation=generation, now=self._world.clock.now())
        others = tuple(known for known in old if known.type != c.DBT_CLOUD_READY)
        status = msgspec.structs.replace(newest.status, conditions=(*others, *settled))
        if await self._world.write_status(newest, status) and trouble is not None:
            self._world.kube.emit(newest, type="Warning", reason=trouble.reason, message=trouble.message)

    def trouble_of(self, error: errors.DbtCloudError) -> Trouble:
        """The reason and sentence for an error of the client."""
        if isinstance(error, errors.AuthenticationFailed):
            return Trouble(reason=c.AUTHENTICATION_FAILED, message=str(error))
        if isinstance(error, errors.Refused):
            return Trouble(reason=c.OVERRIDE_REFUSED, message=str(error))
        if isinstance(error, errors.NotFound):
            return Trouble(reason=c.JOB_NOT_FOUND, message=str(error))
        return Trouble(reason=c.UNREACHABLE, message=str(error))
