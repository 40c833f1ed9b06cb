"""A wire between a client and a server on this machine that can go dead without a word, as behind a firewall."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Wire", "wire"]

PIECE = 64 * 1024


class Wire:
    """Connections that are there when it is cut carry nothing any more, and nobody is told; new ones are fine."""

    def __init__(self, *, to: int) -> None:
        self._to, self._server = to, socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._alive = threading.Event()
        self._alive.set()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """All that is connected now."""
        self._alive.clear()
        self._alive = threading.Event()
        self._alive.set()

    def close(self) -> None:
        """The end."""
        for it in (self._server, *self._sockets):
            it.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink, self._alive), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, alive: threading.Event) -> None:
        """What is sent on a dead connection is taken, and lost."""
        with suppress(OSError):
            while data := source.recv(PIECE):
                if alive.is_set():
                    sink.sendall(data)
            if alive.is_set():
                sink.shutdown(socket.SHUT_WR)


@contextmanager
def wire(*, to: int) -> Iterator[Wire]:
    """One to that port."""
    made = Wire(to=to)
    try:
        yield made
    finally:
        made.close()
