"""Carries runs out: one at a time per job, in the order in which they came; those of different jobs side by side."""

import asyncio
import logging
import shlex
from collections.abc import Callable
from pathlib import Path

from freshet.local.dbtcloud.executor import Checkout, Executor, Work
from freshet.local.dbtcloud.model import Job, Run, Status, Step
from freshet.local.dbtcloud.service import Service

__all__ = ["Scheduler"]

log = logging.getLogger(__name__)

LONGEST = 86_400
"""Seconds after which any run is cancelled (the account's limit)."""


class Scheduler:
    """Takes queued runs and sees them through to their end. ``notify(event, run)`` hears of starts and ends."""

    def __init__(self, *, service: Service, executor: Executor, notify: Callable[[str, Run], None]) -> None:
        self.service, self.executor, self.notify = service, executor, notify
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._wakers: dict[int, asyncio.Event] = {}
        self._closing = False

    def start(self) -> None:
        """Take up what was queued when the service last ended."""
        for run in self.service.runs.values():
            if run.status == Status.QUEUED:
                self.wake(run.job_id)

    async def close(self) -> None:
        """Stop; what runs is lost, what is queued waits for the next start."""
        self._closing = True
        tasks = [*self._workers.values(), *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, job_id: int) -> None:
        """There is a new run of that job."""
        self._wakers.setdefault(job_id, asyncio.Event()).set()
        if job_id not in self._workers:
            self._workers[job_id] = asyncio.create_task(self._work(job_id), name=f"job {job_id}")

    async def cancel(self, run: Run) -> None:
        """Cancel a run that has not ended; its processes are gone when this returns."""
        if task := self._running.get(run.id):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not run.done:  # it waited, or its task had not begun
            self._finish(run, Status.CANCELLED, "Cancelled by user")

    async def _work(self, job_id: int) -> None:
        """A job's worker."""
        waker = self._wakers[job_id]
        while True:
            waker.clear()
            while run := self._next(job_id):
                self._running[run.id] = asyncio.create_task(self._see_through(run), name=f"run {run.id}")
                await asyncio.wait([self._running[run.id]])
                self._running.pop(run.id)
            await waker.wait()

    def _next(self, job_id: int) -> Run | None:
        waiting = (run for run in self.service.runs.values() if run.job_id == job_id and run.status == Status.QUEUED)
        return next(waiting, None)

    async def _see_through(self, run: Run) -> None:
        """One run, whatever happens to it."""
        job = self.service.job(run.job_id)
        seconds = run.trigger.timeout_seconds_override
        seconds = job.timeout_seconds if seconds is None else seconds
        try:
            async with asyncio.timeout(seconds or LONGEST):
                status, message = await self._execute(run, job)
        except TimeoutError:
            status, message = Status.CANCELLED, _timed_out(seconds or LONGEST)
        except asyncio.CancelledError:
            if self._closing:
                raise
            status, message = Status.CANCELLED, "Cancelled by user"
        except Exception:
            log.exception("run %s could not be carried out", run.id)
            status, message = Status.ERROR, "This run failed for a reason of the service's own."
        self._finish(run, status, message)

    async def _execute(self, run: Run, job: Job) -> tuple[Status, str | None]:
        run.dequeued_at = self.service.clock()
        self._set(run, Status.STARTING)
        try:
            checkout = await self.executor.checkout(run)
        except (OSError, ValueError) as error:
            run.steps = self._steps(run, [CLONE])
            self._log(run, run.steps[0], str(error))
            self._end_step(run, run.steps[0], ok=False)
            return Status.ERROR, "Failed to clone the git repository"
        run.git_branch, run.git_sha = checkout.git_branch, checkout.git_sha
        run.steps = self._steps(run, [*_preparing(checkout), *self._commands(run, job)])
        run.started_at = self.service.clock()
        self._set(run, Status.RUNNING)
        self.notify("job.run.started", run)
        return await self._steps_through(run, job, checkout)

    async def _steps_through(self, run: Run, job: Job, checkout: Checkout) -> tuple[Status, str | None]:
        """Every step in order until one fails; the checking of sources does not fail a run."""
        for step in run.steps:
            step.started_at = self.service.clock()
            step.status = Status.RUNNING
            self._set(run, run.status)
            if step.command is None or (step.name == DEPS and not checkout.has_packages):
                self._log(run, step, _prepared(step, checkout))
                self._end_step(run, step, ok=True)
                continue
            ok = await self.executor.execute(self._work_of(run, job, step, step.command))
            self._end_step(run, step, ok=ok)
            if not ok and step.name != SOURCES:
                return Status.ERROR, "dbt command failed"
        return Status.SUCCESS, None

    def _work_of(self, run: Run, job: Job, step: Step, command: str) -> Work:
        return Work(
            run=run,
            job=job,
            environment=self.service.environment(run.environment_id),
            step=step,
            command=command,
            folder=self.service.store.step_folder(run.id, step.index),
            retried=self._failed_target(run) if shlex.split(command)[1:2] == ["retry"] else None,
        )

    def _failed_target(self, run: Run) -> Path:
        earlier = self.service.run(run.retrying_run_id or 0)
        failed = next(step for step in earlier.steps if step.status == Status.ERROR)
        return self.service.store.step_folder(earlier.id, failed.index) / "target"

    def _commands(self, run: Run, job: Job) -> list[str]:
        """The names of the steps that the job itself asks for, in order."""
        if run.retrying_run_id is not None:
            earlier = self.service.run(run.retrying_run_id)
            failed = next(step.index for step in earlier.steps if step.status == Status.ERROR)
            return [_invoke("dbt retry"), *(step.name for step in earlier.steps[failed:])]
        names = [SOURCES] if job.run_generate_sources else []
        names += [_invoke(command) for command in run.trigger.steps_override or job.execute_steps]
        docs = run.trigger.generate_docs_override
        return [*names, DOCS] if (job.generate_docs if docs is None else docs) else names

    def _steps(self, run: Run, names: list[str]) -> list[Step]:
        now = self.service.clock()
        return [
            Step(id=run.id * 100 + index, index=index, name=name, command=_command(name), created_at=now)
            for index, name in enumerate(names, start=1)
        ]

    def _end_step(self, run: Run, step: Step, *, ok: bool) -> None:
        step.status, step.finished_at = Status.SUCCESS if ok else Status.ERROR, self.service.clock()
        target = self.service.store.step_folder(run.id, step.index) / "target"
        run.has_docs_generated = run.has_docs_generated or (target / "catalog.json").exists()
        run.has_sources_generated = run.has_sources_generated or (target / "sources.json").exists()

    def _log(self, run: Run, step: Step, text: str) -> None:
        folder = self.service.store.step_folder(run.id, step.index)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "logs.txt").write_text(text + "\n")

    def _set(self, run: Run, status: Status) -> None:
        run.status, run.updated_at = status, self.service.clock()
        self.service.store.save(run)

    def _finish(self, run: Run, status: Status, message: str | None) -> None:
        now = self.service.clock()
        for step in run.steps:
            if step.finished_at is None:
                step.status, step.finished_at = Status.CANCELLED, now
        run.status_message, run.finished_at = message, now
        self._set(run, status)
        self.service.ended(run)
        log.info("run %s: %s%s", run.id, status.humanized, f" ({message})" if message else "")
        if status == Status.ERROR:
            self.notify("job.run.errored", run)
        self.notify("job.run.completed", run)


def _invoke(command: str) -> str:
    return f"Invoke dbt with `{command}`"


CLONE = "Clone git repository"
DEPS = _invoke("dbt deps")
SOURCES = _invoke("dbt source freshness")
DOCS = _invoke("dbt docs generate")


def _command(name: str) -> str | None:
    """The dbt command of a step; None for those that only prepare."""
    command = name.removeprefix("Invoke dbt with `").removesuffix("`")
    return None if command == name else command


def _preparing(checkout: Checkout) -> list[str]:
    return [CLONE, f"Create profile from connection {checkout.connection}", DEPS]


def _prepared(step: Step, checkout: Checkout) -> str:
    texts = {CLONE: f"Checked out {checkout.git_sha} ({checkout.git_branch}).", DEPS: "The project names no packages."}
    return texts.get(step.name, f"Created a profile for {checkout.connection}.")


def _timed_out(seconds: int) -> str:
    ran = f"This run timed out after running for {seconds} seconds"
    return f"{ran}, which exceeded the configured timeout of {seconds} seconds."
