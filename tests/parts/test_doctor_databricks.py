"""The doctor asks a workspace for its SQL warehouse, by token and by OAuth; a server of the same paths answers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import BasicAuth, web

from freshet.api.pipeline import Pipeline
from freshet.api.view import parse
from freshet.doctor.outside import databricks

PIPELINE = parse({"metadata": {"name": "shop", "namespace": "demo"}, "spec": {}}, type=Pipeline)


async def warehouse(request: web.Request) -> web.Response:
    if request.headers.get("Authorization") != "Bearer right":
        return web.json_response({"error_code": 403}, status=403)
    return web.json_response(
        {"id": (name := request.match_info["id"]), "state": "DELETED" if name == "old" else "STOPPED"}
    )


async def token(request: web.Request) -> web.Response:
    form = await request.post()
    sender = BasicAuth.decode(request.headers["Authorization"])
    assert dict(form) == {"grant_type": "client_credentials", "scope": "all-apis"}
    return web.json_response({"access_token": "right" if sender.password == "secret" else "wrong"})


@pytest.fixture
async def host() -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes([web.get("/api/2.0/sql/warehouses/{id}", warehouse), web.post("/oidc/v1/token", token)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def secret(host: str, **more: str) -> dict[str, bytes]:
    texts: dict[str, Any] = {"host": host, "httpPath": "/sql/1.0/warehouses/abc", **more}
    return {key: value.encode() for key, value in texts.items()}


@pytest.mark.parametrize("credentials", [{"token": "right"}, {"clientId": "me", "clientSecret": "secret"}])
async def test_it_answers(host: str, credentials: dict[str, str]) -> None:
    found = await databricks(PIPELINE, secret(host, **credentials))
    assert (found.level, found.message) == ("good", f"Databricks at {host} answers; SQL warehouse abc is STOPPED")


async def test_it_refuses(host: str) -> None:
    found = await databricks(PIPELINE, secret(host, token="hunter2"))
    assert found.message == f"Databricks at {host} answers 403 for /api/2.0/sql/warehouses/abc"
    assert "hunter2" not in str(found)
    assert found.remedy == "freshet runbook warehouse-unreachable"


async def test_it_is_not_there(host: str) -> None:
    found = await databricks(PIPELINE, secret("http://127.0.0.1:9", token="hunter2"))
    assert found.level == "bad"
    assert "does not answer" in found.message


async def test_a_host_that_cannot_be_is_not_asked() -> None:
    found = await databricks(PIPELINE, secret("http://dbc.example.com", token="hunter2"))
    assert found.level == "bad"
    assert "is no server's name" in found.message


async def test_it_is_deleted(host: str) -> None:
    found = await databricks(PIPELINE, secret(host, token="right", httpPath="/sql/1.0/warehouses/old"))
    assert (found.level, found.message) == ("bad", f"Databricks at {host}: SQL warehouse old is DELETED")


async def test_a_cluster_is_not_asked_for_as_a_warehouse(host: str) -> None:
    """It is no fault, and nobody would wake it."""
    found = await databricks(PIPELINE, secret(host, token="right", httpPath="sql/protocolv1/o/1/0123-abc"))
    assert found.level == "unsure"
    assert "is not that of a SQL warehouse" in found.message
