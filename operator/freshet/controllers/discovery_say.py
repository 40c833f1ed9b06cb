"""What discovery came to, in the Pipeline's status: the condition ``Discovered`` and the manifest; Events, too."""

from collections.abc import Sequence

import msgspec

from freshet.api import conditions as c
from freshet.api.conditions import find
from freshet.api.pipeline import Pipeline
from freshet.api.pipeline_status import DbtCloudStatus, DiscoveredFrom
from freshet.controllers.discovery_plan import Plan
from freshet.controllers.discovery_seen import Read
from freshet.controllers.world import World
from freshet.core.case import Trouble
from freshet.core.drafts import Draft, settle
from freshet.dbtcloud.found import Problem
from freshet.runtime import logs

__all__ = ["Teller"]

SHOWN = 3
ORDER = (c.CONFLICT, c.NAME_CONFLICT, c.WRITE_REFUSED, c.INVALID_META, c.TOO_MANY_UPSTREAMS, c.MANIFEST_UNREADABLE)


class Teller:
    """Only transitions are written."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    async def read(self, pipeline: Pipeline, read: Read, made: Plan, problems: Sequence[Problem]) -> None:
        """The Assets are those of this manifest, but for these problems."""
        count = len(made.found.assets)
        assets = "1 Asset" if count == 1 else f"{count:,} Assets"
        text = f"{assets} of the dbt project {read.manifest.project or 'without a name'}"
        odd = [_odd(node) for node in read.manifest.odd]
        draft = Draft(type=c.DISCOVERED, status="True", reason=c.MANIFEST_READ, message=text)
        if found := sorted([*problems, *odd], key=_rank):
            draft = _draft(Trouble(reason=found[0].reason, message=_sentences(found)))
        await self._write(pipeline, draft, read=read)

    async def say(self, pipeline: Pipeline, trouble: Trouble) -> None:
        """The manifest could not be read: what was discovered before stays."""
        await self._write(pipeline, _draft(trouble))

    async def silence(self, pipeline: Pipeline) -> None:
        """Discovery is off: it says nothing any more."""
        if find(pipeline.status.conditions, type=c.DISCOVERED) is not None:
            others = tuple(known for known in pipeline.status.conditions if known.type != c.DISCOVERED)
            await self._world.write_status(pipeline, msgspec.structs.replace(pipeline.status, conditions=others))

    async def _write(self, pipeline: Pipeline, draft: Draft, *, read: Read | None = None) -> None:
        newest = self._world.newest(pipeline)
        before, status = find(newest.status.conditions, type=draft.type), newest.status
        generation, now = newest.metadata.generation, self._world.clock.now()
        settled = settle(old=status.conditions, drafts=[draft], generation=generation, now=now)
        others = tuple(known for known in status.conditions if known.type != draft.type)
        status = msgspec.structs.replace(status, conditions=(*others, *settled))
        if read is not None:
            status = msgspec.structs.replace(status, dbt_cloud=_from(status.dbt_cloud, read))
        await self._world.write_status(newest, status)
        told = (before.reason, before.message) if before is not None else (c.MANIFEST_READ, "")
        if draft.status == "False" and (draft.reason, draft.message[:1024]) != told and draft.reason != c.PARSING:
            logs.note(run=str(read.run.id) if read is not None else None)
            self._world.tell(newest, type="Warning", reason=draft.reason, message=draft.message)


def _from(known: DbtCloudStatus, read: Read) -> DbtCloudStatus:
    """A manifest that says the same is not recorded anew."""
    manifest = read.manifest
    if known.manifest is not None and known.manifest.checksum == manifest.checksum:
        return known
    made = DiscoveredFrom(checksum=manifest.checksum, generated_at=manifest.generated_at, run_id=str(read.run.id))
    return msgspec.structs.replace(known, manifest=made)


def _odd(node: str) -> Problem:
    return Problem(reason=c.MANIFEST_UNREADABLE, name=node, message="cannot be read; its Asset stays as it is")


def _draft(trouble: Trouble) -> Draft:
    return Draft(type=c.DISCOVERED, status="False", reason=trouble.reason, message=trouble.message)


def _rank(problem: Problem) -> tuple[int, str]:
    return (ORDER.index(problem.reason) if problem.reason in ORDER else len(ORDER)), problem.sentence


def _sentences(problems: Sequence[Problem]) -> str:
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problem.sentence for problem in problems[:SHOWN]) + more
