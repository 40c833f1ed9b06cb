"""Looking for a run by its marker: the one question that settles an ambiguous answer (:mod:`.protocol`)."""

from datetime import datetime

from freshet.dbtcloud import errors, marker
from freshet.dbtcloud.client import DbtCloud, RunQuery
from freshet.dbtcloud.model import Page, Run

__all__ = ["find_runs"]

MOST_PAGES = 50
PAGE = 100


async def find_runs(client: DbtCloud, *, job_id: int, token: str, since: datetime) -> tuple[Run, ...]:
    """The job's runs that carry this token, the oldest first; looks back to `since`, and stops early at a find.

    An empty answer means that the whole span was read: a page that cannot be read, or too many of them, raises.
    """
    for number in range(MOST_PAGES):
        page = await client.list_runs(query=RunQuery(job_id=job_id, limit=PAGE, offset=number * PAGE))
        if found := marker.find(page.runs, token=token):
            return found
        if page.unreadable:
            raise errors.ServerError(f"dbt Cloud listed {page.unreadable} runs of job {job_id} that cannot be read")
        if _reaches(page, since=since):
            return ()
    raise errors.ServerError(f"job {job_id} has more than {MOST_PAGES * PAGE} runs since {since:%Y-%m-%d %H:%M} UTC")


def _reaches(page: Page, *, since: datetime) -> bool:
    oldest = min((run.created_at for run in page.runs if run.created_at is not None), default=None)
    return page.size < PAGE or (oldest is not None and oldest < since)
