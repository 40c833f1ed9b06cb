"""How a spec says that its rows are written, where a test adds nothing to it."""

from typing import Any

__all__ = ["APPEND", "GROW", "MERGE"]

APPEND: dict[str, Any] = {"disposition": "append"}
GROW: dict[str, Any] = {**APPEND, "onFileChange": "append"}
MERGE: dict[str, Any] = {"disposition": "merge", "primaryKey": ["id"]}
