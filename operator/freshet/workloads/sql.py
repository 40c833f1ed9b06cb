"""Quoting for SQL: identifiers and literals are never pasted in bare."""

from collections.abc import Iterable, Sequence

__all__ = ["identifier", "in_calendar", "literal", "qualified", "split_quoted", "split_relation", "struct"]


def identifier(name: str, *, mark: str = '"') -> str:
    return mark + name.replace(mark, mark * 2) + mark


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def qualified(parts: Sequence[str], *, mark: str = '"') -> str:
    return ".".join(identifier(part, mark=mark) for part in parts)


def in_calendar(time: str) -> str:
    """``time``, an expression of SQL, or null where Python has no such year, as of a mistyped 20262 or ``infinity``."""
    return f"CASE WHEN year({time}) BETWEEN 1 AND 9999 THEN {time} END"


def struct(pairs: Iterable[tuple[str, str]]) -> str:
    """A DuckDB struct literal of texts."""
    return "{" + ", ".join(f"{literal(key)}: {literal(value)}" for key, value in pairs) + "}"


def split_relation(text: str) -> tuple[str, ...]:
    """``a.b`` → ("a", "b"); parts may be quoted with double quotes or backticks. Raises ValueError where a part
    is empty or open.
    """
    return tuple(part for part, _ in split_quoted(text))


def split_quoted(text: str) -> tuple[tuple[str, bool], ...]:
    """The same, telling of each part whether it was quoted: ``a."b"`` → (("a", False), ("b", True))."""
    parts: list[tuple[str, bool]] = []
    rest = text.strip()
    while True:
        quoted = rest[:1] in ('"', "`")
        part, rest = _part(rest)
        parts.append((part, quoted))
        if not rest:
            return tuple(parts)
        if not rest.startswith("."):
            raise ValueError("a dot is missing between two quoted parts")
        rest = rest[1:]


def _part(text: str) -> tuple[str, str]:
    mark = text[:1]
    if mark not in ('"', "`"):
        part, dot, rest = text.partition(".")
        if not part.strip() or '"' in part or "`" in part:
            raise ValueError("a part of the name is empty or badly quoted")
        return part, dot + rest
    end = 1
    while (end := text.find(mark, end)) >= 0:
        if text[end + 1 : end + 2] != mark:
            if end == 1:
                raise ValueError("a part of the name is empty")
            return text[1:end].replace(mark * 2, mark), text[end + 1 :]
        end += 2
    raise ValueError("a quote is never closed")
