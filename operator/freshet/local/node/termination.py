"""The message that a container leaves when it ends.

The kubelet's limits: 4,096 bytes a container and 12 KiB a pod; with ``FallbackToLogsOnError`` and nothing written,
the end of the log of a container that failed, at most 2,048 bytes or 80 lines.
"""

from pathlib import Path

__all__ = ["read_message"]

LIMIT_MESSAGE = 4096
LIMIT_POD = 12 * 1024
LIMIT_LOG_BYTES = 2048
LIMIT_LOG_LINES = 80


def read_message(*, file: Path, policy: str, exit_code: int, log_tail: bytes, containers: int) -> str:
    """The message; ``log_tail`` is the end of the container's output, ``containers`` how many share the pod's limit."""
    limit = min(LIMIT_MESSAGE, LIMIT_POD // max(containers, 1))
    message = _end(_read(file, limit=limit), limit=limit)
    if message or exit_code == 0 or policy != "FallbackToLogsOnError":
        return message
    lines = log_tail.splitlines(keepends=True)[-LIMIT_LOG_LINES:]
    return _end(b"".join(lines), limit=min(LIMIT_LOG_BYTES, limit))


def _read(file: Path, *, limit: int) -> bytes:
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(max(0, size - limit))
            return opened.read(limit)
    except OSError:
        return b""


def _end(data: bytes, *, limit: int) -> str:
    """The last bytes as text that is again no longer than the limit."""
    return data[-limit:].decode(errors="replace").encode()[-limit:].decode(errors="ignore")
