"""The operator's typed views against the definitions: a field that the schema lacks would be pruned without a word."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.api.view import Object, parse

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "tests" / "cluster" / "bad_manifests"
VIEWS: dict[str, type[Object]] = {"Asset": Asset, "Pipeline": Pipeline}


def schema_of(kind: str) -> dict[str, Any]:
    (version,) = yaml.safe_load((ROOT / "crds" / f"freshet.dev_{kind.lower()}s.yaml").read_text())["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The views inside a type: X, X | None, tuple[X, ...], dict[str, X]."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for inner in typing.get_args(kind):
        yield from structs(inner)


def pruned(view: type[msgspec.Struct], schema: dict[str, Any], path: str) -> Iterator[str]:
    """The view's fields that the API server would drop."""
    schema = schema.get("items", schema.get("additionalProperties", schema))
    known = schema.get("properties", {})
    for field in msgspec.structs.fields(view):
        here = f"{path}.{field.encode_name}"
        if field.encode_name in known:
            for inner in structs(field.type):
                yield from pruned(inner, known[field.encode_name], here)
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield here


@pytest.mark.parametrize("kind", VIEWS)
@pytest.mark.parametrize("part", ["spec", "status"])
def test_the_schema_keeps_every_field_of_the_view(kind: str, part: str) -> None:
    (view,) = {f.encode_name: tuple(structs(f.type)) for f in msgspec.structs.fields(VIEWS[kind])}[part]
    assert list(pruned(view, schema_of(kind)["properties"][part], part)) == []


@pytest.mark.parametrize(
    "document", list(yaml.safe_load_all((TABLES / "full.yaml").read_text())), ids=lambda d: d["metadata"]["name"]
)
def test_the_views_read_what_the_schema_takes(document: dict[str, Any]) -> None:
    found = parse(document, type=VIEWS[document["kind"]])
    assert found.name == document["metadata"]["name"]


@pytest.mark.parametrize("kind", VIEWS)
def test_the_views_read_a_whole_status(kind: str) -> None:
    (full, *_) = [d for d in yaml.safe_load_all((TABLES / "full.yaml").read_text()) if d["kind"] == kind]
    status = yaml.safe_load((TABLES / "status.yaml").read_text())[kind]
    found: Any = parse({**full, "status": status}, type=VIEWS[kind])
    assert found.status.observed_generation == status["observedGeneration"]
