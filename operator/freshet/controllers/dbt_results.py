"""From a dbt Cloud run that ended to what it means for each asset: results are fetched once, and handed to the assets'
reconcilers through the inbox, as often as it takes until all have taken them in.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from freshet.api.asset import Asset
from freshet.api.pipeline import DbtCloudSpec, Pipeline
from freshet.api.pipeline_status import DbtRun
from freshet.api.view import Key
from freshet.controllers.dbt_ended import foreign_run, own_run, passed_run, source_run
from freshet.controllers.dbt_judged import strangers
from freshet.controllers.dbt_known import Known
from freshet.controllers.dbt_members import unique_id_of
from freshet.controllers.dbt_targets import of_these_tables
from freshet.controllers.world import World, pipeline_key
from freshet.core.lineage import key_of
from freshet.core.outcome import Ended, is_recorded
from freshet.dbtcloud import errors, model
from freshet.dbtcloud.client import DbtCloud
from freshet.dbtcloud.project import Manifest, Model, TestNode, named
from freshet.dbtcloud.results import StepResults, merge, parse
from freshet.dbtcloud.silence import taken_at_its_word
from freshet.dbtcloud.steps import artifact_steps, cut_short

__all__ = ["Results", "Rewards"]

logger = logging.getLogger(__name__)

SLOWEST = 120.0
"""Seconds for the results of one step, all attempts together."""
CUT_SHORT = 15
"""So many polls of a run under way: what a step that was cancelled left is waited for no longer."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """What the run's steps say. ``complete``: nothing more is due to come; ``missing``: steps that say nothing yet."""

    complete: bool
    steps: StepResults | None = None
    missing: tuple[model.RunStep, ...] = ()
    skew: timedelta = timedelta(0)
    """How far the service's clock was ahead of ours when they were read."""
    untold: tuple[str, ...] = ()
    """Commands that left no results and whose words do not tell what they built."""
    trouble: errors.DbtCloudError | None = None
    """Why something is missing, where dbt Cloud has said so."""

    @property
    def built(self) -> int:
        """How many models were built: what dbt Cloud bills."""
        nodes = self.steps.nodes if self.steps else {}
        return sum(node.built for name, node in nodes.items() if name.startswith("model."))


class Rewards:
    """Fetches results and hands them over."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    async def fetch(self, client: DbtCloud, run: model.Run, *, pipeline: Pipeline) -> Results:
        """Read run_results.json of each step that ran. What is not there yet leaves the results incomplete."""
        steps: list[tuple[int | None, str | None]] = list(artifact_steps(run))
        if not steps and run.run_steps is None:
            steps = [(None, None)]
        tests, models = self._tests(pipeline), [unique_id_of(asset) for asset in self._models(pipeline)]
        models += [source for sources in self._sources_of(pipeline).values() for source in sources]
        cut, pages, missing, trouble = cut_short(run), [], [], None
        for step, command in steps:
            raw, why = await _artifact(client, run, step, job=pipeline.spec.dbt_cloud)
            trouble = why or trouble
            page = parse(raw, command=command, tests=tests, models=models)
            if isinstance(page, StepResults):
                pages.append(of_these_tables(page, run, step, job=pipeline.spec.dbt_cloud))
            else:
                missing += [it for it in run.run_steps or () if it.index == step]
        if cut in missing and self._is_over(run, skew=client.skew):
            missing.remove(cut)
        complete = len(pages) == len(steps) or (cut is not None and not missing)
        merged = merge(pages) if pages else None
        return Results(complete=complete, steps=merged, missing=tuple(missing), skew=client.skew, trouble=trouble)

    def _is_over(self, run: model.Run, *, skew: timedelta) -> bool:
        """Has the cancelled run had the time to leave anything?"""
        grace = timedelta(seconds=self._world.settings.dbt_poll_fast) * CUT_SHORT
        return run.finished_at is None or self._world.clock.now() + skew >= run.finished_at + grace

    def completed(self, pipeline: Pipeline, run: model.Run, results: Results, *, ours: bool = False) -> Results:
        """Results that do not come any more are made up for by what the steps' commands and their ends say."""
        manifest = self._manifest(pipeline)
        known = manifest.models if manifest else self._named(pipeline)
        silent = taken_at_its_word(run, steps=results.missing, models=known, whole=manifest is not None, ours=ours)
        if not silent.nodes:
            return replace(results, untold=silent.untold)
        steps = results.steps or StepResults(which="build")
        return replace(results, steps=replace(steps, nodes={**silent.nodes, **steps.nodes}), untold=silent.untold)

    def own(self, pipeline: Pipeline, intent: DbtRun, run: model.Run, results: Results | None) -> list[str]:
        """Hand over what a run of ours came to; returns the names of the assets that have yet to take it in."""
        known = replace(self._known(pipeline, run, results), meant=frozenset(intent.assets))
        waiting = []
        for asset in self._models(pipeline):
            if asset.name in intent.assets:
                ended: Ended | None = own_run(known, asset, intent)
            elif asset.name in intent.passed:
                ended = passed_run(known, asset, intent)
            else:
                ended = foreign_run(known, asset)
            waiting += self._hand_over(asset, ended)
        return waiting + self._sources(known)

    def foreign(self, pipeline: Pipeline, run: model.Run, results: Results) -> list[str]:
        """Hand over what somebody else's run came to; returns the names of those that have yet to take it in."""
        known = self._known(pipeline, run, results)
        waiting = [it for asset in self._models(pipeline) for it in self._hand_over(asset, foreign_run(known, asset))]
        return waiting + self._sources(known)

    def _sources(self, known: Known) -> list[str]:
        """Hand over what tests of sources found, to the Assets that those are."""
        assets = ((known.find(name), sources) for name, sources in self._sources_of(known.pipeline).items())
        here = [(it, sources) for it, sources in assets if it is not None and it.metadata.deletion_timestamp is None]
        return [name for it, sources in here for name in self._hand_over(it, source_run(known, sources))]

    def tell_unknown(self, pipeline: Pipeline, run: model.Run, results: Results, names: Iterable[str] = ()) -> None:
        """One Event for what a run that succeeded leaves open; ``names``: the Assets that it was for."""
        meant = set(names)
        expected = [unique_id_of(asset) for asset in self._models(pipeline) if asset.name in meant]
        if message := strangers(results.steps, run=run, expected=expected):
            self._world.tell(pipeline, type="Warning", reason="UnknownStatus", message=f"{run.message}; {message}")

    def _sources_of(self, pipeline: Pipeline) -> Mapping[str, frozenset[str]]:
        return self._world.tested.get(pipeline_key(pipeline, pipeline.name), {})

    def _hand_over(self, asset: Asset, ended: Ended | None) -> list[str]:
        if ended is None or is_recorded(asset.status, ended):
            return []
        logger.debug("%s: run %s %s (%s)", key_of(asset), ended.id, ended.outcome, ended.looked_at)
        self._world.hand_over(key_of(asset), ended)
        return [asset.name]

    def _known(self, pipeline: Pipeline, run: model.Run, results: Results | None) -> Known:
        return Known(
            pipeline=pipeline,
            run=run,
            steps=results.steps if results else None,
            skew=results.skew if results else timedelta(0),
            now=self._world.clock.now(),
            tests=self._tests(pipeline),
            find=lambda name: self._world.cache.assets.get(Key("Asset", pipeline.namespace, name)),
            live=lambda name: self._world.graph.live(Key("Asset", pipeline.namespace, name)),
        )

    def _tests(self, pipeline: Pipeline) -> Mapping[str, TestNode] | None:
        """The project's tests, where a manifest is known."""
        manifest = self._manifest(pipeline)
        return manifest.tests if manifest else None

    def _manifest(self, pipeline: Pipeline) -> Manifest | None:
        return self._world.manifests.get(pipeline_key(pipeline, pipeline.name))

    def _named(self, pipeline: Pipeline) -> dict[str, Model]:
        """The Pipeline's models where there is no manifest: their names are all that is known."""
        return {model.unique_id: model for asset in self._models(pipeline) if (model := named(unique_id_of(asset)))}

    def _models(self, pipeline: Pipeline) -> Iterable[Asset]:
        assets = self._world.cache.assets_of(pipeline.namespace, pipeline.name)
        return [a for a in assets if unique_id_of(a) and a.metadata.deletion_timestamp is None]


async def _artifact(
    client: DbtCloud, run: model.Run, step: int | None, *, job: DbtCloudSpec | None
) -> tuple[bytes | None, errors.DbtCloudError | None]:
    """A step's results, or why not: they are not there, or are refused or too large for good, or do not come although
    dbt Cloud answers for the job: they are waited for no longer than any that are late. Raises what an outage raises.
    """
    try:
        async with asyncio.timeout(SLOWEST):
            return await client.get_artifact(run_id=run.id, path="run_results.json", step=step), None
    except errors.NotFound:
        return None, None
    except (errors.Unreachable, TimeoutError) as error:
        if job is not None:
            await client.get_job(job_id=job.job_id)
        return None, error if isinstance(error, errors.DbtCloudError) else None
    except errors.DbtCloudError as error:
        if not errors.is_of_one(error):
            raise
        return None, error
