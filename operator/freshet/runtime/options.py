"""How the operator is started: the command line's words before the environment's before the defaults."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freshet.runtime.errors import CannotStart
from freshet.runtime.settings import InvalidSetting, Settings

__all__ = ["Options"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the operator is started. ``namespaces``: those that are watched; none means all. ``host``: None for all."""

    kubeconfig: Path | None = None
    namespaces: tuple[str, ...] = ()
    port: int = 8080
    host: str | None = None
    port_file: Path | None = None
    ui: Path | None = None
    workers: int = 32
    settings: Settings = field(default_factory=Settings)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, **given: Any) -> "Options":
        """FRESHET_NAMESPACES (comma-separated), _HOST, _PORT, _UI and the settings; what is given goes before.

        Raises CannotStart.
        """
        env = os.environ if env is None else env
        named = tuple(name.strip() for name in env.get("FRESHET_NAMESPACES", "").split(",") if name.strip())
        try:
            found = {
                "namespaces": named,
                "host": env.get("FRESHET_HOST") or None,
                "ui": Path(env["FRESHET_UI"]) if env.get("FRESHET_UI") else None,
                "port": int(env.get("FRESHET_PORT") or 8080),
                "settings": Settings.from_env(env),
            }
        except InvalidSetting as error:
            raise CannotStart(f"{error}.") from error
        except ValueError as error:
            raise CannotStart(f"FRESHET_PORT={env['FRESHET_PORT']!r} is not a port number.") from error
        return cls(**{**found, **{name: value for name, value in given.items() if value not in (None, ())}})
