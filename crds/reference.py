"""Writes docs/reference.md from the two definitions, so that the page and ``kubectl explain`` never disagree.

Run ``python crds/reference.py`` after a change of the schema; tests/unit/test_manifests.py fails until it is done.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

__all__ = ["reference"]

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "reference.md"
FILES = ("freshet.dev_pipelines.yaml", "freshet.dev_assets.yaml")
HEAD = """# Reference: freshet.dev/v1alpha1

Written by `crds/reference.py` from the definitions in `crds/`; `kubectl explain pipeline.spec` says the same.
A field in **bold** is required where the field above it is given. Durations are written in h, m, s and ms,
such as `90s`, `5m` or `1h30m`.
Defaults live in the operator: a field that is left out stays out of the object.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section(yaml.safe_load((FOLDER / name).read_text())) for name in FILES)])


def section(definition: dict[str, Any]) -> str:
    """One resource: what it is, its fields, its columns."""
    version = definition["spec"]["versions"][0]
    names, schema = definition["spec"]["names"], version["schema"]["openAPIV3Schema"]
    parts = schema["properties"]
    lines = [f"## {names['kind']}", "", f"Short name `{names['shortNames'][0]}`. {schema['description']}", ""]
    for part in ("spec", "status"):
        lines += [f"### {names['kind']}: {part}", "", "| field | type | meaning |", "| --- | --- | --- |"]
        lines += [row(*field) for field in fields(parts[part])]
        lines += ["", *sentences(parts[part])]
    return "\n".join(lines)


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every field below, depth first: its path, its schema, whether it is required."""
    inner = schema.get("items", schema)
    for name, field in inner.get("properties", {}).items():
        here = f"{path}{name}"
        yield here, field, name in inner.get("required", [])
        yield from fields(field, f"{here}{'[]' if field.get('type') == 'array' else ''}.")


def row(path: str, field: dict[str, Any], required: bool) -> str:
    """One line of the table; a pipe would end its cell."""
    name = f"**`{path}`**" if required else f"`{path}`"
    meaning = " ".join(field["description"].split()).replace("|", "\\|").replace("<", "&lt;").replace("*/5", "\\*/5")
    return f"| {name} | {kind(field)} | {meaning}{choices(field)} |"


def kind(field: dict[str, Any]) -> str:
    """The type in a word or two."""
    if field.get("type") == "array":
        return f"list of {kind(field['items'])}"
    if field.get("format") == "date-time":
        return "time"
    extra = field.get("additionalProperties")
    return f"map to {kind(extra)}" if extra else str(field.get("type", "string or number"))


def choices(field: dict[str, Any]) -> str:
    """The values that an enumeration takes."""
    values = [f"`{value}`" for value in field.get("enum", [])]
    return f" One of {', '.join(values)}." if values else ""


def sentences(schema: dict[str, Any]) -> list[str]:
    """What the API server says when a rule is broken, each once."""
    found = dict.fromkeys(messages(schema))
    return (
        ["What the API server says when something is wrong:", "", *(f"- {text}" for text in found), ""] if found else []
    )


def messages(schema: Any) -> Iterator[str]:
    """Every message of a validation rule, anywhere below."""
    if isinstance(schema, list):
        for item in schema:
            yield from messages(item)
    elif isinstance(schema, dict):
        yield from (rule["message"].replace("<", "&lt;") for rule in schema.get("x-kubernetes-validations", []))
        for key, value in schema.items():
            if key != "x-kubernetes-validations":
                yield from messages(value)


if __name__ == "__main__":
    PAGE.write_text(reference())
