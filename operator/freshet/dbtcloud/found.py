"""What discovery knows and what it finds: values only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from freshet.api.asset import DbtFacts

__all__ = ["Claim", "Desired", "Found", "Known", "Problem"]


@dataclass(frozen=True, kw_only=True)
class Desired:
    """An Asset to apply. `spec` is complete but for ``pipeline``; `facts` go to ``status.dbt``."""

    name: str
    unique_id: str
    kind: str
    """``DbtCloud`` or ``External``."""
    spec: Mapping[str, Any]
    facts: DbtFacts = field(default_factory=DbtFacts)

    @property
    def relation(self) -> str | None:
        """Where it is built, as dbt writes it."""
        return self.facts.relation


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a person must see. `reason` is for a condition, `name` the Asset that it is about."""

    reason: str
    name: str
    message: str

    @property
    def sentence(self) -> str:
        """Name and message, also the order of problems."""
        return f"{self.name}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """`assets` by name; `names`: unique id → Asset, sources that a Pipeline loads among them; `given`: what the
    manifest says of Assets that a person wrote, by name.
    """

    assets: Mapping[str, Desired]
    names: Mapping[str, str]
    problems: tuple[Problem, ...]
    given: Mapping[str, DbtFacts] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Another Pipeline builds the model; ``asset`` is its Asset where that can be read: in the same namespace."""

    pipeline: str
    asset: str | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is there already.

    `owners`: Asset → unique id, of those that this discovery made. `given`: unique id → Asset, of those that a person
    wrote for this Pipeline, or that another discovery made of what nobody builds here. `taken`: name → who else has it.
    `claimed`: unique id → who builds it; `shared`: who builds what this discovery has made, too.
    `fed`: external Assets of which something says how recent they are.
    """

    owners: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    taken: Mapping[str, str] = field(default_factory=dict)
    claimed: Mapping[str, Claim] = field(default_factory=dict)
    shared: Mapping[str, Claim] = field(default_factory=dict)
    fed: Collection[str] = frozenset()
