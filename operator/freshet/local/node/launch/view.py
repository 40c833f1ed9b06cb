"""A container's private view of the file system, without an image: the machine's folders, and the pod's volumes on
top.

The new root is a tmpfs into which the machine's top-level entries are bound. A mount point that does not exist is
made where that is private to the container; a folder of the machine that would have to grow one is *split* first:
covered by a tmpfs whose entries are bound to the folder's own. So nothing is ever created on the machine itself.

What is bound stays the same inode: DuckDB's file locks work between pods.
"""

import os
import stat
from dataclasses import dataclass, field
from typing import Final

from freshet.local.node.launch import linux

__all__ = ["Mount", "View", "ViewError", "enter"]

DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS: Final = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
LIMIT_SPLIT: Final = 4_000
LIMIT_LINKS: Final = 40


class ViewError(Exception):
    """A mount that cannot be made; the text is for the pod's status."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """``source`` on the machine appears at ``path`` in the container."""

    source: str
    path: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class View:
    """``root``: an empty folder to build on; ``keep``: paths of the machine that no volume may hide."""

    root: str
    mounts: tuple[Mount, ...] = ()
    keep: tuple[str, ...] = ()
    read_only_root: bool = False


@dataclass(kw_only=True)
class _Builder:
    root: str
    private: list[str] = field(default_factory=list)
    """Paths below ``root`` where new entries may be created; a longer bound path beats it."""
    bound: list[str] = field(default_factory=list)
    """Paths below ``root`` that show the machine's own folders."""

    def is_private(self, path: str) -> bool:
        owner = max((p for p in (*self.private, *self.bound) if _within(path, p)), key=len)
        return owner in self.private

    def tmpfs(self, target: str, *, mode: int) -> None:
        flags = linux.MS_NOSUID | linux.MS_NODEV
        linux.mount(source="tmpfs", target=target, kind="tmpfs", flags=flags, data=f"mode={mode:o}")
        self.bound = [path for path in self.bound if path != target]
        self.private.append(target)

    def mirror(self, *, source: str, target: str) -> None:
        """Show one entry of the machine at a private place; what may not be seen is left out."""
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(source), target)
            return
        _create(target, folder=stat.S_ISDIR(mode))
        linux.bind(source=source, target=target)
        self.bound.append(target)

    def mirror_all(self, *, source: str, target: str, leave: tuple[str, ...] = ()) -> None:
        names = [name for name in os.listdir(source) if name not in leave]
        if len(names) > LIMIT_SPLIT:
            raise ViewError(f"cannot mount below {source}: it has {len(names)} entries; choose a mountPath elsewhere")
        for name in names:
            try:
                self.mirror(source=os.path.join(source, name), target=os.path.join(target, name))
            except OSError:
                continue  # unreadable to this user, or gone since

    def split(self, target: str) -> None:
        """Cover a folder of the machine, so that entries can be added to it here only."""
        source = "/" + os.path.relpath(target, self.root)
        self.tmpfs(target, mode=stat.S_IMODE(os.stat(source).st_mode))
        self.mirror_all(source=source, target=target)

    def point(self, path: str, *, folder: bool) -> str:
        """The place below ``root`` for ``path``, made if it is missing; links are followed as the container will."""
        current, rest, links = self.root, [part for part in path.split("/") if part], 0
        while rest:
            part = rest.pop(0)
            following = os.path.normpath(os.path.join(current, part))
            if not _within(following, self.root):
                following = self.root
            if os.path.islink(following):
                links += 1
                if links > LIMIT_LINKS:
                    raise ViewError(f"cannot mount at {path}: too many symbolic links")
                link = os.readlink(following)
                rest = [p for p in link.split("/") if p] + rest
                current = self.root if link.startswith("/") else current
                continue
            if not os.path.lexists(following):
                self._grow(current, following, folder=folder or bool(rest))
            current = following
        if os.path.isdir(current) != folder:
            kind = "a folder" if folder else "a file"
            raise ViewError(f"cannot mount {kind} at {path}: what is there is of the other kind")
        return current

    def _grow(self, parent: str, path: str, *, folder: bool) -> None:
        if not self.is_private(parent):
            self.split(parent)
        _create(path, folder=folder)

    def bind(self, mount: Mount) -> None:
        target = self.point(mount.path, folder=os.path.isdir(mount.source))
        linux.bind(source=mount.source, target=target)
        self.private.append(target)  # a nested mount point is made in the volume, as runtimes do
        if mount.read_only:
            linux.set_read_only(target)

    def devices(self) -> None:
        """A container's /dev: the usual devices, its own shared memory, nothing of the machine's hardware."""
        target = os.path.join(self.root, "dev")
        os.mkdir(target)
        self.tmpfs(target, mode=0o755)
        for name, link in DEVICE_LINKS.items():
            os.symlink(link, os.path.join(target, name))
        for name in (*DEVICES, "pts"):
            if os.path.exists(f"/dev/{name}"):
                self.mirror(source=f"/dev/{name}", target=os.path.join(target, name))
        os.mkdir(os.path.join(target, "shm"))
        self.tmpfs(os.path.join(target, "shm"), mode=0o1777)

    def processes(self) -> None:
        """/proc of the container's own process ids; where the kernel refuses (a masked /proc), the machine's."""
        target = os.path.join(self.root, "proc")
        os.mkdir(target)
        try:
            linux.mount(source="proc", target=target, kind="proc")
        except OSError:
            linux.bind(source="/proc", target=target)
        self.bound.append(target)

    def keep(self, path: str) -> None:
        """Bring back what a volume hides but the container's program needs."""
        shown = self.root + path
        if os.path.exists(path) and not (os.path.exists(shown) and os.path.samefile(path, shown)):
            target = self.point(path, folder=os.path.isdir(path))
            linux.bind(source=path, target=target)
            linux.set_read_only(target)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def _create(path: str, *, folder: bool) -> None:
    if folder:
        os.mkdir(path)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def enter(view: View) -> None:
    """Build the view and make it this process's root. Needs a mount namespace of its own, and to be its first process.

    Raises ``ViewError`` or ``OSError``.
    """
    linux.mount(source=None, target="/", flags=linux.MS_REC | linux.MS_PRIVATE)
    builder = _Builder(root=view.root)
    builder.tmpfs(view.root, mode=0o755)
    linux.mount(source=None, target=view.root, flags=linux.MS_UNBINDABLE)  # not copied into its own mirror
    builder.mirror_all(source="/", target=view.root, leave=("proc", "dev"))
    builder.devices()
    builder.processes()
    mounts = sorted(view.mounts, key=lambda mount: mount.path.rstrip("/").count("/"))
    if view.read_only_root:
        _prepare_points(builder, mounts)
        linux.set_read_only(view.root)
        linux.set_read_only(os.path.join(view.root, "dev/shm"), on=False)
    for mount in mounts:
        builder.bind(mount)
    for path in view.keep:
        builder.keep(path)
    _switch(view.root)


def _prepare_points(builder: _Builder, mounts: list[Mount]) -> None:
    """Make mount points while the root can still be written; those inside volumes come with their volume."""
    for mount in mounts:
        inside = any(_within(mount.path, other.path) for other in mounts if other is not mount)
        if not inside:
            builder.point(mount.path, folder=os.path.isdir(mount.source))


def _switch(root: str) -> None:
    os.chdir(root)
    linux.mount(source=root, target="/", flags=linux.MS_MOVE)
    os.chroot(".")
    os.chdir("/")
