"""What ``dbt test`` found at another target is no verdict on these tables: unlike a build, it does not say which tables
it looked at. Pure.
"""

from dataclasses import replace

from freshet.api.pipeline import DbtCloudSpec
from freshet.dbtcloud.commands import is_elsewhere
from freshet.dbtcloud.model import Run
from freshet.dbtcloud.results import StepResults

__all__ = ["of_these_tables"]


def of_these_tables(page: StepResults, run: Run, step: int | None, *, job: DbtCloudSpec | None) -> StepResults:
    """The step's results, without what its words say of another target; what the job does of itself, it does here."""
    if job is None or page.which != "test":
        return page
    if run.job == job.job_id and not (run.trigger and run.trigger.steps_override):
        return page
    line = next((it.name for it in run.run_steps or () if it.index == step), None)
    return replace(page, checks=(), tested=False) if is_elsewhere(line or "", usual=job.command) else page
