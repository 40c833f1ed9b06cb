"""A count in a Databricks SQL warehouse, with the credentials that the operator puts into the pod's environment.

A warehouse that sleeps takes minutes to answer: the connector waits for it, and this says so. Telemetry is off.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from freshet.workloads.errors import ConfigError, InputError, Unavailable, WorkloadError
from freshet.workloads.log import EVERY, LOG
from freshet.workloads.sql import identifier, qualified

__all__ = ["ask_databricks", "connection_options"]

Connect = Callable[..., Any]


def ask_databricks(
    *, parts: Sequence[str], column: str | None, environ: Mapping[str, str] = os.environ, connect: Connect | None = None
) -> tuple[int, object]:
    """(rows, newest value of ``column``); ``connect`` stands for ``databricks.sql.connect``. Raises WorkloadError."""
    options = connection_options(environ)
    newest = f"max({identifier(column, mark='`')})" if column else "NULL"
    statement = f"SELECT count(*), {newest} FROM {qualified(parts, mark='`')}"
    try:
        with _patience(), (connect or _connector())(**options) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            rows, found = cursor.fetchone()
    except WorkloadError:
        raise
    except Exception as error:
        raise _sentence(error, relation=".".join(parts), host=str(options["server_hostname"])) from error
    return int(rows), found


def _connector() -> Connect:
    from databricks import sql

    connect: Connect = sql.connect
    return connect


def connection_options(environ: Mapping[str, str]) -> dict[str, Any]:
    """What ``databricks.sql.connect`` takes, from the variables of docs/contract.md.

    Raises ConfigError naming what is missing.
    """
    host, path = environ.get("DATABRICKS_SERVER_HOSTNAME", ""), environ.get("DATABRICKS_HTTP_PATH", "")
    token = environ.get("DATABRICKS_TOKEN", "")
    client = (environ.get("DATABRICKS_CLIENT_ID", ""), environ.get("DATABRICKS_CLIENT_SECRET", ""))
    present = {"host": host, "httpPath": path, "token (or clientId and clientSecret)": token or all(client)}
    missing = [name for name, value in present.items() if not value]
    if missing:
        raise ConfigError(
            "CredentialsMissing",
            f"The Databricks Secret lacks {', '.join(missing)}: add it (warehouse.databricks.secretRef).",
        )
    options: dict[str, Any] = {
        "server_hostname": host,
        "http_path": path,
        "enable_telemetry": False,
        "user_agent_entry": "freshet",
    }
    if token:
        return options | {"access_token": token}
    return options | {"credentials_provider": lambda: _machine(host, *client)}


def _machine(host: str, client_id: str, client_secret: str) -> Any:
    from databricks.sdk.core import Config, oauth_service_principal

    return oauth_service_principal(Config(host=f"https://{host}", client_id=client_id, client_secret=client_secret))


@contextmanager
def _patience() -> Iterator[None]:
    """Say, while nothing comes back, what is being waited for."""
    done = threading.Event()

    def speak() -> None:
        seconds = EVERY
        while not done.wait(EVERY):
            LOG.info(
                "Waiting for the Databricks SQL warehouse, %.0f s by now (a sleeping one takes minutes to start).",
                seconds,
            )
            seconds += EVERY

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _sentence(error: Exception, *, relation: str, host: str) -> WorkloadError:
    text = str(error)
    if "TABLE_OR_VIEW_NOT_FOUND" in text or "SCHEMA_NOT_FOUND" in text:
        return InputError(
            "RelationMissing",
            f"There is no table or view {relation} in the warehouse: build it first, or mend the count's relation.",
        )
    if "UNRESOLVED_COLUMN" in text:
        return ConfigError("DataTimeColumnMissing", f"dataTimeColumn is not a column of {relation}: mend it.")
    if "PERMISSION_DENIED" in text or "INSUFFICIENT_PERMISSIONS" in text:
        return ConfigError(
            "PermissionDenied",
            f"The credentials may not read {relation}: grant SELECT on it, and USE on its catalog and schema.",
        )
    if any(mark in text for mark in ("401", "403", "Invalid access token", "invalid_client", "UNAUTHENTICATED")):
        return ConfigError(
            "AuthenticationFailed",
            f"Databricks at {host} refuses the credentials: renew them in the Secret (warehouse.databricks.secretRef).",
        )
    return Unavailable(
        "WarehouseUnavailable",
        f"Databricks at {host} did not answer the count of {relation} ({type(error).__name__}): it is tried again;"
        " --debug shows the details.",
    )
