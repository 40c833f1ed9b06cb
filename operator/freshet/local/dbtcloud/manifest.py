"""``manifest.json`` (v12) of a declared graph: the keys that dbt 1.11 writes, with what the graph says in them."""

import hashlib
from typing import Any

from freshet.local.dbtcloud.graph import Graph, Model, Source, Test, label

__all__ = ["DBT_VERSION", "build_manifest", "unique_id"]

DBT_VERSION = "1.11.16"
SCHEMAS = "https://schemas.getdbt.com/dbt"


def build_manifest(graph: Graph, *, schema: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """The whole manifest; models build into `schema` unless they name their own."""
    ids = ids_of(graph)
    nodes = {}
    for model in graph.models:
        node = _model_node(graph, model, ids, schema)
        nodes[node["unique_id"]] = node
        for test in model.tests:
            node_of_test = _test_node(graph, model, test, ids, schema)
            nodes[node_of_test["unique_id"]] = node_of_test
    for source in graph.sources:
        for test in source.tests:
            node_of_test = _test_node(graph, source, test, ids, schema)
            nodes[node_of_test["unique_id"]] = node_of_test
    sources = {ids[f"source:{source.name}"]: _source_node(graph, source, schema) for source in graph.sources}
    exposures = {exposure["unique_id"]: exposure for exposure in graph.exposures}
    everything = {**nodes, **exposures}
    parents = {key: list(node["depends_on"]["nodes"]) for key, node in everything.items()} | {
        key: [] for key in sources
    }
    children: dict[str, list[str]] = {key: [] for key in parents}
    for child, its_parents in parents.items():
        for parent in its_parents:
            children.setdefault(parent, []).append(child)
    empty = (
        "macros",
        "docs",
        "metrics",
        "groups",
        "selectors",
        "disabled",
        "group_map",
        "saved_queries",
        "semantic_models",
        "unit_tests",
        "functions",
    )
    return {
        "metadata": {
            "dbt_schema_version": f"{SCHEMAS}/manifest/v12.json",
            "project_name": graph.project,
            "project_id": None,
            "user_id": None,
            "send_anonymous_usage_stats": False,
            "adapter_type": graph.adapter,
            **metadata,
        },
        "nodes": nodes,
        "sources": sources,
        "exposures": exposures,
        **{key: {} for key in empty},
        "parent_map": parents,
        "child_map": children,
    }


def ids_of(graph: Graph) -> dict[str, str]:
    """Name (with and without its version) or ``source:…`` → unique id; the latest version has the bare name."""
    ids = {f"source:{source.name}": f"source.{graph.project}.{source.name}" for source in graph.sources}
    for model in sorted(graph.models, key=lambda model: model.version or 0):
        ids[model.name] = ids[label(model)] = unique_id(graph, model)
    return ids


def unique_id(graph: Graph, model: Model) -> str:
    """``model.<package>.<name>[.v<version>]``."""
    return f"{model.resource_type}.{model.package or graph.project}.{label(model)}"


def test_id(package: str, owner: str, test: Test) -> str:
    """``test.<package>.<name>.<hash>``; ``owner``: the unique id of what it tests."""
    digest = hashlib.md5(f"{owner}/{test.name}".encode(), usedforsecurity=False).hexdigest()[:10]
    return f"test.{package}.{test.name}.{digest}"


def _model_node(graph: Graph, model: Model, ids: dict[str, str], schema: str) -> dict[str, Any]:
    package = model.package or graph.project
    folders = _folders(model)
    alias = model.alias or label(model).replace(".", "_")
    where = model.schema or schema
    ephemeral = model.materialized == "ephemeral"
    relation = None if ephemeral else f'"{graph.database}"."{where}"."{alias}"'
    version = [] if model.version is None else [f"v{model.version}"]
    config = {
        "enabled": True,
        "materialized": model.materialized if model.resource_type == "model" else model.resource_type,
        "tags": model.tags,
        "meta": model.meta,
        "schema": None,
        "database": None,
        "alias": None,
        **model.config,
    }
    return {
        **_common(
            graph, model.name, model.resource_type, unique_id(graph, model), [package, *folders, model.name, *version]
        ),
        "package_name": package,
        "path": "" if model.external else "/".join([*folders, f"{model.name}.sql"]),
        "original_file_path": "" if model.external else "/".join(["models", *folders, f"{model.name}.sql"]),
        "schema": where,
        "alias": alias,
        "relation_name": relation,
        "checksum": {"name": "sha256", "checksum": hashlib.sha256(model.code.encode()).hexdigest()},
        "config": config,
        "tags": model.tags,
        "meta": model.meta,
        "description": model.description,
        "depends_on": {"macros": [], "nodes": [ids[name] for name in model.upstreams]},
        "raw_code": model.code,
        "version": model.version,
        "latest_version": None if model.version is None else _latest(graph, model),
        "access": "protected",
    }


def _folders(model: Model) -> list[str]:
    return [part for part in model.path.removeprefix("models").split("/") if part]


def _latest(graph: Graph, model: Model) -> int:
    return max(other.version or 0 for other in graph.models if other.name == model.name)


def _test_node(graph: Graph, tested: Model | Source, test: Test, ids: dict[str, str], schema: str) -> dict[str, Any]:
    """A test of a source is attached to no node: only its arguments tell what it is about."""
    own, package, folders, call = _tested(graph, tested)
    parents = [own, *(ids[name] for name in test.also)]
    return {
        **_common(graph, test.name, "test", test_id(package, own, test), [package, *folders, test.name]),
        "package_name": package,
        "path": f"{test.name}.sql",
        "original_file_path": "/".join(["models", *folders, "schema.yml"]),
        "schema": f"{schema}_dbt_test__audit",
        "alias": test.name,
        "relation_name": None,
        "checksum": {"name": "none", "checksum": ""},
        "config": {
            "enabled": True,
            "materialized": "test",
            "severity": test.severity.upper(),
            "tags": [],
            "meta": {},
            "warn_if": "!= 0",
            "error_if": "!= 0",
            "fail_calc": "count(*)",
        },
        "tags": [],
        "meta": {},
        "description": "",
        "depends_on": {"macros": [], "nodes": parents},
        "raw_code": "",
        "attached_node": own if isinstance(tested, Model) else None,
        "test_metadata": {
            "name": test.name.removeprefix("source_").split("_")[0],
            "kwargs": {"model": f"{{{{ get_where_subquery({call}) }}}}"},
            "namespace": None,
        },
        "column_name": None,
    }


def _tested(graph: Graph, tested: Model | Source) -> tuple[str, str, list[str], str]:
    """Unique id, package, folders, and how dbt's code names it."""
    if isinstance(tested, Model):
        package = tested.package or graph.project
        return unique_id(graph, tested), package, _folders(tested), f"ref('{tested.name}')"
    group, table = tested.name.split(".", 1)
    return f"source.{graph.project}.{tested.name}", graph.project, [], f"source('{group}', '{table}')"


def _source_node(graph: Graph, source: Source, schema: str) -> dict[str, Any]:
    group, table = source.name.split(".", 1)
    where = source.schema or schema
    return {
        **_common(graph, table, "source", f"source.{graph.project}.{source.name}", [graph.project, group, table]),
        "package_name": graph.project,
        "path": "models/sources.yml",
        "original_file_path": "models/sources.yml",
        "schema": where,
        "identifier": table,
        "source_name": group,
        "source_description": "",
        "loader": "",
        "relation_name": f'"{graph.database}"."{where}"."{table}"',
        "loaded_at_field": "loaded_at" if source.max_loaded_at else None,
        "freshness": {"warn_after": {"count": 1, "period": "day"}} if source.max_loaded_at else None,
        "config": {"enabled": True, "meta": source.meta},
        "tags": [],
        "meta": source.meta,
        "description": "",
    }


def _common(graph: Graph, name: str, resource_type: str, key: str, fqn: list[str]) -> dict[str, Any]:
    return {
        "database": graph.database,
        "name": name,
        "resource_type": resource_type,
        "unique_id": key,
        "fqn": fqn,
        "columns": {},
        "doc_blocks": [],
        "unrendered_config": {},
        "created_at": 0.0,
    }
