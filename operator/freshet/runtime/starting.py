"""What may be wrong before the operator can begin, in one sentence each for whoever started it.

An API server that is just starting, or a definition that was installed a second ago, is waited for.
"""

from collections.abc import Awaitable, Callable, Sequence

import tenacity

from freshet.runtime import errors
from freshet.runtime.kube import Kube

__all__ = ["check", "patiently"]

WAIT_SECONDS = 15.0
PAUSE_SECONDS = 0.5
CRDS_MISSING = (
    "Assets and Pipelines are not defined in this cluster: install them with `kubectl apply -k manifests/base` "
    "(or only the definitions with `kubectl apply -f crds/`), then start again."
)
RIGHTS = "docs/rbac.md lists the rights that are needed."


async def check(*, kube: Kube, namespaces: Sequence[str]) -> None:
    """See that both kinds exist and may be listed. Raises CannotStart."""

    async def look() -> None:
        for kind in ("Pipeline", "Asset"):
            for namespace in namespaces or (None,):
                await kube.list_all(kind, namespace=namespace, field_selector="metadata.name=-")

    await patiently(look)


async def patiently(work: Callable[[], Awaitable[None]]) -> None:
    """Do the work, and again for a while when the API is not ready for it. Raises CannotStart."""
    attempts = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type((errors.Throttled, errors.Unavailable)),
        stop=tenacity.stop_after_delay(WAIT_SECONDS),
        wait=tenacity.wait_fixed(PAUSE_SECONDS),
        reraise=True,
    )
    try:
        await attempts(work)
    except errors.Gone as error:
        raise errors.CannotStart(CRDS_MISSING) from error
    except errors.Refused as error:
        raise errors.CannotStart(f"The Kubernetes API refuses: {error.message.rstrip('.')}. {RIGHTS}") from error
    except errors.KubeError as error:
        raise errors.CannotStart(f"The Kubernetes API is not ready: {error.message.rstrip('.')}.") from error
