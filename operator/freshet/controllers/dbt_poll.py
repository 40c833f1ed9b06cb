"""One list request a poll, whatever the number of models and runs (up to a page of a hundred): which runs have ended
since the cursor?

Pipelines that look at the same runs with the same token share the answer. The end of a run of ours shows in the list as
that of any other; it is asked for by its id only now and then, in case the list does not have it.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from freshet.api.pipeline_status import DbtRun
from freshet.api.view import Key
from freshet.controllers.dbt_clients import Clients
from freshet.controllers.dbt_drive import Visit
from freshet.controllers.dbt_places import place_of, place_of_run
from freshet.controllers.world import World
from freshet.dbtcloud import foreign, marker, model
from freshet.dbtcloud.client import DbtCloud, RunQuery
from freshet.dbtcloud.pacing import Pauses

__all__ = ["Mate", "Poller", "earliest"]

MOST_PAGES = 20
PAGE = 100
AHEAD = timedelta(days=1)
"""The service's clock may be ahead of ours."""
AWAITED = timedelta(minutes=2)
"""How long a run may be in no list after its webhook."""
AWAY = timedelta(minutes=15)
"""Three times the longest pause between polls."""
Share = tuple[str, int, str, int, str]


@dataclass(frozen=True, kw_only=True)
class Page:
    """All runs that ended since then, asked for at that time."""

    runs: tuple[model.Run, ...]
    since: datetime
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Mate:
    """One of those who share an answer: since when it wants to know, and when it came last."""

    since: datetime
    seen_at: datetime


def earliest(mates: Collection[Mate]) -> datetime:
    """Since when to ask for all of them; who has not come for long, for whatever reason, holds up nobody."""
    newest = max(mate.seen_at for mate in mates)
    return min(mate.since for mate in mates if mate.seen_at > newest - AWAY)


class Poller:
    """Asks when it is time, and notes in the Drive what has ended."""

    def __init__(self, *, world: World, clients: Clients) -> None:
        self._world, self._clients = world, clients
        self._pages: dict[Share, Page] = {}
        self._locks: dict[Share, asyncio.Lock] = {}
        self._sharing: dict[Share, dict[Key, Mate]] = {}
        settings = world.settings
        self.pauses = Pauses(
            fast=timedelta(seconds=settings.dbt_poll_fast),
            idle=timedelta(seconds=max(settings.dbt_poll_fast, settings.dbt_poll_slow)),
        )

    async def poll(self, visit: Visit) -> None:
        """Ask if it is time; come back when it is time again. Raises DbtCloudError and NoToken."""
        drive, now = visit.drive, self._world.clock.now()
        share = self._share(visit)
        page = self._pages.get(share)
        news = page is not None and drive.polled_at is not None and page.at > drive.polled_at
        if not news and not drive.poll_now and drive.polled_at is not None and now < self.next_at(visit):
            visit.wake(self.next_at(visit))
            return
        cursor = foreign.parse_cursor(visit.pipeline.status.dbt_cloud.cursor, now=now)
        client = await self._clients.of(visit.pipeline)
        with drive.asking("list"):
            page = await self._page(client, visit, share, since=cursor.since)
        self._take(visit, cursor, page)
        visit.wake(self.next_at(visit))

    def next_at(self, visit: Visit) -> datetime:
        """When to ask next."""
        drive = visit.drive
        return drive.pace.next_poll(
            now=self._world.clock.now(),
            last=drive.polled_at,
            active_since=self._active_since(visit),
            webhook=visit.spec.webhook_secret_ref is not None,
            pauses=self.pauses,
        )

    def _active_since(self, visit: Visit) -> datetime | None:
        """Since when an end is awaited: of a run of ours, or of one that a webhook has told of."""
        run, now = visit.run, self._world.clock.now()
        awaited = visit.drive.awaited
        for number in [number for number, at in awaited.items() if now >= at + AWAITED]:
            awaited.pop(number)
        times = [*awaited.values(), *([run.at] if run is not None and run.id is not None else [])]
        return min(times, default=None)

    def set_back(self) -> None:
        """The clock was: an answer of later counts for nobody."""
        self._pages.clear()
        self._sharing.clear()

    def forget(self, key: Key) -> None:
        """The Pipeline is gone."""
        for share in list(self._sharing):
            self._sharing[share].pop(key, None)
            if not self._sharing[share]:
                for table in (self._sharing, self._pages, self._locks):
                    table.pop(share, None)

    async def _page(self, client: DbtCloud, visit: Visit, share: Share, *, since: datetime) -> Page:
        """The answer that another Pipeline has just got, or a new one."""
        drive, sharing = visit.drive, self._joined(visit.key, share, since=since)
        async with self._locks.setdefault(share, asyncio.Lock()):
            page = self._pages.get(share)
            asked = drive.poked_at or drive.polled_at
            if page is not None and page.since <= since and asked is not None and page.at > asked:
                return page
            page = self._pages[share] = await self._ask(client, visit, since=earliest(sharing.values()))
        for key in sharing.keys() - {visit.key}:
            self._world.queue.add(key)
        return page

    def _joined(self, key: Key, share: Share, *, since: datetime) -> dict[Key, Mate]:
        """Those who look at the same runs, once this one is among them and nowhere else."""
        for other in [other for other in self._sharing if other != share]:
            self._sharing[other].pop(key, None)
        sharing = self._sharing.setdefault(share, {})
        sharing[key] = Mate(since=since, seen_at=self._world.clock.now())
        return sharing

    async def _ask(self, client: DbtCloud, visit: Visit, *, since: datetime) -> Page:
        job, at = visit.drive.job, self._world.clock.now()
        whole = visit.spec.observe != "Job" and job is not None and job.environment_id is not None
        runs: list[model.Run] = []
        for number in range(MOST_PAGES):
            page = await client.list_runs(
                query=RunQuery(
                    job_id=None if whole else visit.spec.job_id,
                    environment_id=job.environment_id if whole and job else None,
                    finished=(since, at + AHEAD),
                    order_by="finished_at",
                    limit=PAGE,
                    offset=number * PAGE,
                )
            )
            runs += page.runs
            if page.size < PAGE:
                break
        return Page(runs=tuple(runs), since=since, at=at)

    def _take(self, visit: Visit, cursor: foreign.Cursor, page: Page) -> None:
        drive, run = visit.drive, visit.run
        drive.polled_at, drive.poll_now, drive.poked_at = page.at, False, None
        for it in page.runs:
            drive.awaited.pop(it.id, None)
            if run is not None and marker.token_in(it.cause) == run.token:
                drive.listed = it.id
        new, _ = foreign.advance(cursor, runs=page.runs)
        for it in page.runs:
            if run is not None and _is_ours(it, run, visit):
                drive.ended.add(it.id)
                drive.told = it
        drive.foreign.clear()
        drive.foreign.extend(it for it in new if not _is_under_way(it, visit))

    def _share(self, visit: Visit) -> Share:
        """Who sees the same runs: the token counts too, since nobody may see what another's token shows."""
        spec, job = visit.spec, visit.drive.job
        mark = self._clients.mark(visit.pipeline)
        environment = None if spec.observe == "Job" or job is None else job.environment_id
        if environment is None:
            return spec.host, spec.account_id, "job", spec.job_id, mark
        return spec.host, spec.account_id, "environment", environment, mark


def _is_under_way(run: model.Run, visit: Visit) -> bool:
    """Is this the run that the protocol follows? It takes the results itself."""
    meant = visit.run
    if meant is None:
        return False
    return _is_ours(run, meant, visit) or marker.token_in(run.cause) == meant.token


def _is_ours(run: model.Run, meant: DbtRun, visit: Visit) -> bool:
    """By its id, which means nothing where the Pipeline names another place by now."""
    return meant.id == str(run.id) and place_of_run(meant, visit.spec) == place_of(visit.spec)
