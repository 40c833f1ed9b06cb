"""A connection to a Databricks SQL warehouse, with the credentials that the operator puts into the pod's environment.

A warehouse that sleeps takes minutes to answer: the connector waits for it, and this says so. Telemetry is off. The
connector repeats a statement whose answer was lost, so each statement that goes through here may run twice.
"""

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any
from urllib.request import getproxies

from freshet.workloads.credentials import expect_plain
from freshet.workloads.databricks_host import plain_host
from freshet.workloads.databricks_oauth import machine, no_token, shut
from freshet.workloads.errors import ConfigError, Unavailable, WorkloadError, missing
from freshet.workloads.waiting import waits_for

__all__ = [
    "ABSENT",
    "LONGEST",
    "RETRIES",
    "UNREACHED",
    "Connect",
    "Sql",
    "connection_options",
    "error_class",
    "open_sql",
    "sentence",
]

Connect = Callable[..., Any]
RETRIES: dict[str, float] = {
    "_retry_delay_min": 0.25,
    "_retry_delay_max": 15,
    "_retry_stop_after_attempts_count": 60,
    "_retry_stop_after_attempts_duration": 900,
}
"""A warehouse that starts is asked for a quarter of an hour: the connector waits its *longest* delay after a 503."""
LONGEST = 172_800
"""Seconds: more than two days are no ``STATEMENT_TIMEOUT``
(https://docs.databricks.com/sql/language-manual/parameters/statement_timeout.html)."""
_SOCKET_TIMEOUT = 180
"""Seconds for one answer: the connector asks again and again after a statement that takes longer."""
_IDLE = 300
"""Seconds after which a session is not trusted to be there: while dlt carries a large file, nothing is asked in it."""
_NO_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_NO_WAREHOUSE = "ENDPOINT_NOT_FOUND|RESOURCE_DOES_NOT_EXIST|not a valid endpoint id"
_MAY_NOT = ("PERMISSION_DENIED", "INSUFFICIENT_PERMISSIONS", "SQLSTATE: 42501")
ABSENT = ("TABLE_OR_VIEW_NOT_FOUND", "UNRESOLVED_COLUMN")
"""Error classes of a table, or a column of ours in one, that is gone or was never there."""
UNREACHED = "RequestError: HTTP request failed"
"""Of the connector, after all of ``RETRIES``: the storage, which alone it asks so."""
_REFUSED = r"\b40[13]\b|Invalid access token|invalid_client|UNAUTHENTICATED"


class Sql:
    """Sessions with one warehouse, one at a time; nothing in a session need outlive it."""

    def __init__(self, *, connect: Callable[[], Any], host: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect
        self._clock = clock
        self._is_awake = False
        self._used = clock()
        self.host = host
        self._open()

    def ask(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """The rows of one statement; ``values`` fill its ``:name`` marks. Raises what the connector raises."""
        with self._asked(statement, values) as cursor:
            return [tuple(row) for row in cursor.fetchall()]

    def columns(self, relation: str) -> dict[str, str]:
        """Name → type, as the connector calls it, of a relation, whose name is quoted. Raises what it raises.

        Unlike an information schema, every catalog has that, and it tells of views, too.
        """
        with self._asked(f"SELECT * FROM {relation} LIMIT 0", {}) as cursor:
            return {str(name): str(kind) for name, kind, *_ in cursor.description}

    @contextmanager
    def _asked(self, statement: str, values: Mapping[str, object]) -> Iterator[Any]:
        """A cursor that has the answer."""
        if self._clock() - self._used > _IDLE:
            self.close()
            self._open()
        with self._patience(), self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            yield cursor
        self._is_awake = True
        self._used = self._clock()

    def close(self) -> None:
        with suppress(Exception):  # the warehouse ends a session that is not used, and one that is not ended
            self._connection.close()

    def _open(self) -> None:
        with _start(self.host):
            self._connection = self._connect()
        self._used = self._clock()

    def _patience(self) -> AbstractContextManager[None]:
        """Until the first answer the warehouse may be asleep; from then on a statement works as long as it takes."""
        if self._is_awake:
            return waits_for(f"an answer of the Databricks SQL warehouse at {self.host}", visible=False)
        return _start(self.host)


@contextmanager
def open_sql(options: Mapping[str, Any], *, connect: Connect | None = None) -> Iterator[Sql]:
    """A session, once the warehouse is awake; what is being waited for is said. Raises what the connector raises.

    ``options``: ``connection_options``.
    """
    sql = Sql(connect=partial(connect or _connector(), **options), host=str(options["server_hostname"]))
    try:
        yield sql
    finally:
        sql.close()


def _expect_host(host: str) -> None:
    """Raises Unavailable for a name that nobody has, which the connector would ask for a quarter of an hour.

    A proxy knows names that the pod does not.
    """
    if getproxies() or ":" in host:
        return
    try:
        socket.getaddrinfo(host, 443)
    except socket.gaierror as error:
        if error.errno in _NO_NAME:
            raise Unavailable(
                "WarehouseUnavailable",
                f"There is no host {host}: mend host in the Secret (warehouse.databricks.secretRef), or see the"
                " cluster's DNS; it is tried again.",
            ) from error


def _start(host: str) -> AbstractContextManager[None]:
    return waits_for(f"the Databricks SQL warehouse at {host} to answer (one that sleeps takes minutes to start)")


def _connector() -> Connect:
    from databricks import sql

    def connect(**options: Any) -> Any:
        _expect_host(str(options["server_hostname"]))
        if "credentials_provider" in options:
            options["credentials_provider"]()  # the connector, once begun, does not bear that it fails
        return sql.connect(**options)

    return connect


def connection_options(
    environ: Mapping[str, str], *, timeout: int | None = None, settings: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What ``databricks.sql.connect`` takes, from the variables of docs/contract.md.

    ``timeout``: seconds after which the warehouse itself ends a statement, also where nobody is left to ask for it; it
    does so after ``LONGEST`` at the latest. ``settings``: of the session, beside that.
    Raises ConfigError naming what is missing.
    """
    names = ("SERVER_HOSTNAME", "HTTP_PATH", "TOKEN", "CLIENT_ID", "CLIENT_SECRET")
    host, path, token, *client = (environ.get(f"DATABRICKS_{name}", "").strip() for name in names)
    present = {"host": host, "httpPath": path, "token (or clientId and clientSecret)": token or all(client)}
    missing = [name for name, value in present.items() if not value]
    if missing:
        raise ConfigError(
            "CredentialsMissing",
            f"The Databricks Secret lacks {', '.join(missing)}: add it (warehouse.databricks.secretRef).",
        )
    values = {"host": host, "httpPath": path, "token": token, "clientId": client[0], "clientSecret": client[1]}
    expect_plain(values, secret="warehouse.databricks.secretRef")
    host = plain_host(host)
    options = _address(host, path) | {
        "http_path": path,
        "enable_telemetry": False,
        "user_agent_entry": "freshet",
        "_socket_timeout": _SOCKET_TIMEOUT,
        **RETRIES,
    }
    limit = {} if timeout is None else {"STATEMENT_TIMEOUT": str(min(timeout, LONGEST))}
    options["session_configuration"] = {**limit, **(settings or {})}
    if token:
        return options | {"access_token": token}
    return options | {"credentials_provider": machine(host, *client)}


def _address(host: str, path: str) -> dict[str, Any]:
    if host.startswith("http://"):
        return {"server_hostname": host.removeprefix("http://"), "_connection_uri": host + path}
    return {"server_hostname": host}


def error_class(error: BaseException) -> str:
    """``TABLE_OR_VIEW_NOT_FOUND`` and the like, from the square brackets; empty where there is none."""
    found = re.search(r"\[([A-Z][A-Z0-9_]+)[.\]]", str(error))
    return found[1] if found else ""


def sentence(error: Exception, *, what: str, relation: str, host: str) -> WorkloadError:
    """The connector's complaint for people. ``what`` was asked, such as "the count of main.a.b"."""
    text, kind = str(error), error_class(error)
    if kind in ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND"):
        return missing(relation)
    if kind == "NO_SUCH_CATALOG_EXCEPTION":
        return ConfigError("RelationMissing", f"The catalog of {relation} does not exist: mend warehouse.databricks.")
    if kind == "UNRESOLVED_COLUMN":
        return ConfigError("DataTimeColumnMissing", f"dataTimeColumn is not a column of {relation}: mend it.")
    if any(mark in text for mark in _MAY_NOT):
        return ConfigError(
            "PermissionDenied",
            f"The credentials do not allow {what}: grant what it needs (docs/loads.md), and USE on catalog and schema.",
        )
    if kind == "STATEMENT_TIMEOUT":
        return Unavailable(
            "StatementTimeout",
            f"Databricks at {host} took longer for {what} than the Job may take, and ended it: it is tried again; if"
            " that stays, take a larger SQL warehouse, or raise the timeout.",
        )
    if not kind and ("Staging operation" in text or UNREACHED in text):
        return Unavailable(
            "StagingFailed",
            f"The storage behind Databricks at {host} did not take or give the files of {what}: it is tried again; if"
            " that stays, see whether its network rules let this cluster in.",
        )
    if not kind and (unfit := no_token(text, host=host)):
        return unfit
    code, method = _answer(error)
    if not kind and (code == 401 or re.search(_REFUSED, text)):
        return ConfigError(
            "AuthenticationFailed",
            f"Databricks at {host} refuses the credentials: renew them in the Secret (warehouse.databricks.secretRef).",
        )
    if not kind and code == 403:
        return shut(host)
    if not kind and ((code, method) == (404, "OpenSession") or re.search(_NO_WAREHOUSE, text)):
        return ConfigError(
            "WarehouseMissing",
            f"Databricks at {host} has no SQL warehouse at that httpPath: mend it in the Secret"
            " (warehouse.databricks.secretRef).",
        )
    return Unavailable(
        "WarehouseUnavailable",
        f"Databricks at {host} did not answer {what} ({kind or type(error).__name__}): it is tried again;"
        " --debug shows the details.",
    )


def _answer(error: BaseException) -> tuple[int | None, str | None]:
    """The status that HTTP alone gave, to which question of the protocol."""
    found: BaseException | None = error
    while found is not None:
        context = getattr(found, "context", None) or {}
        if context.get("http-code") in (401, 403, 404):
            return context["http-code"], context.get("method")
        found = found.__cause__
    return None, None
