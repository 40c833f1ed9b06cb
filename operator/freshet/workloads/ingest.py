"""``freshet ingest``: load a source's CSV into its table, and say what is in the table now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from freshet.workloads.absent import forgo
from freshet.workloads.command import run

__all__ = ["ingest"]


@click.command()
@click.option("--spec", "path", type=click.Path(), help="The load's spec as JSON; default: the variable FRESHET_SPEC.")
@click.option("--debug", is_flag=True, envvar="FRESHET_DEBUG", help="Log more, with tracebacks.")
def ingest(path: str | None, debug: bool) -> None:
    """Load CSV files into a warehouse with dlt, once and whole.

    The same files again change nothing. The result is one JSON object on stdout and in the termination message file.
    """

    def work(started: datetime) -> Mapping[str, Any]:
        from freshet.workloads.load import load
        from freshet.workloads.result import last_result
        from freshet.workloads.spec import IngestSpec, read_spec

        spec = read_spec(IngestSpec, path=path)
        if spec.warehouse.duckdb is not None:
            forgo("numpy")  # pyarrow imports it if it can: a tenth of a second
        return load(spec=spec, last=last_result(), started=started)

    run("ingest", work, debug=debug)
