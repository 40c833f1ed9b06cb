"""kopf's settings, as measured at ten thousand objects, and its credentials from ours.

kopf only watches for us: it keeps no state on objects, posts no Events, has no peers, and does not scan.
"""

import logging
from collections.abc import Iterable
from typing import Any

import click
import kopf
from kopf._core.engines.activities import ActivityError

from freshet.api.names import GROUP, MANAGED_SELECTOR
from freshet.runtime.config import Access

__all__ = ["NoDiffs", "configure", "connection", "namespaces_of_command_line", "sentence"]

WATCH_SECONDS = 300


class NoDiffs(kopf.DiffBaseStorage):
    """Low-level handlers need no diffs; kopf would otherwise copy every object on every event to make one."""

    def build(self, *, body: Any, extra_fields: Iterable[Any] | None = None) -> Any:
        return {}

    def fetch(self, *, body: Any) -> None:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Nothing is kept on objects."""


def configure(settings: kopf.OperatorSettings) -> None:
    """Set what matters; the reasons are in the words beside."""
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # not a line for each event seen
    settings.scanning.disabled = True  # without the CRDs we do not start
    settings.posting.enabled = False  # we write our own Events
    settings.peering.standalone = True  # a Lease is our own affair
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + 10
    settings.watching.connect_timeout = 30
    settings.watching.inactivity_timeout = 70  # bookmarks come every minute: who is silent for longer is dead
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.queueing.idle_timeout = 0.1  # a task per object seen: let it end soon
    settings.queueing.exit_timeout = 0.5
    settings.persistence.diffbase_storage = NoDiffs()
    settings.persistence.progress_storage = kopf.StatusProgressStorage(field=f"status.{GROUP}")
    settings.persistence.finalizer = f"{GROUP}/unused"
    for kind in ("jobs.batch", "cronjobs.batch", "pods"):
        settings.watching.label_selectors[kind] = MANAGED_SELECTOR


async def connection(access: Access) -> kopf.ConnectionInfo:
    """The credentials of our own client, as kopf wants them."""
    configuration = access.configuration
    scheme, _, token = ((await access.authorization()) or "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme.capitalize() or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
    )


def namespaces_of_command_line() -> tuple[str, ...]:
    """What ``kopf run --namespace`` was told: what is listed must be what is watched."""
    context = click.get_current_context(silent=True)
    return tuple(context.params.get("namespaces") or ()) if context is not None else ()


def sentence(error: ActivityError) -> str:
    """Why the start failed, in words of the handler that knows."""
    known = [outcome.exception for outcome in error.outcomes.values() if outcome.exception is not None]
    return "; ".join(str(cause) for cause in known) or str(error)
