"""Where each kind lives in the API."""

from dataclasses import dataclass

from freshet.api.names import GROUP, VERSION

__all__ = ["RESOURCES", "Resource", "path"]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Group and version as a path prefix, and the plural."""

    prefix: str
    plural: str


FRESHET = f"/apis/{GROUP}/{VERSION}"
RESOURCES = {
    "Asset": Resource(prefix=FRESHET, plural="assets"),
    "Pipeline": Resource(prefix=FRESHET, plural="pipelines"),
    "Job": Resource(prefix="/apis/batch/v1", plural="jobs"),
    "CronJob": Resource(prefix="/apis/batch/v1", plural="cronjobs"),
    "Pod": Resource(prefix="/api/v1", plural="pods"),
    "Secret": Resource(prefix="/api/v1", plural="secrets"),
    "Event": Resource(prefix="/api/v1", plural="events"),
}


def path(kind: str, *, namespace: str | None, name: str | None = None, sub: str | None = None) -> str:
    """The URL path of an object, or of a list of them."""
    resource = RESOURCES[kind]
    parts = [resource.prefix]
    if namespace:
        parts.append(f"namespaces/{namespace}")
    parts += [part for part in (resource.plural, name, sub) if part]
    return "/".join(parts)
