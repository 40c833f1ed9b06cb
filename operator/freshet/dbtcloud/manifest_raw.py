"""The fields of manifest.json that are read, as dbt writes them. The rest is skipped unseen; any key may be absent."""

from typing import Any

import msgspec

__all__ = ["RawDocument", "RawExposure", "RawNode", "RawSource", "RawUnitTest"]


class RawDocument(msgspec.Struct):
    """The whole file; nodes stay undecoded until their turn. Without ``nodes`` it is no manifest."""

    nodes: dict[str, msgspec.Raw]
    metadata: dict[str, Any] = {}
    sources: dict[str, msgspec.Raw] = {}
    exposures: dict[str, msgspec.Raw] = {}
    unit_tests: dict[str, msgspec.Raw] = {}


class RawBuildAfter(msgspec.Struct):
    """``config.freshness.build_after``."""

    count: int | None = None
    period: str | None = None
    updates_on: str | None = None

    @property
    def wait(self) -> tuple[int, str] | None:
        """Count and period, where both are there."""
        return (self.count, self.period) if self.count is not None and self.period else None


class RawFreshness(msgspec.Struct):
    """``config.freshness`` of a model (a source's has other keys)."""

    build_after: RawBuildAfter | None = None


class RawConfig(msgspec.Struct):
    """``config``."""

    materialized: str | None = None
    severity: str | None = None
    tags: list[str] | str | None = None
    meta: dict[str, Any] | None = None
    freshness: RawFreshness | None = None
    state: dict[str, Any] | None = None

    @property
    def build_after(self) -> RawBuildAfter | None:
        return self.freshness.build_after if self.freshness else None

    @property
    def tag_list(self) -> list[str] | None:
        return [self.tags] if isinstance(self.tags, str) else self.tags

    @property
    def lag_tolerance(self) -> str | None:
        return _text((self.state or {}).get("lag_tolerance"))

    @property
    def fresh_from(self) -> str | None:
        return _text((self.state or {}).get("require_fresh_data_from"))


class RawNode(msgspec.Struct):
    """A model, seed, snapshot or test."""

    name: str | None = None
    package_name: str | None = None
    version: str | int | float | None = None
    fqn: list[str] | None = None
    path: str | None = None
    original_file_path: str | None = None
    relation_name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    checksum: dict[str, str | None] | None = None
    depends_on: dict[str, list[str] | None] | None = None
    config: RawConfig = msgspec.field(default_factory=RawConfig)
    meta: dict[str, Any] | None = None
    attached_node: str | None = None
    test_metadata: dict[str, Any] | None = None

    @property
    def upstreams(self) -> tuple[str, ...]:
        """Unique ids that it depends on."""
        return tuple((self.depends_on or {}).get("nodes") or ())

    @property
    def tested_model(self) -> str | None:
        """What a generic test is given as its model: an expression."""
        arguments = (self.test_metadata or {}).get("kwargs")
        found = arguments.get("model") if isinstance(arguments, dict) else None
        return found if isinstance(found, str) else None


class RawSource(msgspec.Struct):
    """A source's table."""

    source_name: str | None = None
    name: str | None = None
    database: str | None = None
    schema: str | None = None
    identifier: str | None = None
    relation_name: str | None = None
    config: RawConfig = msgspec.field(default_factory=RawConfig)
    meta: dict[str, Any] | None = None
    source_meta: dict[str, Any] | None = None


class RawExposure(msgspec.Struct):
    """An exposure."""

    name: str | None = None
    owner: dict[str, Any] | None = None
    url: str | None = None
    depends_on: dict[str, list[str] | None] | None = None


class RawUnitTest(msgspec.Struct):
    """A unit test of a model."""

    depends_on: dict[str, list[str] | None] | None = None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
