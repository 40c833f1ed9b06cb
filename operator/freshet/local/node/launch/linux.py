"""The few Linux system calls that Python 3.11 has no function for.

Sources: mount(2), mount_setattr(2), unshare(2), prctl(2), user_namespaces(7). Every function raises ``OSError``.
"""

import ctypes
import os
import sys
from typing import Final

__all__ = [
    "adopt_orphans",
    "bind",
    "die_with_parent",
    "drop_capabilities",
    "enter_namespaces",
    "forbid_new_privileges",
    "mount",
    "prctl",
    "set_read_only",
]

MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_BIND: Final = 0x1000
MS_MOVE: Final = 0x2000
MS_REC: Final = 0x4000
MS_UNBINDABLE: Final = 1 << 17
MS_PRIVATE: Final = 1 << 18

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000

PR_SET_PDEATHSIG: Final = 1
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_CHILD_SUBREAPER: Final = 36
LAST_CAPABILITY: Final = 40

SYS_MOUNT_SETATTR: Final = 442
AT_FDCWD: Final = -100
AT_RECURSIVE: Final = 0x8000
MOUNT_ATTR_RDONLY: Final = 0x1

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = [
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    ]


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process."""
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal when the thread that started this process ends; Linux only, else nothing."""
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none escapes; Linux only, else nothing."""
    if sys.platform == "linux":
        prctl(PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """``allowPrivilegeEscalation: false``."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """``capabilities: {drop: [ALL]}``: nothing that is executed from here on has any."""
    for capability in range(LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            return  # an older kernel knows fewer, and without CAP_SETPCAP there are none to lose


def enter_namespaces() -> None:
    """Own mounts, own process ids (for the next child), own host name; through a user namespace unless we are root.

    Root stays in its user namespace: in a new one it could no longer write to files of other users.
    """
    flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS
    if _libc.unshare(flags) == 0:
        return
    user, group = os.getuid(), os.getgid()
    _check(_libc.unshare(flags | CLONE_NEWUSER), "unshare")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def mount(*, source: str | None, target: str, kind: str | None = None, flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    arguments = [None if a is None else os.fsencode(a) for a in (source, target, kind)]
    options = os.fsencode(data) if data else None
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), options), f"mount {source} on {target}")


def bind(*, source: str, target: str) -> None:
    """Show ``source`` at ``target`` too, with what is mounted below it."""
    mount(source=source, target=target, flags=MS_BIND | MS_REC)


def set_read_only(target: str, *, on: bool = True) -> None:
    """Make the mounts at and below ``target`` read-only (or writable again); Linux 5.12 and later."""
    attr = _MountAttr(attr_set=MOUNT_ATTR_RDONLY) if on else _MountAttr(attr_clr=MOUNT_ATTR_RDONLY)
    size = ctypes.c_size_t(ctypes.sizeof(attr))
    path = os.fsencode(target)
    result = _libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path, AT_RECURSIVE, ctypes.byref(attr), size)
    _check(result, f"mount_setattr {target}")
