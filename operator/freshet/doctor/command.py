"""``freshet doctor``."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from freshet.doctor.examination import Examination
from freshet.doctor.findings import Finding, summary, trouble
from freshet.doctor.rights import Account
from freshet.runtime import errors
from freshet.runtime.cache import Cache
from freshet.runtime.config import load_access
from freshet.runtime.kube import Kube
from freshet.runtime.lease import LeaseName
from freshet.runtime.options import Options
from freshet.runtime.transport import Transport

__all__ = ["doctor"]

COLOURS = {"good": "green", "unsure": "yellow", "bad": "red"}


def _account(context: click.Context, parameter: click.Parameter, value: str | None) -> Account | None:
    namespace, slash, name = (value or "").partition("/")
    if value is not None and not (slash and namespace and name):
        raise click.BadParameter("write NAMESPACE/NAME, such as freshet-system/freshet")
    return Account(namespace=namespace, name=name) if value is not None else None


@click.command()
@click.option("--namespace", "-n", help="Look at this one. Default: all.")
@click.option(
    "--account", callback=_account, help="Whose rights: NAMESPACE/NAME of a ServiceAccount. Default: your own."
)
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Default: as for freshet operator.")
def doctor(*, namespace: str | None, account: Account | None, kubeconfig: Path | None) -> None:
    """Look for what is wrong with an installation, and say what to do.

    Definitions, the operator's rights, Secrets, dbt Cloud, warehouses. Ends with 1 when something is wrong.
    """
    try:
        lease = _lease(account)
        found = asyncio.run(_examine(namespace=namespace, account=account, lease=lease, kubeconfig=kubeconfig))
    except (errors.CannotStart, errors.KubeError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(summary(found))
    sys.exit(1 if trouble(found) else 0)


def _lease(account: Account | None) -> LeaseName | None:
    """That of an operator that is started here, or with that account."""
    lease = Options.from_env().lease
    if account is None or (lease is not None and lease.namespace == account.namespace):
        return lease
    return LeaseName(namespace=account.namespace)


async def _examine(*, kubeconfig: Path | None, **given: Any) -> list[Finding]:
    transport = Transport(access=await load_access(kubeconfig=kubeconfig))
    kube = Kube(transport=transport, cache=Cache())
    found = []
    try:
        async for finding in Examination(kube=kube, **given).findings():
            click.secho(str(finding), fg=COLOURS[finding.level])
            found.append(finding)
    finally:
        await kube.close()
    return found
