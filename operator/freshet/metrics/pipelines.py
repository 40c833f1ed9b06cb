"""``freshet_pipeline_*``: labels namespace, pipeline."""

import re
from collections.abc import Callable, Iterator

from freshet.api import conditions as c
from freshet.api.pipeline import Pipeline
from freshet.core.warehouse import reached
from freshet.metrics.text import escape, head, parts
from freshet.runtime.cache import Cache

__all__ = ["PipelineMetrics"]

RUN_PAGE = re.compile(r"(https?://[^\s?#]+/runs/)\d+/?")


class PipelineMetrics:
    """All families of the Pipelines that the cache knows."""

    def __init__(self, *, cache: Cache) -> None:
        self._cache = cache

    def chunks(self) -> Iterator[str]:
        """All families, in pieces that take milliseconds."""
        pipelines = [(pipeline, _labels(pipeline)) for pipeline in self._cache.pipelines]
        for name, help, value in self._gauges():
            yield head(name, help)
            for part in parts(pipelines):
                yield "".join([f"{name}{{{labels}}} {x!r}\n" for it, labels in part if (x := value(it)) is not None])
        name = "freshet_pipeline_dbt_cloud_info"
        yield head(name, "The dbt Cloud job that a pipeline drives.")
        for part in parts(pipelines):
            yield "".join([f"{name}{{{self._job(it)},{labels}}} 1.0\n" for it, labels in part if it.spec.dbt_cloud])

    def _gauges(self) -> tuple[tuple[str, str, Callable[[Pipeline], float | None]], ...]:
        return (
            (
                "freshet_pipeline_ready",
                "1 when the pipeline is reconciled, 0 when its spec needs a change.",
                lambda pipeline: _condition(pipeline, c.READY),
            ),
            (
                "freshet_pipeline_dbt_cloud_ready",
                "1 when dbt Cloud answers and has the job, 0 when not.",
                lambda pipeline: _condition(pipeline, c.DBT_CLOUD_READY),
            ),
            (
                "freshet_pipeline_warehouse_reachable",
                "1 when the newest load or count reached the warehouse, 0 when it could not.",
                self._reachable,
            ),
            (
                "freshet_pipeline_suspended",
                "1 while the pipeline is suspended.",
                lambda pipeline: float(pipeline.spec.suspend),
            ),
        )

    def _reachable(self, pipeline: Pipeline) -> float | None:
        found = reached(self._cache.assets_of(pipeline.namespace, pipeline.name))
        return None if found is None else float(found)

    def _job(self, pipeline: Pipeline) -> str:
        spec = pipeline.spec.dbt_cloud
        assert spec is not None
        host, account = spec.host.rstrip("/"), str(spec.account_id)
        runs = self._runs(pipeline, account) or f"{host}/deploy/{account}/runs/"
        return f'account="{account}",host="{escape(host)}",job="{spec.job_id}",runs="{escape(runs)}"'

    def _runs(self, pipeline: Pipeline, account: str) -> str | None:
        """What the page of a run is below, which has the project in it, as dbt Cloud has said of one that ended."""
        ended = (asset.status.last_run for asset in self._cache.assets_of(pipeline.namespace, pipeline.name))
        pages = (RUN_PAGE.fullmatch(run.url) for run in ended if run is not None and run.url)
        return next((page[1] for page in pages if page and f"/{account}/" in page[1]), None)


def _condition(pipeline: Pipeline, type: str) -> float | None:
    found = c.find(pipeline.status.conditions, type=type)
    return None if found is None or found.status == "Unknown" else float(found.status == "True")


def _labels(pipeline: Pipeline) -> str:
    return f'namespace="{pipeline.namespace}",pipeline="{pipeline.name}"'
