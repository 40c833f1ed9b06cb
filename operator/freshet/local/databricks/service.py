"""The calls of TCLIService that the connector makes; each other one is answered with an error."""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from databricks.sql.thrift_api.TCLIService import ttypes

from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.faults import Faults
from freshet.local.databricks.results import metadata, row_set
from freshet.local.databricks.session import Answer, Parameter, Session, settings_refused, zone_of
from freshet.local.databricks.statements import Statements
from freshet.local.databricks.store import Store

__all__ = ["Service"]

_PROTOCOL = ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8
_OK = ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)
_CHUNK = 100_000
_PARAMETERS = 256
"""So many native parameters the service takes with one statement."""


@dataclass(kw_only=True)
class _Operation:
    answer: Answer | None
    error: SqlError | None
    offset: int = 0


class Service:
    def __init__(self, *, store: Store, faults: Faults, catalog: str, url: Callable[[], str]) -> None:
        self._store = store
        self._faults = faults
        self._catalog = catalog
        self._statements = Statements(store=store, url=url)
        self._sessions: dict[bytes, Session] = {}
        self._operations: dict[bytes, _Operation] = {}
        self._lock = threading.Lock()

    def OpenSession(self, req: Any) -> Any:
        try:
            return self._faults.run("OPEN SESSION", lambda _: self._open(req))
        except SqlError as error:
            return ttypes.TOpenSessionResp(status=_failed(str(error)), serverProtocolVersion=_PROTOCOL)

    def CloseSession(self, req: Any) -> Any:
        found = self._sessions.pop(req.sessionHandle.sessionId.guid, None)
        if found is not None:
            self._store.forget(found.id)
        return ttypes.TCloseSessionResp(status=_OK)

    def ExecuteStatement(self, req: Any) -> Any:
        session = self._sessions.get(req.sessionHandle.sessionId.guid)
        if session is None:
            return ttypes.TExecuteStatementResp(status=_failed("Invalid SessionHandle"))
        parameters = [_parameter(one) for one in req.parameters or ()]
        try:
            _expect_few(parameters)
            answer = self._faults.run(
                req.statement, lambda begun: self._statements.run(session, req.statement, parameters, begun)
            )
            operation = _Operation(answer=answer, error=None)
        except SqlError as error:
            operation = _Operation(answer=None, error=error)
        guid = secrets.token_bytes(16)
        with self._lock:
            self._operations[guid] = operation
        handle = ttypes.TOperationHandle(
            operationId=ttypes.THandleIdentifier(guid=guid, secret=b"0" * 16),
            operationType=ttypes.TOperationType.EXECUTE_STATEMENT,
            hasResultSet=True,
        )
        direct = self._direct(operation) if req.getDirectResults else None
        return ttypes.TExecuteStatementResp(status=_OK, operationHandle=handle, directResults=direct)

    def GetOperationStatus(self, req: Any) -> Any:
        operation = self._found(req)
        if operation is None:
            return ttypes.TGetOperationStatusResp(status=_failed("Invalid OperationHandle"))
        return _state(operation)

    def GetResultSetMetadata(self, req: Any) -> Any:
        operation = self._found(req)
        if operation is None or operation.answer is None:
            return ttypes.TGetResultSetMetadataResp(status=_failed("The operation has no result"))
        return metadata(operation.answer.table, staging=operation.answer.staging)

    def FetchResults(self, req: Any) -> Any:
        operation = self._found(req)
        if operation is None or operation.answer is None:
            return ttypes.TFetchResultsResp(status=_failed("The operation has no result"))
        return self._fetch(operation, operation.answer)

    def CloseOperation(self, req: Any) -> Any:
        with self._lock:
            self._operations.pop(req.operationHandle.operationId.guid, None)
        return ttypes.TCloseOperationResp(status=_OK)

    def CancelOperation(self, req: Any) -> Any:
        return ttypes.TCancelOperationResp(status=_OK)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"This stand-in does not know {name}.")

    def _open(self, req: Any) -> Any:
        place = req.initialNamespace
        catalog = (place.catalogName if place else None) or self._catalog
        if catalog not in self._store.files:
            return ttypes.TOpenSessionResp(
                status=_failed(f"[NO_SUCH_CATALOG_EXCEPTION] Catalog '{catalog}' was not found. SQLSTATE: 42704"),
                serverProtocolVersion=_PROTOCOL,
            )
        refused = settings_refused(req.configuration or {})
        if refused is not None:
            return ttypes.TOpenSessionResp(status=_failed(str(refused)), serverProtocolVersion=_PROTOCOL)
        session = Session(
            id=secrets.token_bytes(16), catalog=catalog, schema=(place.schemaName if place else None) or "default"
        )
        if zone := zone_of(req.configuration or {}):
            self._store.keep_zone(session.id, zone)
        self._sessions[session.id] = session
        handle = ttypes.TSessionHandle(
            sessionId=ttypes.THandleIdentifier(guid=session.id, secret=b"0" * 16), serverProtocolVersion=_PROTOCOL
        )
        return ttypes.TOpenSessionResp(
            status=_OK, sessionHandle=handle, serverProtocolVersion=_PROTOCOL, canUseMultipleCatalogs=True
        )

    def _found(self, req: Any) -> _Operation | None:
        with self._lock:
            return self._operations.get(req.operationHandle.operationId.guid)

    def _direct(self, operation: _Operation) -> Any:
        found = ttypes.TSparkDirectResults(operationStatus=_state(operation))
        if operation.answer is not None:
            found.resultSetMetadata = metadata(operation.answer.table, staging=operation.answer.staging)
            found.resultSet = self._fetch(operation, operation.answer)
        return found

    def _fetch(self, operation: _Operation, answer: Answer) -> Any:
        start = operation.offset
        table = answer.table.slice(start, _CHUNK)
        operation.offset = start + table.num_rows
        return ttypes.TFetchResultsResp(
            status=_OK,
            hasMoreRows=operation.offset < answer.table.num_rows,
            results=row_set(table, offset=start),
            resultSetMetadata=metadata(answer.table, staging=answer.staging),
        )


def _state(operation: _Operation) -> Any:
    if operation.error is not None:
        return ttypes.TGetOperationStatusResp(
            status=_OK,
            operationState=ttypes.TOperationState.ERROR_STATE,
            sqlState=operation.error.state,
            errorMessage=str(operation.error),
            displayMessage=str(operation.error),
            hasResultSet=False,
        )
    modified = operation.answer.modified if operation.answer else None
    return ttypes.TGetOperationStatusResp(
        status=_OK,
        operationState=ttypes.TOperationState.FINISHED_STATE,
        hasResultSet=True,
        numModifiedRows=modified,
    )


def _failed(message: str) -> Any:
    return ttypes.TStatus(statusCode=ttypes.TStatusCode.ERROR_STATUS, errorMessage=message)


def _expect_few(parameters: Sequence[Parameter]) -> None:
    if len(parameters) > _PARAMETERS:
        text = f"A statement takes {_PARAMETERS} parameters, and {len(parameters)} were given."
        raise SqlError("INVALID_PARAMETER_VALUE", text, "22023")


def _parameter(found: Any) -> Parameter:
    value = found.value.stringValue if found.value is not None else None
    return Parameter(name=found.name or None, type=(found.type or "STRING").upper(), value=value)
