"""``freshet local …``: a Kubernetes cluster on this machine and what runs beside it.

Commands of other parts are imported when they are asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from freshet.lazy import Lazy, LazyGroup

__all__ = ["local"]


class Commands(LazyGroup):
    """A cluster's own commands, and those of what runs beside it."""

    lazy = {
        "databricks": Lazy(
            module="freshet.local.databricks.cli",
            name="databricks",
            help="Serve a stand-in for a Databricks SQL warehouse.",
            extra="local",
        ),
        "dbt-cloud": Lazy(
            module="freshet.local.dbtcloud.cli",
            name="dbt_cloud",
            help="Serve a stand-in for dbt Cloud.",
            extra="local",
        ),
        "demo": Lazy(
            module="freshet.local.demo.show",
            name="demo",
            help="Run the kaizen-wars example and watch it become fresh.",
            extra="local",
        ),
        "node": Lazy(
            module="freshet.local.node.cli",
            name="node",
            help="Run the cluster's pods as processes of this machine.",
            extra="local",
        ),
    }


@click.group(cls=Commands)
def local() -> None:
    """A Kubernetes cluster on this machine, without Docker, root or an account."""


named = click.option("--name", default="default", show_default=True, help="Name of the cluster; several may run.")
placed = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of its data and kubeconfig; default: below the cache folder, by name.",
)


@local.command()
@named
@placed
@click.option("--keep", is_flag=True, help="Data survives `down` and a crash of this machine.")
@click.option("--context", help="Use this context of your kubeconfig instead of starting a cluster.")
def up(*, name: str, folder: Path | None, keep: bool, context: str | None) -> None:
    """Start a cluster and return when it is ready; `freshet local down` ends it."""
    from freshet.local.cluster_commands import adopt, launch
    from freshet.local.controlplane import build, progress_bar

    if keep and context:
        raise click.UsageError("--keep is for a cluster that is started here: leave it out with --context.")
    place = _place(name=name, folder=folder)
    with _told():
        with progress_bar() as progress:
            binary = build(progress=progress)
        if context:
            state = adopt(context=context, folder=place, kubectl=binary.with_name("kubectl"))
        else:
            state = launch(folder=place, keep=keep, binary=binary)
    click.echo(f"# Kubernetes answers at {state.server}", err=True)
    click.echo(f"export KUBECONFIG={state.kubeconfig}")
    click.echo(f"export PATH={Path(state.kubectl).parent}:$PATH")


@local.command()
@named
@placed
def down(*, name: str, folder: Path | None) -> None:
    """End a cluster and remove its data, unless it was started with --keep."""
    from freshet.local.cluster_commands import end

    place = _place(name=name, folder=folder)
    with _told():
        click.echo(end(folder=place))


@local.command()
def status() -> None:
    """List the clusters that run, but those in folders of their own."""
    from freshet.local.cluster_commands import known
    from freshet.local.paths import clusters_folder

    clusters = known()
    for name, state in clusters:
        click.echo(f"{name}\t{state.server}\tKUBECONFIG={state.kubeconfig}")
    if not clusters:
        click.echo(f"No cluster runs below {clusters_folder()}. Start one: freshet local up", err=True)


@local.command()
@click.option("--install", is_flag=True, help="Also copy it into the package, where `freshet operator` finds it.")
@click.option("--check", is_flag=True, help="Check its types and run its tests instead.")
def ui(*, install: bool, check: bool) -> None:
    """Build the lineage page from ui/ and print its folder, for `freshet operator --ui`."""
    from freshet.local.build_progress import progress_bar
    from freshet.local.build_ui import INSTALLED, build_ui, install_ui
    from freshet.local.check_ui import check_ui

    with _told(), progress_bar() as progress:
        if check:
            check_ui(progress=progress)
            return
        folder = build_ui(progress=progress)
        if install:
            install_ui(folder)
    click.echo(INSTALLED if install else folder)


def _place(*, name: str, folder: Path | None) -> Path:
    from freshet.local.paths import clusters_folder

    return (folder or clusters_folder() / name).absolute()


@contextmanager
def _told() -> Iterator[None]:
    """Errors become one sentence."""
    from freshet.local.controlplane import BuildError, ClusterError

    try:
        yield
    except (BuildError, ClusterError, OSError) as error:
        raise click.ClickException(str(error)) from error
