"""Databricks' error classes for what went wrong in DuckDB; clients look for the names in square brackets."""

import re

__all__ = ["Hangup", "SqlError", "from_duckdb"]

from thrift.transport.TTransport import TTransportException


class SqlError(Exception):
    """A statement that failed: ``[CLASS] text SQLSTATE: state``, as the real service writes it."""

    def __init__(self, kind: str, text: str, state: str = "42000") -> None:
        super().__init__(f"[{kind}] {text} SQLSTATE: {state}")
        self.kind = kind
        self.state = state


class Hangup(TTransportException):  # type: ignore[misc]
    """No answer of the protocol: the connection is closed, or, with ``status``, a bare HTTP answer is given.

    The Thrift processor hands on exceptions of its transport, and of no other class.
    """

    def __init__(self, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message="hung up")
        self.status = status
        self.retry_after = retry_after


_KINDS = (
    (r"(write-write|Transaction) conflict|Conflict on", "DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES", "2D521"),
    (r"is not a catalog or schema", "NO_SUCH_CATALOG_EXCEPTION", "42704"),
    (r"Schema with name|[Ss]chema .* does not exist", "SCHEMA_NOT_FOUND", "42704"),
    (r"(Table|View|Table or view) with name .* does not exist", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    (r"Function with name .* does not exist", "UNSUPPORTED_FEATURE", "0A000"),
    (r"Column with name .* already exists", "FIELDS_ALREADY_EXISTS", "42710"),
    (r"already exists", "TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
    (r"Referenced column|does not have a column|not found in FROM|Could not find key", "UNRESOLVED_COLUMN", "42703"),
    (r"NOT NULL constraint", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502"),
    (r"^Invalid Input Error: raised: ", "USER_RAISED_EXCEPTION", "P0001"),
    (r"^Invalid Input Error: Division by zero in expression \(.* % ", "REMAINDER_BY_ZERO", "22012"),
    (r"^Invalid Input Error: Division by zero", "DIVIDE_BY_ZERO", "22012"),
    (r"table .* has \d+ columns but \d+ values were supplied", "DELTA_INSERT_COLUMN_ARITY_MISMATCH", "42802"),
    (r"Column name/value mismatch for insert", "INSERT_COLUMN_ARITY_MISMATCH", "21S01"),
    (r"Conversion Error", "CAST_INVALID_INPUT", "22018"),
    (r"Parser Error|syntax error", "PARSE_SYNTAX_ERROR", "42601"),
)


def from_duckdb(error: Exception) -> SqlError:
    """DuckDB's complaint in Databricks' words."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    for pattern, kind, state in _KINDS:
        if re.search(pattern, str(error)):
            return SqlError(_in_full(kind, text), _worded(kind, text), state)
    return SqlError("INTERNAL_ERROR", text, "XX000")


def _in_full(kind: str, text: str) -> str:
    if kind != "INSERT_COLUMN_ARITY_MISMATCH":
        return kind
    wanted, given = map(int, re.findall(r"(\d+) (?:columns|values)", text))
    return f"{kind}.{'NOT_ENOUGH' if given < wanted else 'TOO_MANY'}_DATA_COLUMNS"


def _worded(kind: str, text: str) -> str:
    """What is missing as the real service names it: a client may tell by that whether it is what was asked for."""
    found = re.search(r"with name (\S+) does not exist", text)
    if kind == "TABLE_OR_VIEW_NOT_FOUND" and found:
        return f"The table or view `{found[1]}` cannot be found. {text}"
    return text
