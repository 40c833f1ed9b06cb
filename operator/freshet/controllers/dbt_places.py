"""Where a Pipeline's runs are sent, and where one was: its id means nothing at another host or in another account."""

from freshet.api.pipeline import DbtCloudSpec
from freshet.api.pipeline_status import DbtRun

__all__ = ["Job", "Place", "job_of", "job_of_run", "place_of", "place_of_run", "told", "which"]

Place = tuple[str, int]
"""Host, account."""
Job = tuple[str, int, int]
"""Host, account, job."""


def place_of(spec: DbtCloudSpec) -> Place:
    """The place that the Pipeline names."""
    return spec.host.rstrip("/"), spec.account_id


def place_of_run(run: DbtRun, spec: DbtCloudSpec) -> Place:
    """The place that the run was meant for; one that does not say so was meant for what is named."""
    host, account = place_of(spec)
    return run.host or host, run.account or account


def job_of(spec: DbtCloudSpec) -> Job:
    """The job that the Pipeline names."""
    return (*place_of(spec), spec.job_id)


def job_of_run(run: DbtRun, spec: DbtCloudSpec) -> Job:
    """The job that the run is one of."""
    return (*place_of_run(run, spec), run.job or spec.job_id)


def told(place: Place) -> str:
    """For people."""
    return f"account {place[1]} at {place[0]}"


def which(run: DbtRun, spec: DbtCloudSpec) -> str:
    """A run of ours, for people."""
    name = f"run {run.id}" if run.id is not None else "the run that was asked for"
    return f"{name} in {told(place_of_run(run, spec))}"
