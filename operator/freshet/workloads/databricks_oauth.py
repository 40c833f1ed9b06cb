"""Tokens for a service principal (OAuth machine-to-machine), and what Databricks says where it gives none."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from freshet.workloads.errors import ConfigError

__all__ = ["machine", "no_token", "shut"]

_PATIENCE = 60
"""Seconds for one token."""
_METADATA = "/.well-known/databricks-config"
_WORDS = re.compile(r"\b(unauthorized_client|invalid_scope|invalid_request|access_denied)\b")
"""Answers to who is known and may not (https://www.rfc-editor.org/rfc/rfc6749#section-5.2); ``invalid_client`` is a
wrong secret."""
_SECRET = "in the Secret (warehouse.databricks.secretRef)"


def machine(host: str, client_id: str, client_secret: str) -> Callable[[], Any]:
    """One source of tokens for all sessions of a load, dlt's too: it fetches another when one is about to end."""

    @cache
    def provider() -> Any:
        from databricks.sdk.core import Config, oauth_service_principal

        url = host if host.startswith("http://") else f"https://{host}"
        try:
            config = Config(
                host=url,
                client_id=client_id,
                client_secret=client_secret,
                auth_type="oauth-m2m",
                retry_timeout_seconds=_PATIENCE,
            )
        except ValueError as error:
            if unfit := _unknown(url):
                raise unfit from error
            raise
        return oauth_service_principal(config)

    return provider


def no_token(text: str, *, host: str) -> ConfigError | None:
    """The sentence where ``text``, the connector's complaint, holds one of the words of OAuth."""
    word = _WORDS.search(text)
    return word and ConfigError(
        "AuthenticationFailed",
        f"Databricks at {host} gives the service principal no token ({word[0]}): mend clientId and clientSecret"
        f" {_SECRET}, or assign the principal to this workspace.",
    )


def shut(host: str) -> ConfigError:
    """It answers 403 and says no more: it is not about what a valid token may do within."""
    return ConfigError(
        "PermissionDenied",
        f"Databricks at {host} does not let this load or count in (403): see whether its IP access lists have this"
        f" cluster's address, whether the principal may use the SQL warehouse, and whether the token {_SECRET} is"
        " valid.",
    )


def _unknown(url: str) -> ConfigError | None:
    """Why ``url`` does not say where tokens are had, which the SDK only logs; None where trying again may help."""
    import httpx

    host = url.rpartition("://")[2]
    try:
        answer = httpx.get(url + _METADATA, timeout=_PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL):  # the second of a port that cannot be
        return None
    if answer.status_code in (401, 403):
        return shut(host)
    if answer.status_code >= 500 or answer.status_code == 429 or _is_json(answer):
        return None
    return ConfigError("WarehouseMissing", f"There is no Databricks workspace at {host}: mend host {_SECRET}.")


def _is_json(answer: Any) -> bool:
    return answer.status_code == 200 and str(answer.headers.get("content-type", "")).startswith("application/json")
