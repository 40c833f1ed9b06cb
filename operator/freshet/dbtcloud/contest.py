"""Which node gets which name. Pure.

Names must not collide: who has the name keeps it, the other gets a problem and no Asset, and whoever reads it names a
hashed name that does not exist, so that it says ``UpstreamNotFound`` instead of watching the wrong table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from freshet.dbtcloud.found import Known, Problem
from freshet.dbtcloud.naming import asset_name, hashed_name
from freshet.dbtcloud.project import Manifest

__all__ = ["Contest"]


@dataclass(frozen=True, kw_only=True)
class Contest:
    """`nodes`: unique ids that want an Asset. `elsewhere`: unique id → the Asset that is it already; `loads`: the
    Pipeline's own sources, whose names are taken.
    """

    manifest: Manifest
    known: Known
    nodes: frozenset[str]
    elsewhere: Mapping[str, str]
    loads: tuple[str, ...]

    def has(self, name: str, unique_id: str) -> bool:
        """Is the name this node's?"""
        return self.winners.get(name) == unique_id

    @cached_property
    def wishes(self) -> dict[str, str]:
        """Unique id → the name that it would like."""
        return {key: self._wish(key) for key in sorted(self.nodes - self.elsewhere.keys())}

    @cached_property
    def winners(self) -> dict[str, str]:
        """Name → who gets it: who has it, else the project's own and the first by id."""
        rivals: dict[str, list[str]] = {}
        for unique_id, name in self.wishes.items():
            rivals.setdefault(name, []).append(unique_id)
        free = {name: [key for key in ids if key not in self.known.claimed] for name, ids in rivals.items()}
        return {name: min(ids, key=self._claim(name)) for name, ids in free.items() if ids and name not in self.taken}

    @cached_property
    def taken(self) -> dict[str, str]:
        """Name → who has it, that is no Asset of this discovery."""
        return {**self.known.taken, **dict.fromkeys(self.loads, "a loaded source")}

    @cached_property
    def names(self) -> dict[str, str]:
        """Unique id → Asset, of all that want one or are one."""
        won = {unique_id: name for name, unique_id in self.winners.items()}
        lost = {key: hashed_name(name, unique_id=key) for key, name in self.wishes.items() if key not in won}
        theirs = {key: claim.asset for key, claim in self.known.claimed.items() if claim.asset and key in lost}
        return {**self.elsewhere, **won, **lost, **theirs}

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Who does not get what it wants, and what two would build."""
        losers = [(name, key) for key, name in self.wishes.items() if self.winners.get(name) != key]
        return (*(self._lost(name, key) for name, key in losers), *self._shared())

    def _shared(self) -> Iterable[Problem]:
        """An Asset that a person wrote under another Pipeline builds what this one has: both would."""
        for key in sorted(self.known.shared.keys() & self.wishes.keys()):
            claim, name = self.known.shared[key], self.wishes[key]
            text = f"{key} is built by Pipeline {claim.pipeline}, too: leave it out here by discovery.select, or delete"
            where = f"Asset {claim.asset}" if claim.asset else "the Asset there"
            yield Problem(reason="Conflict", name=name, message=f"{text} {where}")

    def _lost(self, name: str, key: str) -> Problem:
        if (claim := self.known.claimed.get(key)) is not None:
            text = f"{key} is built by Pipeline {claim.pipeline}: leave it out of one of the two by discovery.select"
            return Problem(reason="Conflict", name=name, message=text)
        holder = self.taken.get(name) or self.winners.get(name)
        return Problem(reason="NameConflict", name=name, message=f"{key} would have the name of {holder}: rename one")

    def _claim(self, name: str) -> Any:
        def rank(unique_id: str) -> tuple[bool, bool, str]:
            model = self.manifest.models.get(unique_id)
            return (
                self.known.owners.get(name) != unique_id,
                model is None or model.package != self.manifest.project,
                unique_id,
            )

        return rank

    def _wish(self, unique_id: str) -> str:
        source = self.manifest.sources.get(unique_id)
        if source is not None:
            return asset_name(source.source, source.table, unique_id=unique_id)
        return asset_name(*unique_id.split(".")[2:], unique_id=unique_id)
