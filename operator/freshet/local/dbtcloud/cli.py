"""``freshet local dbt-cloud``: the stand-in in the foreground, on loopback, until it is told to end."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import click
from aiohttp import web

from freshet.local.dbtcloud.app import Options, build_app
from freshet.local.dbtcloud.envelope import ApiError
from freshet.local.dbtcloud.graph import Graph, parse_graph
from freshet.local.dbtcloud.model import Job
from freshet.local.dbtcloud.trigger import check_step
from freshet.local.dbtcloud.webhooks import Subscription

__all__ = ["dbt_cloud"]

HOST = "127.0.0.1"
ORPHAN_CHECK = 0.5


@click.command("dbt-cloud")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback; 0 takes a free one.")
@click.option("--port-file", type=click.Path(path_type=Path), help="Where to write the port once it listens.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), required=True, help="Runs and artifacts.")
@click.option("--project", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The dbt project.")
@click.option("--warehouse-path", type=click.Path(path_type=Path, dir_okay=False), help="The DuckDB file to build in.")
@click.option("--token", required=True, envvar="FRESHET_DBT_CLOUD_TOKEN", help="What clients must send.")
@click.option("--account", type=int, default=1, show_default=True)
@click.option("--job", type=int, default=1, show_default=True)
@click.option("--schema", default="kaizen_wars", show_default=True, help="The schema that the job builds into.")
@click.option(
    "--execute-step", multiple=True, default=("dbt build",), show_default=True, help="The job's own commands."
)
@click.option("--generate-docs", is_flag=True, help="The job generates docs after its own commands.")
@click.option("--queue-limit", type=click.IntRange(1), default=50, show_default=True, help="How many runs may wait.")
@click.option("--executor", type=click.Choice(["dbt", "scripted"]), default="dbt", show_default=True)
@click.option(
    "--graph", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Models of the scripted executor."
)
@click.option("--webhook-url", help="Who hears of runs.")
@click.option("--webhook-secret", envvar="FRESHET_DBT_CLOUD_WEBHOOK_SECRET", help="Signs what is sent there.")
@click.option("--die-with-parent", is_flag=True, help="End when the process that started this one is gone.")
def dbt_cloud(
    port: int,
    port_file: Path | None,
    state: Path,
    project: Path | None,
    warehouse_path: Path | None,
    token: str,
    account: int,
    job: int,
    schema: str,
    execute_step: tuple[str, ...],
    generate_docs: bool,
    queue_limit: int,
    executor: str,
    graph: Path | None,
    webhook_url: str | None,
    webhook_secret: str | None,
    die_with_parent: bool,
) -> None:
    """A stand-in for dbt Cloud's Administrative API whose runs are real dbt on DuckDB."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    if executor == "dbt" and (project is None or warehouse_path is None):
        raise click.UsageError("Real dbt needs --project and --warehouse-path (or use --executor scripted).")
    options = Options(
        state=state.absolute(),
        token=token,
        account=account,
        job=Job(id=job, execute_steps=_steps(execute_step), generate_docs=generate_docs),
        schema=schema,
        queue_limit=queue_limit,
        project=project and project.absolute(),
        warehouse=warehouse_path,
        graph=None if executor == "dbt" else _graph(graph),
        webhook=_webhook(webhook_url, webhook_secret),
    )
    asyncio.run(_serve(options, port, port_file, os.getppid() if die_with_parent else None))


async def _serve(options: Options, port: int, port_file: Path | None, parent: int | None) -> None:
    """Serve until SIGINT, SIGTERM or the parent's end."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, end.set)
    runner = web.AppRunner(build_app(options), shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        try:
            await site.start()
        except OSError as error:
            raise click.ClickException(f"Port {port} cannot be used: {error.strerror}. Use --port 0.") from error
        taken = runner.addresses[0][1]
        _announce(port_file, taken)
        await _until(end, parent)
    finally:
        await runner.cleanup()


async def _until(end: asyncio.Event, parent: int | None) -> None:
    while not end.is_set() and (parent is None or os.getppid() == parent):
        try:
            await asyncio.wait_for(end.wait(), ORPHAN_CHECK if parent else None)
        except TimeoutError:
            continue


def _announce(port_file: Path | None, port: int) -> None:
    if port_file is not None:
        draft = port_file.with_name(f".{port_file.name}.tmp")
        draft.write_text(f"{port}\n")
        draft.replace(port_file)
    click.echo(f"dbt Cloud stand-in: http://{HOST}:{port}")


def _steps(commands: tuple[str, ...]) -> list[str]:
    for command in commands:
        try:
            check_step(command)
        except ApiError as error:
            raise click.UsageError(f"--execute-step: {error.data}") from error
    return list(commands)


def _graph(path: Path | None) -> Graph:
    if path is None:
        return Graph()
    try:
        return parse_graph(path.read_bytes())
    except ValueError as error:
        raise click.UsageError(f"--graph {path}: {error}") from error


def _webhook(url: str | None, secret: str | None) -> Subscription | None:
    if (url is None) != (secret is None):
        raise click.UsageError("--webhook-url and --webhook-secret go together.")
    return None if url is None or secret is None else Subscription(url=url, secret=secret)
