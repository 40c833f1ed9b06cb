"""The declared graph of models that the scripted executor pretends to build, and what is to come of each."""

from typing import Any

import msgspec

__all__ = ["Graph", "Model", "Source", "Test", "parse_graph"]


class Test(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A test of a model or source; `also` names further models that it reads (a relationships test)."""

    name: str
    severity: str = "error"
    also: list[str] = []


class Model(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A model, seed or snapshot. `upstreams` are names of models, or ``source:<source>.<table>``."""

    name: str
    upstreams: list[str] = []
    resource_type: str = "model"
    materialized: str = "table"
    path: str = "models"
    tags: list[str] = []
    version: int | None = None
    package: str | None = None
    external: bool = False
    """Another project builds it (dbt Mesh): it stands in the manifest without a path, and no command takes it."""
    schema: str | None = None
    alias: str | None = None
    description: str = ""
    config: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    tests: list[Test] = []
    code: str = "select 1"
    """Its checksum follows from it."""
    execution_time: float = 0.01
    """What its results say that it took; :attr:`Graph.seconds` is what a command really takes."""
    rows_affected: int | None = None
    """What the warehouse told dbt of the statement."""


class Source(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A table of a source; `name` is ``<source>.<table>``."""

    name: str
    schema: str | None = None
    max_loaded_at: str | None = None
    """RFC 3339; what ``dbt source freshness`` reports. None: the source has no freshness."""
    status: str = "pass"
    meta: dict[str, Any] = {}
    tests: list[Test] = []


class Graph(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The project.

    `outcomes` maps the name of a model or test to its status, or to a list of them: one a run, the last for good. Any
    status is written as it is given, also one that dbt does not have. ``crash`` for the name ``*`` fails a command
    before it writes any artifact.
    """

    project: str = "kaizen_wars"
    database: str = "kaizen"
    adapter: str = "duckdb"
    models: list[Model] = []
    sources: list[Source] = []
    outcomes: dict[str, str | list[str]] = {}
    seconds: float = 0.0
    """How long a command takes."""
    starting: float = 0.0
    """How long a run is starting, before it runs."""
    sparse: bool = False
    """Write as dbt v2 does: without keys that are null."""
    left_out: list[str] = []
    """Names whose results are missing from run_results.json."""
    exposures: list[dict[str, Any]] = []

    def outcome(self, name: str, default: str) -> str:
        """What comes of a node this time; a list is used up from its front."""
        planned = self.outcomes.get(name, default)
        if isinstance(planned, str):
            return planned
        return planned.pop(0) if len(planned) > 1 else planned[0]


def parse_graph(body: bytes) -> Graph:
    """Read a graph from JSON. Raises msgspec.ValidationError, or ValueError for an upstream that does not exist."""
    graph = msgspec.json.decode(body, type=Graph)
    known = {label(model) for model in graph.models} | {model.name for model in graph.models}
    known |= {f"source:{source.name}" for source in graph.sources}
    for model in graph.models:
        _find(model.name, [*model.upstreams, *_also(model.tests)], known)
    for source in graph.sources:
        _find(source.name, _also(source.tests), known)
    return graph


def _also(tests: list[Test]) -> list[str]:
    return [name for test in tests for name in test.also]


def _find(reader: str, upstreams: list[str], known: set[str]) -> None:
    lost = next((name for name in upstreams if name not in known), None)
    if lost is not None:
        raise ValueError(f"{reader} reads {lost}, which the graph does not have.")


def label(model: Model) -> str:
    """``orders``, or ``orders.v2`` for a version."""
    return model.name if model.version is None else f"{model.name}.v{model.version}"
