"""Comparing an answer with facts of the public OpenAPI document: names of fields by their kind."""

from datetime import datetime
from typing import Any

__all__ = ["STATUS", "holds", "names_of"]

STATUS = {"integer": "code", "boolean": "is_success", "string": "user_message developer_message"}
REQUIRED = (
    "id created_at updated_at status href run_id index name cause code is_success account_id project_id state "
    "execution settings triggers github_webhook timeout_seconds threads target_name queue_limit run_slots"
)
"""What is never null."""
TYPES = {"integer": int, "string": str, "boolean": bool, "array": list, "object": dict}


def names_of(facts: dict[str, str]) -> set[str]:
    """Every field."""
    return {name for names in facts.values() for name in names.split()}


def holds(answer: dict[str, Any], facts: dict[str, str]) -> None:
    """Each field is there and of its kind, null only where nothing is known yet. Raises AssertionError."""
    for kind, names in facts.items():
        for name in names.split():
            assert name in answer, name
            value = answer[name]
            assert _is_a(value, kind) or (value is None and name not in REQUIRED.split()), (
                f"{name} is {value!r}, not a {kind}"
            )


def _is_a(value: Any, kind: str) -> bool:
    if kind == "time":
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    return isinstance(value, TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))
