"""The host of a Databricks Secret, as people write it. The doctor reads it in the same way (freshet.doctor.outside)."""

import re

from freshet.workloads.errors import ConfigError

__all__ = ["plain_host"]

_SCHEME = re.compile("https?://", re.IGNORECASE)
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_LABEL = r"\w([\w-]{0,61}\w)?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_ALONE = "write the server's name alone, such as dbc-00000000-0000.cloud.databricks.com"


def plain_host(host: str) -> str:
    """The name alone of what a browser's address bar or a JDBC URL shows; of what is on loopback ``http://…``, too.

    Raises ConfigError for what is no name, which would be asked for again and again.
    """
    bare = _SCHEME.sub("", host, count=1) if _SCHEME.match(host) else host
    place = re.split("[/?#]", bare)[0]
    if host.lower().startswith("http://"):
        return _on_loopback(f"http://{place}")
    name = place.removesuffix(":443")
    if _NAME.fullmatch(name) is None:
        raise ConfigError(
            "WarehouseMissing",
            f"The host in the Databricks Secret cannot be one: {_ALONE} (warehouse.databricks.secretRef).",
        )
    return name


def _on_loopback(host: str) -> str:
    """Plain HTTP would show the token to others."""
    if _LOOPBACK.fullmatch(host) is None:
        raise ConfigError(
            "CredentialsMissing",
            "The host in the Databricks Secret begins with http://, which would send the token in the clear:"
            f" {_ALONE}.",
        )
    return host
