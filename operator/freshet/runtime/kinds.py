"""Where each kind is served. Pure: requests are named here and sent elsewhere."""

from dataclasses import dataclass
from typing import Final

from freshet.api.names import GROUP, VERSION

__all__ = ["KIND_PATHS", "Resource", "resource"]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A kind's place in the API."""

    kind: str
    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """As written in manifests."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, *, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, an object or its subresource; ``namespace`` None: of all namespaces."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        where = f"/namespaces/{namespace}" if namespace is not None else ""
        return "/".join(part for part in (f"{root}{where}/{self.plural}", name, subresource) if part)


def _resource(kind: str, group: str, version: str, plural: str) -> Resource:
    return Resource(kind=kind, group=group, version=version, plural=plural)


KIND_PATHS: Final = {
    "Asset": _resource("Asset", GROUP, VERSION, "assets"),
    "Pipeline": _resource("Pipeline", GROUP, VERSION, "pipelines"),
    "Job": _resource("Job", "batch", "v1", "jobs"),
    "CronJob": _resource("CronJob", "batch", "v1", "cronjobs"),
    "Pod": _resource("Pod", "", "v1", "pods"),
    "Secret": _resource("Secret", "", "v1", "secrets"),
    "Event": _resource("Event", "", "v1", "events"),
}


def resource(kind: str) -> Resource:
    """The place of a kind. KeyError for one that freshet does not use."""
    return KIND_PATHS[kind]
