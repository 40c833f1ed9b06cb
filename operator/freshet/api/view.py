"""The base of every typed view, and the metadata that all of them share.

Views are parsed once, at the edge, and never changed. They hold only what decisions need: ten
thousand of them must be cheap.
"""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

__all__ = ["InvalidObject", "Key", "Meta", "Object", "OwnerReference", "View", "in_utc", "instant", "parse", "to_json"]

GROUP_PREFIX = "freshet.dev/"


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base: frozen, camelCase outside, unset fields left out."""


class Key(msgspec.Struct, frozen=True, order=True):
    """What names an object: (kind, namespace, name). Also the unit of work of the queue."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class OwnerReference(View, frozen=True, kw_only=True):
    """``metadata.ownerReferences[]``, as far as ownership goes."""

    kind: str
    name: str
    uid: str
    controller: bool = False


class Meta(View, frozen=True, kw_only=True):
    """``metadata``, without what nobody reads (managedFields, foreign annotations)."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()


class Object(View, frozen=True, kw_only=True):
    """Anything with metadata."""

    metadata: Meta

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace


class InvalidObject(ValueError):
    """An object that our CRD should have refused: the sentence says which field is wrong."""


T = TypeVar("T", bound=Object)


def parse(raw: dict[str, Any], *, type: type[T]) -> T:
    """Read an object of the API into its view.

    Raises InvalidObject with the path of the first field that does not fit.
    """
    meta = raw.get("metadata") or {}
    lean = {**raw, "metadata": {**meta, "annotations": own_annotations(meta.get("annotations"))}}
    try:
        return msgspec.convert(lean, type)
    except msgspec.ValidationError as error:
        raise InvalidObject(f"{meta.get('namespace')}/{meta.get('name')}: {error}") from None


def own_annotations(annotations: dict[str, str] | None) -> dict[str, str]:
    """Only freshet's: a last-applied-configuration is as large as its object."""
    return {k: v for k, v in (annotations or {}).items() if k.startswith(GROUP_PREFIX)}


def instant(text: str | None) -> datetime | None:
    """A time that a person may have written, with its offset, in UTC; None when it is not one."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return in_utc(at) if at is not None and at.tzinfo is not None else None


def in_utc(at: datetime) -> datetime | None:
    """The same moment as all times are kept and shown; None where the calendar does not reach so far."""
    try:
        return at.astimezone(UTC) if at.utcoffset() else at
    except OverflowError:
        return None


def to_json(value: Any) -> Any:
    """Plain JSON data (dict, list, str, …) of a view; times become RFC 3339."""
    return msgspec.to_builtins(value, str_keys=True)
