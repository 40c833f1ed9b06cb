"""A traceback without credentials: drivers and servers may repeat what they were given to sign in with.

Hidden are the values of the variables that hold credentials by their names, whole and in the parts that a driver may
take them apart into, whoever stands before a host, and the query of an address, which may be a signature.
"""

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

__all__ = ["hidden"]

_NAMES = re.compile("AUTH|CONNECTION|CREDENTIAL|DSN|KEY|PASS|PWD|SAS|SECRET|TOKEN", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_QUERY = re.compile(r"""(?:(://[^\s"?]*)\?|\?[\w.%~+-]+=)[^\s"]*[^\s"'<>()\[\]{},]""")
"""Of an address, to the next blank; of a part of one where it begins like one."""
_BETWEEN = re.compile(r"""[\s;,&=@/:?"'{}\\]+""")
_SHORTEST_VALUE, _SHORTEST_PART = 4, 8
"""Letters; what is shorter stands in other words by chance."""
_MARK = "***"


def hidden(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """``text`` with a mark in their places."""
    if forms := sorted(_forms(environ), key=len, reverse=True):
        text = re.sub("|".join(map(re.escape, forms)), _MARK, text)
    return _QUERY.sub(rf"\1?{_MARK}", _USER.sub(f"{_MARK}@", text))


def _forms(environ: Mapping[str, str]) -> set[str]:
    """Each also as it stands in an address, and as it is read from one."""
    found = {part for name, value in environ.items() if _is_secret(name, value) for part in _parts(value)}
    return found | {unquote(part) for part in found} | {quote(part, safe="") for part in found}


def _is_secret(name: str, value: str) -> bool:
    """``…__CREDENTIALS__HOST`` is none; dlt joins the names of its settings so."""
    return _NAMES.search(name.rpartition("__")[2]) is not None or _USER.search(value) is not None


def _parts(value: str) -> Iterator[str]:
    """Of a connection string its settings, of a key in JSON its lines."""
    if len(value) >= _SHORTEST_VALUE:
        yield value
    yield from (part for part in _BETWEEN.split(value.replace("\\n", "\n")) if len(part) >= _SHORTEST_PART)
