"""How the operator is started: the command line's words before the environment's before the defaults."""

import os
import re
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freshet.runtime.errors import CannotStart
from freshet.runtime.lease import LeaseName
from freshet.runtime.settings import InvalidSetting, Settings

__all__ = ["Options"]

NO_LEASE = "none"
PART = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the operator is started. ``namespaces``: those that are watched; none means all. ``host``: None for all.

    ``lease``: by which one of several replicas acts; None: this one acts, whoever else does. ``identity``: its name in
    the Lease, which a restarted container of the same pod keeps; ``pod_ip``: where others reach it.
    """

    kubeconfig: Path | None = None
    namespaces: tuple[str, ...] = ()
    port: int = 8080
    host: str | None = None
    port_file: Path | None = None
    ui: Path | None = None
    workers: int = 32
    settings: Settings = field(default_factory=Settings)
    lease: LeaseName | None = None
    identity: str = field(default_factory=lambda: f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}")
    pod_ip: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, **given: Any) -> "Options":
        """FRESHET_NAMESPACES (comma-separated), _HOST, _PORT, _UI, _LEASE and the settings; POD_NAMESPACE, POD_NAME and
        POD_IP; what is given goes before. Raises CannotStart.
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
        given = {name: value for name, value in given.items() if value not in (None, ())}
        lease = given.pop("lease", None) or env.get("FRESHET_LEASE") or env.get("POD_NAMESPACE") or NO_LEASE
        pod = {"identity": env.get("POD_NAME"), "pod_ip": env.get("POD_IP")}
        known = {name: value for name, value in pod.items() if value}
        return cls(**{**found, **known, **given, "lease": _lease(lease)})


def _lease(text: str) -> LeaseName | None:
    """``namespace``, ``namespace/name`` or ``none``."""
    if text == NO_LEASE:
        return None
    namespace, slash, name = text.partition("/")
    if not PART.fullmatch(namespace) or (slash and not PART.fullmatch(name)):
        raise CannotStart(f"--lease {text!r} names no Lease: write namespace or namespace/name, or none for no Lease.")
    return LeaseName(namespace=namespace, name=name or "freshet")
