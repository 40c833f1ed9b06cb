"""Addresses, of which people may not see all."""

import os
import re

__all__ = ["has_user", "shown"]

_USER = re.compile(r"(?<=://)[^/?#]*@")


def has_user(address: str) -> bool:
    """Whether a user, perhaps with a password, stands before the host."""
    return _USER.search(address) is not None


def shown(address: str) -> str:
    """What a file is known by, and people see: without a user or password, and of a web address without its query,
    which may hold a key and a signature that changes. Paths stay, but for bytes that are no UTF-8: ``\\xff``.
    """
    if "://" not in address:
        return os.fsencode(address).decode("utf-8", "backslashreplace")
    whole = _USER.sub("", address, count=1)
    return whole.partition("?")[0] if whole.startswith(("https://", "http://")) else whole
