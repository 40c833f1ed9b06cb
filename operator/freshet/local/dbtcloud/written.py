"""The artifacts of a command that is made up, in the shapes in which dbt writes them."""

import uuid
from datetime import UTC, datetime
from typing import Any

from freshet.local.dbtcloud.executor import Work
from freshet.local.dbtcloud.graph import Graph, Model
from freshet.local.dbtcloud.manifest import DBT_VERSION, SCHEMAS
from freshet.local.dbtcloud.selection import Command

__all__ = ["catalog", "metadata_of", "node_result", "run_results", "sources", "without_nulls"]

Json = dict[str, Any]
MESSAGES = {"success": "OK", "error": "Runtime Error: made up", "fail": "Got 1 result, configured to fail if != 0"}
FAILURES = {"pass": 0, "fail": 1, "warn": 1}
NOT_RUN = frozenset({"skipped", "no-op", "reused"})


def metadata_of(work: Work, *, at: float) -> Json:
    """What each artifact says of its command."""
    now = _iso(at)
    return {
        "dbt_version": DBT_VERSION,
        "generated_at": now,
        "invocation_id": str(uuid.uuid4()),
        "invocation_started_at": now,
        "env": {"DBT_CLOUD_RUN_ID": str(work.run.id), "DBT_CLOUD_JOB_ID": str(work.job.id)},
    }


def node_result(node: Json, status: str, model: Model | None, *, at: float) -> Json:
    """One of ``results`` of run_results.json."""
    now, ran = _iso(at), status not in NOT_RUN
    timing = [{"name": name, "started_at": now, "completed_at": now} for name in ("compile", "execute")]
    return {
        "status": status,
        "timing": timing if ran else [],
        "thread_id": "Thread-1",
        "execution_time": (model.execution_time if model else 0.01) if ran else 0.0,
        "adapter_response": _response(model) if ran and model else {},
        "message": MESSAGES.get(status),
        "failures": FAILURES.get(status),
        "unique_id": node["unique_id"],
        "compiled": ran,
        "compiled_code": node["raw_code"] if ran else None,
        "relation_name": node["relation_name"],
        "batch_results": {"successful": [], "failed": []} if status == "partial success" else None,
    }


def sources(graph: Graph, metadata: Json, *, at: float) -> Json:
    """sources.json: how recent each source is that has a freshness."""
    results = [
        {
            "unique_id": f"source.{graph.project}.{source.name}",
            "max_loaded_at": source.max_loaded_at,
            "snapshotted_at": _iso(at),
            "max_loaded_at_time_ago_in_s": 0.0,
            "status": source.status,
            "criteria": {
                "warn_after": {"count": 1, "period": "day"},
                "error_after": {"count": None, "period": None},
                "filter": None,
            },
            "adapter_response": {},
            "timing": [],
            "thread_id": "Thread-1",
            "execution_time": 0.01,
        }
        for source in graph.sources
        if source.max_loaded_at
    ]
    return {
        "metadata": {**metadata, "dbt_schema_version": f"{SCHEMAS}/sources/v3.json"},
        "results": results,
        "elapsed_time": 0.01,
    }


def run_results(results: list[Json], metadata: Json, command: Command) -> Json:
    """run_results.json."""
    args = {
        "which": command.which,
        "select": list(command.select),
        "exclude": list(command.exclude),
        "indirect_selection": command.indirect,
        **command.options,
    }
    return {
        "metadata": {**metadata, "dbt_schema_version": f"{SCHEMAS}/run-results/v6.json"},
        "results": results,
        "elapsed_time": 0.01,
        "args": args,
    }


def catalog(manifest: Json, metadata: Json) -> Json:
    """catalog.json."""
    nodes = {
        key: {
            "metadata": {
                "type": "BASE TABLE",
                "schema": node["schema"],
                "name": node["alias"],
                "database": node["database"],
                "comment": None,
                "owner": None,
            },
            "columns": {},
            "stats": {},
            "unique_id": key,
        }
        for key, node in manifest["nodes"].items()
        if node["relation_name"]
    }
    return {
        "metadata": {**metadata, "dbt_schema_version": f"{SCHEMAS}/catalog/v1.json"},
        "nodes": nodes,
        "sources": {},
        "errors": None,
    }


def without_nulls(value: Any) -> Any:
    """As dbt v2 writes it."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _response(model: Model) -> Json:
    """Rows are there where the warehouse tells of them."""
    return {"_message": "OK"} | ({} if model.rows_affected is None else {"rows_affected": model.rows_affected})


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
