"""``freshet runbook``: an operator that is down cannot serve its own."""

import click

from freshet.manual.folder import runbooks

__all__ = ["runbook"]


@click.command()
@click.argument("name", required=False)
def runbook(*, name: str | None) -> None:
    """Print what to do when an alert has woken you: NAME is the last part of its runbook_url.

    Without NAME, say which there are.
    """
    known = runbooks()
    if name is None:
        click.echo("\n".join(sorted(known)))
        return
    path = known.get(name.rpartition("/")[2].removesuffix(".md"))
    if path is None:
        raise click.ClickException(f"there is no runbook {name}; there are {', '.join(sorted(known))}")
    click.echo(path.read_text(), nl=False)
