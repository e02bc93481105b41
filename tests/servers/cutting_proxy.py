"""A proxy in front of a plain HTTP server that breaks uploads off in the middle, and remembers what was asked."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import urllib.parse
from collections.abc import Callable
from types import TracebackType


class CuttingProxy:
    """Forward requests until the bodies of all `PUT`s together have had `budget_bytes`; then cut or stall them.

    Requests without a body, and those of other methods, pass: so clean-up by the client works, as it does when a
    network fails only under load.
    """

    def __init__(self, upstream_url: str, *, budget_bytes: int | None = None, stalls: bool = False) -> None:
        parts = urllib.parse.urlsplit(upstream_url)
        self._upstream = (parts.hostname, parts.port)
        self._budget_bytes = budget_bytes
        self._stalls = stalls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[tuple[str, str]] = []
        """Method and path with query of every request, in order."""
        self.body_bytes = 0
        """How much of the bodies of `PUT`s went through."""
        self.answer_bytes = 0
        """How much came back, heads included."""
        self.cuts = 0
        """How often an upload was broken off."""

    def __enter__(self) -> CuttingProxy:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        # A close alone does not wake the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for one in left:
            self._end(one)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self._upstream)
        with self._lock:
            self._open |= {client, server}
        self._start(self._relay, server, client)
        try:
            with client.makefile("rb") as reader:
                while self._forward_one(reader, server):
                    pass
        except OSError:
            pass
        finally:
            self._end(client)
            self._end(server)

    def _relay(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(65_536):
                with self._lock:
                    self.answer_bytes += len(piece)
                client.sendall(piece)
        self._end(client)

    def _forward_one(self, reader: socket.SocketIO, server: socket.socket) -> bool:
        lines = []
        while (line := reader.readline()) not in (b"\r\n", b""):
            lines.append(line)
        if not line:
            return False
        head = b"".join(lines)
        method, path, _ = head.decode("latin-1").split(" ", 2)
        with self._lock:
            self.requests.append((method, path))
        server.sendall(head + b"\r\n")
        length = re.search(rb"(?im)^content-length:[ ]*([0-9]+)", head)
        return self._forward_body(reader, server, int(length[1]) if length else 0, is_put=method == "PUT")

    def _forward_body(self, reader: socket.SocketIO, server: socket.socket, length: int, *, is_put: bool) -> bool:
        while length:
            piece = reader.read(min(length, 16_384))
            if not piece:
                return False
            if is_put and not self._spend(len(piece)):
                if self._stalls:
                    self._closed.wait()
                return False
            server.sendall(piece)
            length -= len(piece)
        return True

    def _spend(self, count: int) -> bool:
        with self._lock:
            if self._budget_bytes is not None and self.body_bytes + count > self._budget_bytes:
                self.cuts += 1
                return False
            self.body_bytes += count
            return True

    def _end(self, one: socket.socket) -> None:
        with self._lock:
            self._open.discard(one)
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
