"""Are the two kinds defined, in the version that this freshet speaks?"""

from typing import Any

from freshet import __version__
from freshet.api.names import ASSETS, GROUP, PIPELINES, VERSION
from freshet.doctor.findings import Finding, bad, good, unsure
from freshet.runtime import errors
from freshet.runtime.transport import Transport

__all__ = ["APPLY", "examine", "judge"]

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LABEL = "app.kubernetes.io/version"
APPLY = f"apply the definitions of version {__version__}: kubectl apply --server-side -k crds"


async def examine(transport: Transport) -> list[Finding]:
    """One finding per definition."""
    return [await _look(transport, f"{plural}.{GROUP}") for plural in (PIPELINES, ASSETS)]


async def _look(transport: Transport, name: str) -> Finding:
    try:
        return judge(name, await transport.json("GET", f"{PATH}/{name}"))
    except errors.Gone:
        return bad("definitions", f"{name} is not defined", APPLY)
    except errors.Refused:
        return unsure("definitions", f"{name}: you may not read definitions", "ask somebody who may")


def judge(name: str, definition: dict[str, Any]) -> Finding:
    """By the versions that are served, and by the release that the label names."""
    served = [version["name"] for version in definition["spec"]["versions"] if version["served"]]
    if VERSION not in served:
        return bad("definitions", f"{name} is served as {', '.join(served)}, not as {VERSION}", APPLY)
    release = definition["metadata"].get("labels", {}).get(LABEL)
    if release != __version__:
        return bad("definitions", f"{name} is of version {release or 'unknown'}, this freshet is {__version__}", APPLY)
    return good("definitions", f"{name} is {VERSION} of version {__version__}")
