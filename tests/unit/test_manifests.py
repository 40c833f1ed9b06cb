"""What can be said of the manifests without a cluster: described, in agreement, and asking for no more than is used."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from freshet.manual.folder import PACKED

ROOT = Path(__file__).parents[2]
DEFINITIONS = sorted((ROOT / "crds").glob("*.yaml"))


def load(path: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / path).read_text()))


def schema_of(path: Path) -> dict[str, Any]:
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a schema by its path, the parts of lists and maps too."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from fields(schema[part], f"{path}[]")


def spec_fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return fields(schema["properties"]["spec"], ".spec")


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda p: p.stem)
def test_every_field_is_described_in_a_sentence(path: Path) -> None:
    schema = schema_of(path)
    bare = [
        name for name, field in fields(schema) if name != ".metadata" and not field.get("description", "").endswith(".")
    ]
    assert bare == []


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda p: p.stem)
def test_a_spec_has_no_schema_defaults(path: Path) -> None:
    """A default in the schema would hide the Pipeline's and conflict with other owners of the field."""
    assert [name for name, field in spec_fields(schema_of(path)) if "default" in field] == []


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda p: p.stem)
def test_everything_that_rules_look_at_is_bounded(path: Path) -> None:
    """The API server prices CEL rules by these bounds."""
    lists = [n for n, f in spec_fields(schema_of(path)) if f.get("type") == "array" and "maxItems" not in f]
    maps = [n for n, f in spec_fields(schema_of(path)) if "additionalProperties" in f and "maxProperties" not in f]
    strings = [
        n
        for n, f in spec_fields(schema_of(path))
        if f.get("type") == "string" and "enum" not in f and not {"maxLength", "format"} & f.keys()
    ]
    assert (lists, maps, strings) == ([], [], [])


def test_both_resources_take_the_same_blocks() -> None:
    """An Asset's automation, freshness, retries and checks have the fields and rules of a Pipeline's defaults."""
    pipeline, asset = (
        schema_of(ROOT / "crds" / f"freshet.dev_{name}.yaml")["properties"]["spec"] for name in ("pipelines", "assets")
    )
    dbt = pipeline["properties"]["dbtCloud"]["properties"]
    for block in ("automation", "freshness", "retries", "timeout"):
        assert shape(asset["properties"][block]) == shape(pipeline["properties"][block]) == shape(dbt[block]), block
    source = pipeline["properties"]["sources"]["items"]["properties"]
    for block in ("freshness", "checks", "timeout"):
        assert shape(asset["properties"][block]) == shape(source[block]), block


def shape(schema: Any) -> Any:
    """A schema without its words."""
    if isinstance(schema, list):
        return [shape(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: shape(v) for k, v in schema.items() if k != "description" or isinstance(v, dict)}


def test_the_reference_page_is_up_to_date() -> None:
    found = importlib.util.spec_from_file_location("reference", ROOT / "crds" / "reference.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert (ROOT / "docs" / "reference.md").read_text() == module.reference(), "run python crds/reference.py"


def rules(documents: list[dict[str, Any]], kind: str, name: str) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of a role."""
    (role,) = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    return {
        (g, r, v) for rule in role["rules"] for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]
    }


def test_watching_single_namespaces_takes_the_same_rights_there() -> None:
    everywhere = rules(load("manifests/base/rbac.yaml"), "ClusterRole", "freshet")
    watched = rules(load("manifests/namespaced/watched.yaml"), "Role", "freshet")
    assert {r for r in everywhere if r[1] not in {"customresourcedefinitions", "namespaces"}} == watched


def test_rights_are_named_one_by_one_and_secrets_are_only_got() -> None:
    granted = rules(load("manifests/base/rbac.yaml"), "ClusterRole", "freshet")
    assert not [r for r in granted if "*" in r]
    assert {verb for _, resource, verb in granted if resource == "secrets"} == {"get"}


def test_the_roles_table_names_every_right() -> None:
    page = (ROOT / "docs" / "rbac.md").read_text()
    granted = rules(load("manifests/base/rbac.yaml"), "ClusterRole", "freshet")
    assert [resource for _, resource, _ in granted if resource not in page] == []


def test_the_operators_container_is_confined() -> None:
    (deployment,) = load("manifests/base/deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["spec"]["replicas"] == 1
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= container["resources"].keys()
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]


def test_the_image_runs_as_the_user_of_the_manifest() -> None:
    (deployment,) = load("manifests/base/deployment.yaml")
    user = deployment["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert f"\nUSER {user}:{user}\n" in (ROOT / "Dockerfile").read_text()


def test_the_image_has_the_documents_where_the_operator_looks_for_them() -> None:
    place = PACKED.relative_to(ROOT / "operator")
    assert f"\nCOPY docs /src/{place}\n" in (ROOT / "Dockerfile").read_text()
    assert "\n!docs\n" in (ROOT / ".dockerignore").read_text()
