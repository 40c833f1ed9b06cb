"""Typed views by key, the newest of each, with indexes that follow every change."""

from collections.abc import Callable, Hashable, Iterable, Iterator, KeysView
from typing import Generic, TypeVar

from freshet.api.view import Key, Object

__all__ = ["Index", "Store"]

T = TypeVar("T", bound=Object)
G = TypeVar("G", bound=Hashable)

REMEMBERED_DELETIONS = 4096


class Index(Generic[T, G]):
    """The objects of a store in groups; ``by`` names the groups of one object."""

    def __init__(self, *, by: Callable[[T], Iterable[G]]) -> None:
        self._by = by
        self._groups: dict[G, dict[Key, T]] = {}

    def __getitem__(self, group: G) -> list[T]:
        return list(self._groups.get(group, {}).values())

    def update(self, key: Key, old: T | None, new: T | None) -> None:
        """Follow one change."""
        for group in self._by(old) if old is not None else ():
            members = self._groups.get(group, {})
            members.pop(key, None)
            if not members:
                self._groups.pop(group, None)
        for group in self._by(new) if new is not None else ():
            self._groups.setdefault(group, {})[key] = new  # type: ignore[assignment]


class Store(Generic[T]):
    """One kind. What is older than what is known never replaces it; a late event never brings back what was deleted."""

    def __init__(self, *, kind: str, indexes: Iterable[Index[T, tuple[str, str]]] = ()) -> None:
        self.kind = kind
        self._objects: dict[Key, T] = {}
        self._indexes = tuple(indexes)
        self._deleted: dict[str, None] = {}

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._objects.values()))

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> T | None:
        """The newest state known."""
        return self._objects.get(key)

    def keys(self) -> KeysView[Key]:
        """All keys; a live view."""
        return self._objects.keys()

    def is_news(self, key: Key, *, uid: str, resource_version: str) -> bool:
        """Would an object with this metadata be taken in?"""
        if uid in self._deleted:
            return False
        old = self._objects.get(key)
        return old is None or _number(resource_version) > _number(old.metadata.resource_version)

    def put(self, obj: T) -> T | None:
        """Take in a state. Returns the previous one, None if there was none, or ``obj`` itself if it is not news."""
        key, meta = Key(self.kind, obj.namespace, obj.name), obj.metadata
        if not self.is_news(key, uid=meta.uid, resource_version=meta.resource_version):
            return obj
        old = self._objects.get(key)
        self._objects[key] = obj
        self._follow(key, old, obj)
        return old

    def delete(self, key: Key, uid: str) -> T | None:
        """Forget the object if it is the one with that uid. Returns what was forgotten."""
        self._remember(uid)
        old = self._objects.get(key)
        if old is None or old.metadata.uid != uid:
            return None
        del self._objects[key]
        self._follow(key, old, None)
        return old

    def evict(self, key: Key) -> T | None:
        """Forget the state, not the object: its next event is news again. Returns what was forgotten."""
        old = self._objects.pop(key, None)
        if old is not None:
            self._follow(key, old, None)
        return old

    def _follow(self, key: Key, old: T | None, new: T | None) -> None:
        for index in self._indexes:
            index.update(key, old, new)

    def _remember(self, uid: str) -> None:
        self._deleted[uid] = None
        if len(self._deleted) > REMEMBERED_DELETIONS:
            del self._deleted[next(iter(self._deleted))]


def _number(resource_version: str) -> int:
    return int(resource_version) if resource_version.isdecimal() else 0
