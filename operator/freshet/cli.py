"""The command line: ``freshet operator | doctor | runbook | ingest | count | local …``.

Each command is imported when it is asked for, so that a load in a pod never pays for kopf, nor the operator for dlt.
"""

import click

from freshet import __version__
from freshet.lazy import Lazy, LazyGroup

__all__ = ["main"]


class Commands(LazyGroup):
    """Everything that freshet can be told to do."""

    lazy = {
        "count": Lazy(module="freshet.workloads.count", name="count", help="Count the rows of a table or view."),
        "doctor": Lazy(
            module="freshet.doctor.command", name="doctor", help="Look for what is wrong with an installation."
        ),
        "ingest": Lazy(module="freshet.workloads.ingest", name="ingest", help="Load CSV files into a warehouse."),
        "local": Lazy(
            module="freshet.local.cli",
            name="local",
            help="A Kubernetes cluster on this machine, the demo and its stand-ins.",
            extra="local",
        ),
        "waiting": Lazy(
            module="freshet.workloads.waiting",
            name="waiting",
            help="Say what the load or count beside this waits for (a readiness probe).",
        ),
        "runbook": Lazy(module="freshet.manual.command", name="runbook", help="Print what to do about an alert."),
        "operator": Lazy(module="freshet.lean", name="operator", help="Keep the assets of a cluster fresh."),
    }


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="freshet")
def main() -> None:
    """Keep data assets fresh on Kubernetes."""
