"""From a container's spec to the process that runs it: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from freshet.local.node.env import ConfigError, environment
from freshet.local.node.expand import expand
from freshet.local.node.images import Image, resolve
from freshet.local.node.kube import Json
from freshet.local.node.launch.view import Mount
from freshet.local.node.sources import Sources

__all__ = ["Facts", "ProcessPlan", "plain_view", "plan_container"]

TERMINATION_PATH = "/dev/termination-log"
FROM_THE_API = frozenset({"configMap", "secret", "projected", "downwardAPI"})


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a container finds on this node: volume name → folder or file, and the API server's address."""

    volumes: Mapping[str, Path]
    allocatable: Mapping[str, str]
    api_host: str = "127.0.0.1"
    api_port: str = "443"


@dataclass(frozen=True, kw_only=True)
class ProcessPlan:
    """Everything that the first process of a container needs."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    mounts: tuple[Mount, ...]
    keep: tuple[str, ...]
    read_only_root: bool
    drop_capabilities: bool
    no_new_privileges: bool


def plan_container(*, pod: Json, container: Json, sources: Sources, facts: Facts, termination_log: Path) -> ProcessPlan:
    """The process for a container. Raises ``ConfigError``."""
    image = resolve(container["image"])
    base = {**image.env, **_identity(pod, facts=facts)}
    env = environment(pod=pod, container=container, sources=sources, base=base, allocatable=facts.allocatable)
    security = container.get("securityContext") or {}
    dropped = (security.get("capabilities") or {}).get("drop") or ()
    return ProcessPlan(
        argv=_argv(container, image=image, env=env),
        env=env,
        cwd=container.get("workingDir") or "/",
        mounts=(
            *_volume_mounts(container, fixed=_fixed(pod), facts=facts, env=env),
            _termination(container, source=termination_log),
        ),
        keep=image.keep,
        read_only_root=bool(security.get("readOnlyRootFilesystem")),
        drop_capabilities="ALL" in dropped,
        no_new_privileges=security.get("allowPrivilegeEscalation") is False,
    )


def _identity(pod: Json, *, facts: Facts) -> dict[str, str]:
    """What a container runtime and the kubelet set; the other Services' variables are left out."""
    return {
        "HOSTNAME": pod["spec"].get("hostname") or pod["metadata"]["name"][:63],
        "KUBERNETES_SERVICE_HOST": facts.api_host,
        "KUBERNETES_SERVICE_PORT": facts.api_port,
        "KUBERNETES_SERVICE_PORT_HTTPS": facts.api_port,
    }


def _argv(container: Json, *, image: Image, env: Mapping[str, str]) -> tuple[str, ...]:
    command = container.get("command") or list(image.entrypoint)
    if not command:
        raise ConfigError(
            f"image {container['image']!r} is only a name to this node agent, which runs processes of this machine: "
            f"set the command of container {container['name']!r}"
        )
    return tuple(expand(part, variables=env) for part in (*command, *(container.get("args") or ())))


def _fixed(pod: Json) -> frozenset[str]:
    """The volumes that nobody may write to, whatever the mount says: what they hold comes from the API."""
    volumes = pod["spec"].get("volumes") or ()
    return frozenset(volume["name"] for volume in volumes if volume.keys() & FROM_THE_API)


def _volume_mounts(
    container: Json, *, fixed: frozenset[str], facts: Facts, env: Mapping[str, str]
) -> tuple[Mount, ...]:
    mounts = container.get("volumeMounts") or ()
    return tuple(_volume_mount(each, is_fixed=each["name"] in fixed, facts=facts, env=env) for each in mounts)


def _volume_mount(mount: Json, *, is_fixed: bool, facts: Facts, env: Mapping[str, str]) -> Mount:
    source = facts.volumes[mount["name"]]
    below = mount.get("subPath") or expand(mount.get("subPathExpr") or "", variables=env)
    if below:
        source = source / _safe(below)
    path = mount["mountPath"].rstrip("/") or "/"
    if not path.startswith("/"):
        path = f"/{path}"
    return Mount(source=str(source), path=path, read_only=is_fixed or bool(mount.get("readOnly")))


def _safe(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ConfigError(f"subPath {path!r} must stay within its volume")
    return path


def _termination(container: Json, *, source: Path) -> Mount:
    path = container.get("terminationMessagePath") or TERMINATION_PATH
    return Mount(source=str(source), path=path)


def plain_view(plan: ProcessPlan, *, termination_log: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Where namespaces are refused: the environment to use, and the mounts that cannot be had.

    A mount of a path at itself needs nothing; the termination message's file is named by ``FRESHET_TERMINATION_LOG``; a
    volume at ``/tmp`` becomes ``TMPDIR`` while ``/tmp`` stays the machine's.
    """
    env = {**plan.env, "FRESHET_TERMINATION_LOG": str(termination_log)}
    missing = []
    for mount in plan.mounts:
        if mount.source == str(termination_log) or (mount.source == mount.path and not mount.read_only):
            continue
        if mount.path == "/tmp":
            env["TMPDIR"] = mount.source
            continue
        missing.append(mount.path)
    return env, tuple(missing)
