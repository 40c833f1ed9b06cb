"""Runs that are real dbt: the project as it is now, a profile made for the warehouse, and each command dbt itself.

As in dbt Cloud, the profile comes from the connection and not from the project: any dbt project for DuckDB works.
"""

import hashlib
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import yaml

from freshet.local.dbtcloud.executor import Checkout, Work
from freshet.local.dbtcloud.filters import PROJECT
from freshet.local.dbtcloud.model import Run
from freshet.local.dbtcloud.warm import WarmDbt

__all__ = ["DbtExecutor"]

LEFT_OUT = frozenset({"target", "logs", "dbt_packages", ".git", ".user.yml", "profiles.yml", "__pycache__"})
"""What a clone of the repository would not have, and the profile, which is made."""
PARSED = "partial_parse.msgpack"
BRANCH = "main"


class DbtExecutor:
    """Carries runs out with dbt on a DuckDB file."""

    def __init__(self, *, project: Path, folder: Path, warehouse: Path, account_id: int) -> None:
        self.project, self.folder, self.warehouse, self.account_id = project, folder, warehouse.absolute(), account_id
        self._dbt = WarmDbt()
        self._checkouts: dict[int, Path] = {}

    async def start(self) -> None:
        """Let the process with dbt in it get ready."""
        await self._dbt.start()

    async def close(self) -> None:
        """End every process."""
        await self._dbt.close()

    async def checkout(self, run: Run) -> Checkout:
        """Copy the project as it is now; its content's hash stands for the commit. Any branch's name is accepted."""
        sha = _digest(self.project)
        clone = self._checkouts[run.id] = self.folder / "clones" / sha
        if not clone.exists():
            draft = clone.with_name(f"{sha}.tmp")
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(self.project, draft, ignore=lambda _, names: LEFT_OUT.intersection(names))
            draft.rename(clone)
        return Checkout(
            git_branch=run.trigger.git_branch or BRANCH,
            git_sha=run.trigger.git_sha or sha,
            connection="DuckDB",
            has_packages=any((clone / name).exists() for name in ("packages.yml", "dependencies.yml")),
        )

    async def execute(self, work: Work) -> bool:
        """One dbt command. Raises nothing for a command that fails; its log says why."""
        target = work.folder / "target"
        target.mkdir(parents=True)
        clone = self._checkouts[work.run.id]
        self._profile(work, clone)
        parsed = self.folder / "parsed" / f"{clone.name}-{work.run.schema}-{self._target(work)}.msgpack"
        if parsed.exists():
            shutil.copyfile(parsed, target / PARSED)
        log = work.folder / "logs.txt"
        code = await self._command(work, clone=clone, target=target, log=log)
        self._keep_parsed(target / PARSED, parsed)
        return code == 0

    async def _command(self, work: Work, *, clone: Path, target: Path, log: Path) -> int:
        argv = shlex.split(work.command)[1:]
        env = self._environment(work, clone=clone, target=target)
        try:
            return await self._dbt.run(argv, env=env, cwd=clone, log=log, wait_for=self.warehouse)
        except ConnectionError as error:
            with log.open("a") as file:
                file.write(f"{error}\n")
            return 2

    def _keep_parsed(self, parsed: Path, kept: Path) -> None:
        """Spare the next run of the same project most of the parsing."""
        if parsed.exists():
            kept.parent.mkdir(exist_ok=True)
            draft = kept.with_suffix(f".{os.getpid()}.tmp")
            shutil.copyfile(parsed, draft)
            draft.replace(kept)

    def _target(self, work: Work) -> str:
        return work.run.trigger.target_name_override or work.job.target_name

    def _profile(self, work: Work, clone: Path) -> None:
        name = yaml.safe_load((clone / "dbt_project.yml").read_text())["profile"]
        target = self._target(work)
        output = {
            "type": "duckdb",
            "path": str(self.warehouse),
            "schema": work.run.schema,
            "threads": work.run.trigger.threads_override or work.job.threads,
            "settings": {"TimeZone": "UTC"},
            "retries": {"connect_attempts": 7, "retryable_exceptions": ["IOException"]},
        }
        profile: dict[str, Any] = {name: {"target": target, "outputs": {target: output}}}
        (work.folder / "profiles.yml").write_text(yaml.safe_dump(profile))

    def _environment(self, work: Work, *, clone: Path, target: Path) -> dict[str, str]:
        """dbt's settings, and what dbt Cloud tells a run about itself."""
        run = work.run
        cloud = {
            "ACCOUNT_ID": self.account_id,
            "PROJECT_ID": PROJECT,
            "JOB_ID": run.job_id,
            "RUN_ID": run.id,
            "ENVIRONMENT_ID": run.environment_id,
            "ENVIRONMENT_NAME": work.environment.name,
            "RUN_REASON": run.trigger.cause,
            "RUN_REASON_CATEGORY": run.trigger.cause_category,
            "GIT_BRANCH": run.git_branch or "",
            "GIT_SHA": run.git_sha or "",
        }
        told = {f"DBT_CLOUD_{name}": str(value) for name, value in cloud.items()}
        return {
            **told,
            **{f"DBT_ENV_CUSTOM_ENV_{name}": value for name, value in told.items()},
            "DBT_PROJECT_DIR": str(clone),
            "DBT_PROFILES_DIR": str(work.folder),
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(work.folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_USE_COLORS": "false",
            **({"DBT_STATE": str(work.retried)} if work.retried else {}),
        }


def _digest(project: Path) -> str:
    """Forty hexadecimal digits over the project's files. Raises ValueError where there is no dbt project."""
    if not (project / "dbt_project.yml").exists():
        raise ValueError(f"There is no dbt_project.yml in {project.name}.")
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(project.rglob("*")):
        relative = path.relative_to(project)
        if path.is_file() and not LEFT_OUT.intersection(relative.parts):
            digest.update(f"{relative}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()
