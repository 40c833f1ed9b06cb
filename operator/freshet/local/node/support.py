"""What this agent cannot do: refused where a pod would go wrong without it, named once where it only matters
elsewhere.

Pure functions over a pod's spec. freshet's own pods carry a restricted security context, requests, limits and
ports: none of these may make a pod fail here, so they are notes.
"""

from collections.abc import Iterator

from freshet.local.node.kube import Json

__all__ = ["NO_EPHEMERAL", "UNSUPPORTED", "notes", "refusal"]

UNSUPPORTED = "Unsupported"
NO_EPHEMERAL = "this node agent runs no ephemeral containers (kubectl debug): the pod's processes run on this machine"

VOLUMES = frozenset({"emptyDir", "hostPath", "configMap", "secret", "projected", "downwardAPI"})
PROJECTIONS = frozenset({"serviceAccountToken", "configMap", "secret", "downwardAPI"})


def refusal(pod: Json) -> str | None:
    """One sentence that says why this pod cannot be run here, or ``None``."""
    return next(_refusals(pod["spec"]), None)


def _refusals(spec: Json) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        yield from _volume(volume)
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            yield (
                f"init container {container['name']!r} is a sidecar (restartPolicy: Always), which this node agent "
                "does not run: make it an ordinary container"
            )
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        yield from _container(container)
    if spec.get("hostAliases"):
        yield "the pod has hostAliases, which this node agent cannot give it: names are looked up as this machine does"
    if spec.get("runtimeClassName"):
        yield f"the pod wants the runtime class {spec['runtimeClassName']!r}: this node agent runs processes only"
    if spec.get("resourceClaims"):
        yield "the pod has resourceClaims, which this node agent cannot allocate"
    if (spec.get("os") or {}).get("name") == "windows":
        yield "this node agent does not run Windows pods"


def _volume(volume: Json) -> Iterator[str]:
    kinds = [key for key in volume if key != "name"] or ["emptyDir"]
    if kinds[0] not in VOLUMES:
        yield (
            f"volume {volume['name']!r} is of type {kinds[0]}, which this node agent cannot mount: use emptyDir, "
            "hostPath, configMap, secret, downwardAPI or projected"
        )
    for source in (volume.get("projected") or {}).get("sources") or ():
        other = sorted(set(source) - PROJECTIONS)
        if other:
            yield f"volume {volume['name']!r} projects {other[0]}, which this node agent cannot do"


def _container(container: Json) -> Iterator[str]:
    name = container["name"]
    if container.get("volumeDevices"):
        yield f"container {name!r} wants volumeDevices, which this node agent cannot provide"
    for hook in container.get("lifecycle") or ():
        if hook in ("preStop", "postStart"):
            yield f"container {name!r} has a {hook} hook, which this node agent does not run: remove it"
        else:
            yield f"container {name!r} has lifecycle.{hook}, which this node agent does not know: remove it"
    if container.get("restartPolicyRules") or container.get("restartPolicy"):
        yield f"container {name!r} has its own restart policy, which this node agent does not follow: set the pod's"
    if container.get("stdin") or container.get("tty"):
        yield f"container {name!r} wants stdin or a tty, which this node agent cannot attach"
    for mount in container.get("volumeMounts") or ():
        if mount.get("mountPropagation") not in (None, "None"):
            kind = mount["mountPropagation"]
            yield f"container {name!r} asks for mountPropagation {kind}, which this node agent cannot do"


def notes(pod: Json) -> str | None:
    """One sentence that names what the pod asks for and this agent leaves out, or ``None``."""
    found = sorted(set(_notes(pod["spec"])))
    return f"Not enforced by this node agent: {', '.join(found)}." if found else None


def _notes(spec: Json) -> Iterator[str]:
    containers = (*(spec.get("initContainers") or ()), *spec["containers"])
    for container in containers:
        if container.get("resources"):
            yield "resources (nothing is limited or set aside)"
        if container.get("ports"):
            yield "ports (every pod listens on this machine's own loopback)"
        yield from _security(container.get("securityContext") or {})
        for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
            if (container.get(probe) or {}).keys() & {"grpc"}:
                yield f"{probe} of type grpc (taken as passed)"
    yield from _security(spec.get("securityContext") or {})
    yield from _placing(spec)
    yield from _naming(spec)
    for volume in spec.get("volumes") or ():
        for field in (volume.get("emptyDir") or {}).keys() & {"sizeLimit", "medium"}:
            yield f"{field} of emptyDir"
    for field in ("hostPID", "hostIPC", "shareProcessNamespace"):
        if spec.get(field):
            yield f"{field} (each container sees its own processes)"
    if spec.get("hostUsers") is False:
        yield "hostUsers: false (every pod runs as the agent's user)"


def _placing(spec: Json) -> Iterator[str]:
    affinity = spec.get("affinity") or {}
    if affinity.keys() & {"podAffinity", "podAntiAffinity"} or spec.get("topologySpreadConstraints"):
        yield "affinity between pods and topology spread (there is one node)"


def _naming(spec: Json) -> Iterator[str]:
    if spec.get("hostname") or spec.get("subdomain"):
        yield "hostname and subdomain (only the variable HOSTNAME is set)"
    if spec.get("dnsConfig") or spec.get("dnsPolicy") == "None":
        yield "dnsConfig (names are looked up as this machine does)"


def _security(security: Json) -> Iterator[str]:
    users = security.keys() & {"runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "supplementalGroups"}
    if users:
        yield "users and groups of securityContext (every pod runs as the agent's user)"
    for name in ("seccompProfile", "appArmorProfile", "seLinuxOptions", "procMount", "sysctls", "privileged"):
        if security.get(name):
            yield f"{name} of securityContext"
    if (security.get("capabilities") or {}).get("add"):
        yield "added capabilities of securityContext"
