"""A dbt project, as much of it as discovery, selection and checks need: values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

__all__ = ["KINDS", "Exposure", "Manifest", "Model", "Source", "TestNode", "named"]

KINDS = ("model", "seed", "snapshot")
"""Nodes that are built and have a table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model, seed or snapshot (`kind`). `upstreams` are unique ids, as dbt has them."""

    unique_id: str
    kind: str
    name: str
    package: str
    version: str | None = None
    fqn: tuple[str, ...] = ()
    crowded: bool = False
    """A folder has this very fqn (:mod:`.selection`)."""
    path: str = ""
    """Empty for a model of another project."""
    relation: str | None = None
    materialized: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    checksum: str | None = None
    upstreams: tuple[str, ...] = ()
    meta: Mapping[str, Any] | None = None
    """``meta.freshet``, unchecked."""
    build_after: tuple[int, str] | None = None
    """``config.freshness.build_after``: count and period (minute, hour, day)."""
    updates_on: str | None = None
    """``any`` or ``all``: ``state.require_fresh_data_from``, else ``build_after.updates_on``."""
    lag_tolerance: str | None = None
    """``config.state.lag_tolerance``, as written."""

    @property
    def ephemeral(self) -> bool:
        """Has it no table of its own?"""
        return self.materialized == "ephemeral"

    @property
    def foreign(self) -> bool:
        """Does another project build it?"""
        return not self.path


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A table that the project reads and does not build."""

    unique_id: str
    source: str
    table: str
    database: str | None = None
    schema: str | None = None
    identifier: str | None = None
    relation: str | None = None
    meta: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """``source.table``, as ``discovery.sources`` names it."""
        return f"{self.source}.{self.table}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """A dashboard or report, and the unique ids that it depends on."""

    name: str
    owner: str = ""
    url: str | None = None
    upstreams: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TestNode:
    """What the manifest says of a test: the nodes that it is about and how much it matters."""

    __test__ = False
    nodes: tuple[str, ...]
    severity: Literal["error", "warn"] = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The lean table. `checksum` is of what it holds, so that two parses of one project are equal."""

    project: str
    generated_at: datetime | None
    checksum: str
    models: Mapping[str, Model]
    sources: Mapping[str, Source]
    tests: Mapping[str, TestNode]
    exposures: tuple[Exposure, ...]
    odd: tuple[str, ...] = ()


def named(unique_id: str) -> Model | None:
    """As much of a model as its unique id tells; None where it is none."""
    kind, _, rest = unique_id.partition(".")
    package, _, name = rest.partition(".")
    name, _, version = name.partition(".v")
    if not name:
        return None
    return Model(unique_id=unique_id, kind=kind, package=package, name=name, version=version or None)
