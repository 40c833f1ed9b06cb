"""kopf's wiring: what it watches, with which settings, and where events go. Everything else is behind the Machine.

Run it as ``freshet operator`` or, as any kopf operator, ``kopf run -m freshet.main``.
"""

import asyncio
from itertools import chain
from pathlib import Path
from typing import Any

import click
import kopf
import uvloop
from aiohttp import web
from kopf._core.engines.activities import ActivityError

from freshet.api.names import API_VERSION, LABEL_MANAGED_BY, MANAGED_BY
from freshet.controllers import APART, Controllers
from freshet.lineage_page import lineage_page
from freshet.manual import manual
from freshet.metrics import AssetMetrics, PipelineMetrics
from freshet.runtime import kopfing, logs
from freshet.runtime.cache import Cache
from freshet.runtime.clock import SystemClock
from freshet.runtime.errors import CannotStart
from freshet.runtime.http import MetricChunks
from freshet.runtime.kube import Kube
from freshet.runtime.machine import Machine
from freshet.runtime.options import Options

__all__ = ["operator"]

PATH: Any = click.Path(path_type=Path)
MANAGED: Any = {LABEL_MANAGED_BY: MANAGED_BY}


def metrics(cache: Cache, controllers: Controllers) -> MetricChunks:
    """What is known of assets and pipelines, for /metrics."""
    assets = AssetMetrics(cache=cache, graph=controllers.graph, clock=SystemClock())
    pipelines = PipelineMetrics(cache=cache)
    return lambda: chain(assets.chunks(), pipelines.chunks())


def pages(cache: Cache, kube: Kube, controllers: Controllers, options: Options) -> dict[str, web.Application]:
    """What is served beside the metrics."""
    app, book = lineage_page(cache=cache, kube=kube, graph=controllers.graph, clock=SystemClock(), folder=options.ui)
    controllers.watch(book.feed.mark)
    return {"/lineage": app, "/docs": manual(), **controllers.webhooks()}


def machine(options: Options) -> Machine:
    """An operator that is not connected yet."""
    return Machine(options=options, controllers=Controllers, metrics=metrics, pages=pages, apart=APART)


@kopf.on.startup()
async def startup(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Connect unless ``freshet operator`` has, then list and begin."""
    kopfing.configure(settings)
    try:
        if "machine" not in memo:
            made = machine(Options.from_env(namespaces=kopfing.namespaces_of_command_line()))
            await made.open()
            memo["machine"] = made
        await memo["machine"].start()
    except CannotStart as error:
        raise kopf.PermanentError(str(error)) from error


@kopf.on.cleanup()
async def cleanup(memo: kopf.Memo, **_: Any) -> None:
    """End what startup began."""
    if "machine" in memo:
        await memo["machine"].stop()


@kopf.on.login()
async def login(memo: kopf.Memo, **_: Any) -> kopf.ConnectionInfo:
    """The watches use the same credentials as everything else."""
    return await kopfing.connection(memo["machine"].transport.access)


@kopf.on.event(API_VERSION, "pipelines", id="pipelines")
@kopf.on.event(API_VERSION, "assets", id="assets")
@kopf.on.event("batch/v1", "cronjobs", labels=MANAGED, id="cronjobs")
@kopf.on.event("batch/v1", "jobs", labels=MANAGED, id="jobs")
@kopf.on.event("v1", "pods", labels=MANAGED, id="pods")
async def seen(event: Any, memo: kopf.Memo, resource: kopf.Resource, **_: Any) -> None:
    """One object was seen, changed or deleted: the cache knows what to make of it."""
    deleted = event["type"] == "DELETED"
    memo["machine"].cache.ingest(event["object"], kind=resource.kind, deleted=deleted)


async def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT. Raises CannotStart."""
    made = machine(options)
    await made.open()
    namespaces = options.namespaces
    await kopf.operator(
        clusterwide=not namespaces, namespaces=namespaces, standalone=True, memo=kopf.Memo(machine=made)
    )


@click.command()
@click.option("--kubeconfig", type=PATH, help="Default: KUBECONFIG, the pod's own account, ~/.kube/config.")
@click.option("--namespace", "-n", "namespaces", multiple=True, help="Watch only this one; repeatable.")
@click.option("--host", help="Address to listen on, such as 127.0.0.1. Default: every interface, as probes need.")
@click.option("--port", type=click.IntRange(0, 65535), help="Of /metrics; 0: a free one. Default: 8080.")
@click.option("--port-file", type=PATH, help="Write the port here once it is open.")
@click.option("--ui", type=PATH, help="Folder of the built lineage page. Default: the one in the package.")
@click.option(
    "--lease",
    help="namespace or namespace/name of the Lease by which one replica acts, or none. Default: POD_NAMESPACE.",
)
@click.option("--log-format", type=click.Choice(["plain", "json"]), default="plain", show_default=True)
@click.option("--workers", type=click.IntRange(1, 256), default=32, show_default=True, help="Visits at a time.")
@click.option("--verbose", "-v", is_flag=True, help="Log each step.")
def operator(*, log_format: str, verbose: bool, **given: Any) -> None:
    """Keep the Assets and Pipelines of a cluster fresh, until told to stop."""
    logs.configure(log_format=log_format, verbose=verbose)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(Options.from_env(**given)))
    except CannotStart as error:
        raise Refusal(str(error)) from error
    except ActivityError as error:
        raise Refusal(kopfing.sentence(error)) from error


class Refusal(click.ClickException):
    """The operator cannot begin: one sentence, and an exit code of its own."""

    exit_code = 2
