"""``freshet local databricks``: the stand-in in the foreground, on loopback, until it is told to end."""

import os
import signal
import threading
from pathlib import Path

import click

from freshet.local.databricks.server import HTTP_PATH, DatabricksServer

__all__ = ["databricks"]

ORPHAN_CHECK = 0.5


@click.command("databricks")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback; 0 takes a free one.")
@click.option("--port-file", type=click.Path(path_type=Path), help="Where to write the port once it listens.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), required=True, help="Tables and volumes.")
@click.option("--catalog", default="main", show_default=True, help="The catalog that there is.")
@click.option("--warehouse-path", type=click.Path(path_type=Path, dir_okay=False), help="Its DuckDB file.")
@click.option("--token", required=True, envvar="FRESHET_DATABRICKS_TOKEN", help="What clients must send.")
@click.option("--die-with-parent", is_flag=True, help="End when the process that started this one is gone.")
def databricks(
    port: int,
    port_file: Path | None,
    state: Path,
    catalog: str,
    warehouse_path: Path | None,
    token: str,
    die_with_parent: bool,
) -> None:
    """A stand-in for a Databricks SQL warehouse, on DuckDB."""
    end = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: end.set())
    parent = os.getppid()
    files = {catalog.lower(): (warehouse_path or state / f"{catalog}.duckdb").absolute()}
    try:
        server = DatabricksServer(state=state.absolute(), token=token, files=files, port=port)
    except OSError as error:
        raise click.ClickException(f"Port {port} cannot be used: {error.strerror}. Use --port 0.") from error
    with server:
        if port_file is not None:
            draft = port_file.with_name(f".{port_file.name}.tmp")
            draft.write_text(f"{server.port}\n")
            draft.replace(port_file)
        click.echo(f"Databricks stand-in: host {server.url}, httpPath {HTTP_PATH}")
        while not end.wait(ORPHAN_CHECK) and (not die_with_parent or os.getppid() == parent):
            continue
