"""Encodings of text, under any name that Python's codecs have for them
(https://docs.python.org/3/library/codecs.html#standard-encodings).
"""

import codecs
import re

from freshet.workloads.errors import InputError

__all__ = ["NATIVE", "UTF_8", "codec_of"]

UTF_8 = "utf-8"
NATIVE = {UTF_8: "utf-8", "iso8859-1": "latin-1"}
"""What DuckDB reads by itself, as it calls them: a byte of theirs that looks like a line end is one."""
_OTHERS = re.compile(
    r"ascii|utf-16(-le|-be)?|cp\d+|iso8859-\d+|koi8-[rtu]|kz1048|mac-\w+|ptcp154|hp-roman8|tis-620"
    r"|gbk|gb2312|gb18030|big5\w*|euc_\w+|shift_\w+|johab"
)
"""A file may be cut behind any line: so none whose bytes mean something else behind others (ISO 2022, HZ, UTF-7)."""
_PLAIN = 'aZ09,;"\r\n'


def codec_of(encoding: str) -> str:
    """Python's own name for it, such as ``utf-8`` or ``cp1252``. Raises InputError for one that is not read here."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        name = ""
    if name in (UTF_8, "utf-8-sig"):
        return UTF_8
    if not (_OTHERS.fullmatch(name) and _is_readable(name)):
        raise InputError(
            "EncodingUnknown",
            f"csv.encoding {encoding} is not read here: use utf-8, utf-16, latin-1, cp1252 (Excel in the West), or"
            " another of Windows, ISO 8859 or East Asia by its usual name.",
        )
    return name


def _is_readable(name: str) -> bool:
    """EBCDIC has other line ends and commas."""
    return name.startswith("utf-16") or _PLAIN.encode(name) == _PLAIN.encode()
