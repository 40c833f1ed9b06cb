"""What the operator is told by its environment, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from freshet import __version__

__all__ = ["InvalidSetting", "Settings"]

DEFAULT_IMAGE = f"ghcr.io/freshet/freshet:{__version__}"


class InvalidSetting(ValueError):
    """An environment variable that cannot be read: the sentence names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the reconcilers. ``dbt_poll_*`` are seconds between polls: with a run active, and idle;
    ``discovery_every``: between looks for a newer manifest that no run has brought to notice.
    """

    image: str = DEFAULT_IMAGE
    history_jobs: int = 3
    dbt_poll_fast: float = 2.0
    dbt_poll_slow: float = 30.0
    discovery_every: float = 900.0

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read FRESHET_IMAGE, FRESHET_DBT_POLL_FAST, _SLOW and FRESHET_DISCOVERY_EVERY. Raises InvalidSetting."""
        env = os.environ if env is None else env
        return cls(
            image=env.get("FRESHET_IMAGE") or DEFAULT_IMAGE,
            dbt_poll_fast=_seconds(env, "FRESHET_DBT_POLL_FAST", default=2.0),
            dbt_poll_slow=_seconds(env, "FRESHET_DBT_POLL_SLOW", default=30.0),
            discovery_every=_seconds(env, "FRESHET_DISCOVERY_EVERY", default=900.0),
        )


def _seconds(env: Mapping[str, str], name: str, *, default: float) -> float:
    text = env.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InvalidSetting(f"{name}={text!r} is not a positive number of seconds, such as 2 or 0.5")
    return value
