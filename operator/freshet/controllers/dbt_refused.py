"""What dbt Cloud refused to start, recorded on the Pipeline, so that no restart sends it once more.

An override that is refused stays refused until something has changed that could change the answer: the Pipeline's spec,
the token, the job's definition, or that a person asks. Anything else may be mended in dbt Cloud alone, and is asked
again in an hour; what may pass by itself (a conflict, a redirect) in a minute at first.
"""

from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from freshet.api import conditions as c
from freshet.api.pipeline import Pipeline
from freshet.api.pipeline_status import DbtRun, Refused
from freshet.api.view import Key
from freshet.controllers.dbt_batch import Batch
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit
from freshet.controllers.dbt_record import Recorder
from freshet.controllers.world import World
from freshet.core.case import Trouble
from freshet.dbtcloud import actions, model

__all__ = ["Refusals", "held", "refusal_of", "said", "trouble_of"]

SOON, AGAIN = timedelta(minutes=1), timedelta(hours=1)
HELPS = "it is sent again when the Pipeline, the token or the job is changed, or when a person asks for a run"
REASONS = {
    "AuthenticationFailed": c.AUTHENTICATION_FAILED,
    "NotFound": c.JOB_NOT_FOUND,
    "OverrideRefused": c.OVERRIDE_REFUSED,
    "RunRefused": c.RUN_REFUSED,
    "Unreachable": c.UNREACHABLE,
}


def trouble_of(reason: str, message: str) -> Trouble:
    """As a reason of the condition."""
    return Trouble(reason=REASONS.get(reason, reason), message=message)


def said(pipeline: Pipeline, *, parse: bool = False) -> Refused | None:
    """The newest answer to this spec, until there is another; ``parse``: to have the project parsed."""
    status = pipeline.status.dbt_cloud
    refused = status.parse_refused if parse else status.refused
    return refused if refused is not None and refused.generation == pipeline.metadata.generation else None


def held(pipeline: Pipeline, now: datetime, *, parse: bool = False) -> Refused | None:
    """The answer that holds now."""
    refused = said(pipeline, parse=parse)
    over = refused is not None and refused.until is not None and now >= refused.until
    return None if over else refused


def refusal_of(visit: Visit, run: DbtRun, action: actions.Abandon, *, token: str, now: datetime) -> Refused:
    """What to record of a run that was not started."""
    overridden = run.parse or visit.spec.mode == "Select"
    final = action.reason == "OverrideRefused" and overridden
    message = f"{action.message}; {HELPS}" if final and not run.parse else action.message
    status = visit.pipeline.status.dbt_cloud
    passing = action.reason == c.RUN_REFUSED
    again = _pause(status.parse_refused if run.parse else status.refused) if passing else AGAIN
    reason = c.RUN_REFUSED if action.reason == c.OVERRIDE_REFUSED and not overridden else action.reason
    return Refused(
        reason=trouble_of(reason, message).reason,
        message=message,
        at=now,
        generation=visit.pipeline.metadata.generation,
        token=token,
        until=None if final else now + again,
        asked=run.triggers,
    )


def _pause(before: Refused | None) -> timedelta:
    """Twice the one before: it may be over soon, or last for days."""
    if before is None or before.until is None or before.reason != c.RUN_REFUSED:
        return SOON
    return min(AGAIN, 2 * (before.until - before.at))


class Refusals:
    """Keeps what is recorded true."""

    def __init__(self, *, world: World, clients: Clients, recorder: Recorder) -> None:
        self._world, self._clients, self._recorder = world, clients, recorder

    async def revise(self, visit: Visit) -> bool:
        """Clear what was said of another spec, to another token or of another job; True where something was."""
        status = visit.pipeline.status.dbt_cloud
        old = {"refused": status.refused, "parse_refused": status.parse_refused}
        new = {name: self._revised(visit, it) if it is not None else None for name, it in old.items()}
        if status.manifest is not None and visit.spec.discovery.refresh_interval is None:
            new["parse_refused"] = None  # nobody wants it parsed any more
        if new == old:
            return False
        await self._recorder.record(visit.pipeline, **new)
        return True

    async def over(self, visit: Visit) -> None:
        """Nothing is due: nobody needs to know an answer that would be asked for again by now."""
        if said(visit.pipeline) is not None and held(visit.pipeline, self._world.clock.now()) is None:
            await self._recorder.record(visit.pipeline, refused=None)

    def holds(self, visit: Visit, batch: Batch) -> bool:
        """May the batch not be sent? What a person asks for, and had not asked for then, is sent all the same."""
        refused = held(visit.pipeline, self._world.clock.now())
        if refused is None:
            return False
        visit.wake(refused.until)
        return not self._is_asked_anew(visit.pipeline, batch, refused)

    def _revised(self, visit: Visit, refused: Refused) -> Refused | None:
        job = mark_of(visit.drive.job) if visit.drive.job is not None else refused.job
        changed = refused.generation != visit.pipeline.metadata.generation
        if changed or refused.token != self._clients.stamp(visit.pipeline) or refused.job not in (None, job):
            return None
        return msgspec.structs.replace(refused, job=job)

    def _is_asked_anew(self, pipeline: Pipeline, batch: Batch, refused: Refused) -> bool:
        asked = {(name, due.trigger) for name, due in batch.build.items() if due.trigger} - set(refused.asked.items())
        found = ((self._world.cache.assets.get(Key("Asset", pipeline.namespace, name)), it) for name, it in asked)
        return any(asset is not None and asset.status.last_handled_trigger != it for asset, it in found)


def mark_of(job: model.Job) -> str:
    """The same for a job that has not been changed."""
    return sha256(msgspec.json.encode(msgspec.structs.replace(job, run_failure_count=None))).hexdigest()[:16]
