"""The real connector, spoken to by a test."""

from typing import Any

from databricks import sql

from freshet.local.databricks.server import HTTP_PATH, DatabricksServer

__all__ = ["asker", "connected", "options"]


def options(server: DatabricksServer, **more: Any) -> dict[str, Any]:
    return {
        "server_hostname": "127.0.0.1",
        "http_path": HTTP_PATH,
        "access_token": "t",
        "_connection_uri": server.url + HTTP_PATH,
        "enable_telemetry": False,
        "_retry_delay_min": 0.1,
        "_retry_delay_max": 5,
        **more,
    }


def asker(connection: Any) -> Any:
    """A function that runs one statement and returns its rows."""

    def ask(statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    return ask


def connected(server: DatabricksServer, **more: Any) -> Any:
    return sql.connect(**options(server, **more))
