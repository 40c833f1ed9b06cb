"""run_results.json, written short."""

from typing import Any

import msgspec

from freshet.dbtcloud.results import StepResults, parse

USERS = "model.shop.users"
TEST = "test.shop.not_null_users_id.4db5ed5c63"
AT = "2026-11-24T00:23:42.039982Z"


def artifact(*results: dict[str, Any], which: str | None = "build", **metadata: Any) -> bytes:
    args = {} if which is None else {"which": which}
    return msgspec.json.encode({"metadata": {"generated_at": AT, **metadata}, "args": args, "results": list(results)})


def read(raw: bytes, **more: Any) -> StepResults:
    found = parse(raw, **more)
    assert isinstance(found, StepResults)
    return found


def node(status: str = "success", unique_id: str = USERS, **more: Any) -> dict[str, Any]:
    return {"unique_id": unique_id, "status": status, **more}
