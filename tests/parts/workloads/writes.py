"""How a spec says that its rows are written, or typed, where a test adds nothing to it."""

from typing import Any

__all__ = ["APPEND", "GROW", "MERGE", "TYPED"]

APPEND: dict[str, Any] = {"disposition": "append"}
GROW: dict[str, Any] = {**APPEND, "onFileChange": "append"}
MERGE: dict[str, Any] = {"disposition": "merge", "primaryKey": ["id"]}
TYPED: dict[str, Any] = {"schema": {"id": "BIGINT"}}
