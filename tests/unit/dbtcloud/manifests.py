"""manifest.json, written short."""

import json
from typing import Any

USERS = "model.shop.users"


def model(unique_id: str = USERS, **more: Any) -> dict[str, Any]:
    _, package, name = unique_id.split(".", 2)
    plain = {"name": name, "package_name": package, "fqn": [package, "marts", name], "columns": {"id": {"name": "id"}}}
    return {**plain, "original_file_path": f"models/marts/{name}.sql", "config": {"materialized": "table"}, **more}


def manifest(nodes: dict[str, Any], **more: Any) -> bytes:
    metadata = {"project_name": "shop", "generated_at": "2026-11-24T00:28:09.724613Z", "adapter_type": "duckdb"}
    return json.dumps({"metadata": metadata, "nodes": nodes, "macros": {"x": {"macro_sql": "…"}}, **more}).encode()
