"""``python -m freshet.workloads ingest | count``: the same commands without the entry point."""

import click

from freshet.workloads.count import count
from freshet.workloads.ingest import ingest

__all__ = ["main"]

main = click.Group("freshet", commands={"ingest": ingest, "count": count})

if __name__ == "__main__":
    main()
