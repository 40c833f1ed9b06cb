"""``freshet local node``: the node agent in the foreground."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import click
from kubernetes.aio.config import ConfigException

from freshet.local.node.agent import Options, run_agent
from freshet.local.node.kube import KubeError
from freshet.local.node.launch.linux import die_with_parent

__all__ = ["node"]

PARENT_POLL = 0.5


@click.command()
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="How to reach the API server, as an administrator or as a node.",
)
@click.option("--name", default="local", show_default=True, help="The Node's name.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path), help="Written (the log endpoint's port) once pods can come."
)
@click.option(
    "--die-with-parent", is_flag=True, help="End, with all pods, when the process that started this one ends."
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the pods' volumes, logs and messages; default: node-NAME beside the kubeconfig.",
)
@click.option(
    "--max-pods", default=110, show_default=True, type=click.IntRange(1), help="Pods that run at once; others wait."
)
@click.option(
    "--restart-delay",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Seconds before the second restart of a failing container; doubles up to five minutes.",
)
def node(
    kubeconfig: Path,
    name: str,
    ready_file: Path | None,
    die_with_parent: bool,
    root: Path | None,
    max_pods: int,
    restart_delay: float,
) -> None:
    """Run pods as processes of this machine.

    The agent registers a Node, binds pods that have none, and runs their containers with neither Docker nor root. An
    image is only a name: freshet's own runs in this Python environment, any other runs its command on this machine.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    options = Options(
        kubeconfig=kubeconfig,
        name=name,
        root=(root or kubeconfig.resolve().parent / f"node-{name}").resolve(),
        max_pods=max_pods,
        restart_delay=restart_delay,
        ready_file=ready_file,
    )
    try:
        asyncio.run(_main(options, with_parent=die_with_parent))
    except (KubeError, ConfigException, OSError) as error:
        raise click.ClickException(f"the node agent cannot run with {kubeconfig}: {error}") from error


async def _main(options: Options, *, with_parent: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_watch_parent(stop)) if with_parent else None
    try:
        await run_agent(options, stop=stop)
    finally:
        if watch is not None:
            watch.cancel()


async def _watch_parent(stop: asyncio.Event) -> None:
    """The kernel tells us on Linux; elsewhere, and if the parent was gone before, we look."""
    parent = os.getppid()
    die_with_parent(signal.SIGTERM)
    while True:
        if os.getppid() != parent or parent == 1:
            stop.set()
            return
        await asyncio.sleep(PARENT_POLL)
