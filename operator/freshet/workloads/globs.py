"""Globs over the keys of a bucket, as a shell reads them over files: ``*`` stays within a folder, ``**`` does not."""

import re

__all__ = ["folder_of", "is_deep", "is_glob", "matches"]

_TOKENS = re.compile(r"(?P<folders>(?<![^/])\*\*/)|(?P<all>\*\*)|(?P<some>\*)|(?P<one>\?)|(?P<of>\[!?\]?[^\]]*\])")
_MEANINGS = {"folders": "(?:.*/)?", "all": ".*", "some": "[^/]*", "one": "[^/]"}
"""``**/`` is also no folder at all."""


def is_glob(pattern: str) -> bool:
    return _TOKENS.search(pattern) is not None


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
    text = token[0][1:-1].replace("\\", r"\\").replace("[", r"\[")
    return f"[^/{text[1:]}]" if text.startswith("!") else f"[{text}]"
