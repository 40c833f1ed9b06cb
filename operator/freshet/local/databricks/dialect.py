"""Databricks' SQL and no other: sqlglot's parser, by itself, takes in each dialect words of all of them.

What only others know is no syntax here; functions and types are held against the names that Databricks has.
"""

from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from freshet.local.databricks.errors import SqlError
from freshet.local.databricks.functions import CALLABLE, TABLE_FUNCTIONS

__all__ = ["parse_strictly"]

_CALLED, _WRITTEN = "called", "written"
_TYPES = frozenset(
    (
        *("array", "bigint", "binary", "boolean", "byte", "char", "character", "date", "dec", "decimal", "double"),
        *("float", "geography", "geometry", "int", "integer", "interval", "long", "map", "numeric", "object", "real"),
        *("short", "smallint", "string", "struct", "timestamp", "timestamp_ltz", "timestamp_ntz", "tinyint"),
        *("varchar", "variant", "void"),
    )
)
_SIZED = frozenset({"char", "character", "varchar"})
_OBJECTS = frozenset({"TABLE", "VIEW", "SCHEMA", "DATABASE"})
_FOREIGN = (exp.Fetch, exp.Glob, exp.SimilarTo, exp.UniqueColumnConstraint, exp.ArrayContainsAll)
_FOREIGN_PARTS = (
    *((exp.Distinct, "on"), (exp.Update, "from_"), (exp.Delete, "using"), (exp.Insert, "alternative")),
    *((kind, part) for kind in (exp.Update, exp.Delete) for part in ("order", "limit")),
    *((exp.Drop, "constraints"), (exp.Create, "no_schema_binding")),
)
_COLUMN_MAPPING = (
    (exp.Drop, "DELTA_UNSUPPORTED_DROP_COLUMN"),
    (exp.RenameColumn, "DELTA_UNSUPPORTED_RENAME_COLUMN"),
)
_ARROWS = (
    *(TokenType.ARROW, TokenType.DARROW, TokenType.HASH_ARROW, TokenType.DHASH_ARROW),
    *(TokenType.PLACEHOLDER, TokenType.DOTCOLON),
)


class _Parser(Databricks.Parser):  # type: ignore[misc]
    """Remembers how functions and types were written, and has no word for what Databricks has not."""

    COLUMN_OPERATORS = {
        token: work for token, work in Databricks.Parser.COLUMN_OPERATORS.items() if token not in _ARROWS
    }

    def _parse_function_call(self, *args: Any, **more: Any) -> Any:
        name, following = self._curr, self._next
        found = super()._parse_function_call(*args, **more)
        if found is not None and following is not None and following.token_type == TokenType.L_PAREN:
            found.meta[_CALLED] = name.text
        return found

    def _parse_types(self, *args: Any, **more: Any) -> Any:
        name = self._curr
        found = super()._parse_types(*args, **more)
        if isinstance(found, exp.DataType):
            found.meta.setdefault(_WRITTEN, name.text)
        return found

    def _parse_select(self, *args: Any, **more: Any) -> Any:
        self._expect_not(TokenType.FROM)
        return super()._parse_select(*args, **more)

    def _parse_bracket(self, this: Any = None) -> Any:
        if this is None:
            self._expect_not(TokenType.L_BRACKET, TokenType.L_BRACE)
        return super()._parse_bracket(this)

    def _parse_star_op(self, *keywords: str) -> Any:
        return super()._parse_star_op("EXCEPT") if "EXCEPT" in keywords else None

    def _parse_on_conflict(self) -> None:
        return None

    def _parse_returning(self) -> None:
        self._expect_not(TokenType.RETURNING)  # left where it is, an UPDATE would look at it for ever

    def _parse_string_as_identifier(self) -> None:
        return None

    def _expect_not(self, *kinds: TokenType) -> None:
        if self._curr is not None and self._curr.token_type in kinds:
            self.raise_error(f"Syntax error at or near '{self._curr.text}'")


class _Strict(Databricks):  # type: ignore[misc]
    SUPPORTS_USER_DEFINED_TYPES = True
    Parser = _Parser


def parse_strictly(text: str) -> list[Any]:
    """The statements in ``text``, as trees of sqlglot's. Raises SqlError."""
    try:
        found: list[Any] = sqlglot.parse(text, read=_Strict)
    except SqlglotError as error:
        raise _syntax(str(error).splitlines()[0]) from error
    for tree in found:
        for node in tree.walk() if tree is not None else ():
            _expect_syntax(node)
            _expect_function(node)
            _expect_type(node)
    return found


def _expect_syntax(node: Any) -> None:
    for kind, refused in _COLUMN_MAPPING:
        if isinstance(node, kind) and isinstance(node.parent, exp.Alter):
            raise SqlError(refused, "The table has no column mapping, which this needs.", "0AKDC")
    if isinstance(node, _FOREIGN):
        raise _syntax(f"Syntax error at or near '{node.key.upper()}'.")
    for kind, part in _FOREIGN_PARTS:
        if isinstance(node, kind) and node.args.get(part):
            raise _syntax(f"Syntax error at or near '{part.strip('_').upper()}'.")
    if isinstance(node, exp.Bracket) and isinstance(node.expressions[0], exp.JSONExtract | exp.Slice):
        raise _syntax("Syntax error at or near ':'.")
    if isinstance(node, exp.Join) and node.method == "ASOF":
        raise _syntax(f"Syntax error at or near '{node.method}'.")
    if isinstance(node, exp.Create | exp.Drop) and str(node.args.get("kind")).upper() not in _OBJECTS:
        raise _syntax(f"Syntax error at or near '{node.args.get('kind')}'.")
    if isinstance(node, exp.Drop) and node.args.get("kind") in ("TABLE", "VIEW"):
        for part in ("cascade", "restrict"):  # of a schema they are
            if node.args.get(part):
                raise _syntax(f"Syntax error at or near '{part.upper()}'.")
    if isinstance(node, exp.Column) and node.name.lower() == "rowid":
        raise SqlError(
            "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "A column with name `rowid` cannot be resolved.", "42703"
        )


def _expect_function(node: Any) -> None:
    called = node.meta.get(_CALLED)
    if called is None:
        return
    if isinstance(node.parent, exp.Table | exp.Lateral) and called.lower() not in TABLE_FUNCTIONS:
        text = f"Could not resolve `{called}` to a table-valued function."
        raise SqlError("UNRESOLVABLE_TABLE_VALUED_FUNCTION", text, "42883")
    if called.lower() not in CALLABLE:
        path = "[`system`.`builtin`, `system`.`session`]"
        raise SqlError("UNRESOLVED_ROUTINE", f"Cannot resolve routine `{called}` on search path {path}.", "42883")


def _expect_type(node: Any) -> None:
    written = node.meta.get(_WRITTEN) if isinstance(node, exp.DataType) else None
    if written is None:
        return
    if written.lower() not in _TYPES:
        raise SqlError("UNSUPPORTED_DATATYPE", f'Unsupported data type "{written.upper()}".', "0A000")
    if written.lower() in _SIZED and not node.expressions:
        text = f'DataType "{written.upper()}" requires a length parameter, for example "{written.upper()}"(10).'
        raise SqlError("DATATYPE_MISSING_SIZE", text, "42K01")


def _syntax(text: str) -> SqlError:
    return SqlError("PARSE_SYNTAX_ERROR", text, "42601")
