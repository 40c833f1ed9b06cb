"""manifest.json, read leanly: the few fields that discovery, selection and checks need, and nothing else. Pure but for
:func:`load`, which maps the file instead of reading it.

A manifest may have 100 MB, nearly all of it code, macros and docs. msgspec skips what a type does not name without
building it, and nodes are decoded one at a time, so that the lean table is about all that costs memory. One odd node
costs that node and is named in `odd`; a file that is no manifest raises. Facts: schema v12, dbt 1.11 and dbt v2.
"""

import mmap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from freshet.dbtcloud.manifest_raw import RawDocument, RawExposure, RawNode, RawSource, RawUnitTest
from freshet.dbtcloud.manifest_tests import seen_through, test_of, unit_test_of
from freshet.dbtcloud.project import KINDS, Exposure, Manifest, Model, Source

__all__ = ["ManifestUnreadable", "load", "parse"]

NAME = "manifest.json"


class ManifestUnreadable(ValueError):
    """It is no manifest: one sentence. What was discovered before stays."""


def load(path: Path) -> Manifest:
    """Read a file. It blocks for seconds on a large one: call it in a thread. Raises ManifestUnreadable."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise ManifestUnreadable(f"dbt Cloud's {NAME} is empty: nothing is changed")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return parse(data)


def parse(data: bytes | mmap.mmap) -> Manifest:
    """Read a manifest's bytes. Raises ManifestUnreadable."""
    document = _document(data)
    models, tests, sources, exposures = _Table(), _Table(), _Table(), _Table()
    for unique_id, raw in document.nodes.items():
        _take_node(unique_id, raw, models=models, tests=tests)
    for unique_id, raw in document.sources.items():
        sources.put(unique_id, raw, type=RawSource, make=_source)
    for unique_id, raw in document.exposures.items():
        exposures.put(unique_id, raw, type=RawExposure, make=_exposure)
    for unique_id, raw in document.unit_tests.items():
        tests.put(unique_id, raw, type=RawUnitTest, make=unit_test_of)
    found = _mark_crowded(models.rows)
    odd = (*models.odd, *sources.odd, *tests.odd, *exposures.odd)
    return Manifest(
        project=str(document.metadata.get("project_name") or ""),
        generated_at=_moment(document.metadata.get("generated_at")),
        checksum=_checksum(found, sources.rows, tests.rows, exposures.rows),
        models=found,
        sources=sources.rows,
        tests=seen_through(tests.rows, found),
        exposures=tuple(exposures.rows.values()),
        odd=tuple(sorted(odd)),
    )


R = TypeVar("R", RawNode, RawSource, RawExposure, RawUnitTest)


class _Table:
    """Rows by unique id, and the ids of those that could not be read."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.odd: list[str] = []

    def put(self, unique_id: str, raw: msgspec.Raw, *, type: type[R], make: Any) -> None:
        try:
            self.rows[unique_id] = make(unique_id, msgspec.json.decode(raw, type=type))
        except msgspec.ValidationError:
            self.odd.append(unique_id)


def _document(data: bytes | mmap.mmap) -> RawDocument:
    try:
        return msgspec.json.decode(data, type=RawDocument)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ManifestUnreadable(f"dbt Cloud's {NAME} cannot be read ({error}): nothing is changed") from None


def _take_node(unique_id: str, raw: msgspec.Raw, *, models: _Table, tests: _Table) -> None:
    kind = unique_id.partition(".")[0]
    if kind in KINDS:
        models.put(unique_id, raw, type=RawNode, make=_model)
    elif kind == "test":
        tests.put(unique_id, raw, type=RawNode, make=test_of)


def _model(unique_id: str, raw: RawNode) -> Model:
    kind, _, rest = unique_id.partition(".")
    build_after = raw.config.build_after
    return Model(
        unique_id=unique_id,
        kind=kind,
        name=raw.name or rest.partition(".")[2],
        package=raw.package_name or rest.partition(".")[0],
        version=None if raw.version is None else str(raw.version),
        fqn=tuple(raw.fqn or ()),
        path=raw.original_file_path or raw.path or "",
        relation=raw.relation_name,
        materialized=raw.config.materialized or kind,
        description=raw.description or "",
        tags=tuple(dict.fromkeys(raw.config.tag_list or raw.tags or ())),
        checksum=(raw.checksum or {}).get("checksum") or None,
        upstreams=raw.upstreams,
        meta=_meta(raw.config.meta, raw.meta),
        build_after=build_after.wait if build_after else None,
        updates_on=raw.config.fresh_from or (build_after.updates_on if build_after else None),
        lag_tolerance=raw.config.lag_tolerance,
    )


def _source(unique_id: str, raw: RawSource) -> Source:
    return Source(
        unique_id=unique_id,
        source=raw.source_name or "",
        table=raw.name or "",
        database=raw.database,
        schema=raw.schema,
        identifier=raw.identifier or raw.name,
        relation=raw.relation_name,
        meta=_meta(raw.config.meta, raw.meta, raw.source_meta),
    )


def _exposure(unique_id: str, raw: RawExposure) -> Exposure:
    owner = raw.owner or {}
    upstreams = tuple((raw.depends_on or {}).get("nodes") or ())
    named = str(owner.get("name") or owner.get("email") or "")
    return Exposure(name=raw.name or unique_id, owner=named, url=raw.url, upstreams=upstreams)


def _meta(*places: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """``meta.freshet`` of the first place that has it."""
    found = (place.get("freshet") for place in places if place)
    return next((meta for meta in found if isinstance(meta, dict)), None)


def _mark_crowded(models: dict[str, Model]) -> dict[str, Model]:
    folders = {model.fqn[:size] for model in models.values() for size in range(1, len(model.fqn))}
    return {key: replace(model, crowded=True) if model.fqn in folders else model for key, model in models.items()}


def _checksum(*tables: Mapping[str, Any]) -> str:
    digest = sha256()
    for table in tables:
        for row in _ordered(table):
            digest.update(msgspec.json.encode(row, order="deterministic"))
    return digest.hexdigest()[:32]


def _ordered(table: Mapping[str, Any]) -> Iterable[Any]:
    return (table[key] for key in sorted(table))


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
