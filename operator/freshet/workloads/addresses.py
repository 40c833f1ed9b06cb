"""Addresses as people may see them."""

import re

__all__ = ["shown"]

_USER = re.compile(r"(?<=://)[^/?#]*@")


def shown(address: str) -> str:
    """Without a user or password, and of a web address without its query, which may hold a key. Paths stay."""
    if "://" not in address:
        return address
    whole = _USER.sub("", address, count=1)
    return whole.partition("?")[0] if whole.startswith(("https://", "http://")) else whole
