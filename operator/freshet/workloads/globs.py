"""Globs over the keys of a bucket, as a shell reads them over files: ``*`` stays within a folder, ``**`` does not.

Neither finds what is hidden (a name that begins with a dot), unless its dot is written.
"""

import fnmatch
import re

__all__ = ["folder_of", "is_deep", "is_glob", "matches", "may_be_name"]

_TOKENS = re.compile(r"(?P<folders>(?<![^/])\*\*/)|(?P<all>\*\*)|(?P<some>\*)|(?P<one>\?)|(?P<of>\[!?+\]?+[^\]/]*\])")
_SEEN = r"(?:(?<=[^/])|(?!\.))"
_MEANINGS = {
    "folders": rf"(?:{_SEEN}[^/]+/)*",
    "all": rf"{_SEEN}(?:(?!/\.).)*",
    "some": f"{_SEEN}[^/]*",
    "one": f"{_SEEN}[^/]",
}
"""``**/`` is also no folder at all."""


def is_glob(pattern: str) -> bool:
    return _TOKENS.search(pattern) is not None


def may_be_name(pattern: str) -> bool:
    """An export may be called ``b[1].csv``: as on a volume, what has that very name is meant."""
    return not {"*", "?"} & set(pattern)


def folder_of(pattern: str) -> str:
    """The folder below which all lies that may match."""
    found = _TOKENS.search(pattern)
    return pattern[: found.start() if found else None].rpartition("/")[0]


def is_deep(pattern: str) -> bool:
    """Whether what matches may lie in folders of that folder."""
    rest = pattern[len(folder_of(pattern)) + 1 :]
    return "/" in rest or "**" in rest


def matches(path: str, pattern: str) -> bool:
    expression, at = "", 0
    for token in _TOKENS.finditer(pattern):
        expression += re.escape(pattern[at : token.start()]) + _meaning(token)
        at = token.end()
    return re.fullmatch(expression + re.escape(pattern[at:]), path, re.DOTALL) is not None


def _meaning(token: re.Match[str]) -> str:
    kind = str(token.lastgroup)
    if kind != "of":
        return _MEANINGS[kind]
    return rf"{_SEEN}(?!/)(?:{_of(token[0])})"


def _of(brackets: str) -> str:
    """A range may be empty, and then matches nothing."""
    return fnmatch.translate(brackets).removeprefix("(?s:")[: -len(r")\Z")]
