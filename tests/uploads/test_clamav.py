"""What the scanner's daemon, or whatever is at its address, does in the middle of a file."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

import pytest

from holdall.errors import StoreUnreachable
from holdall.uploads import clamav
from tests.uploads.test_scanning import Clamd


class Hasty:
    """Something that is no scanner: it answers at once, and reads nothing."""

    def __init__(self, answer: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.answer = answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection, suppress(OSError):
            connection.sendall(self.answer)
            connection.shutdown(socket.SHUT_WR)
            # Until what was sent is refused.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Endless:
    """A file without an end."""

    read = staticmethod(bytes)


@pytest.mark.parametrize("answer", [b"stream: OK\0", b"stream: OK", b""])
def test_answer_that_comes_too_early_is_none(answer: bytes) -> None:
    hasty = Hasty(answer)
    with hasty.listener, pytest.raises(OSError):
        clamav.ask(f"127.0.0.1:{hasty.listener.getsockname()[1]}", Endless())


def test_file_that_cannot_be_read_is_not_taken_for_whole() -> None:
    clamd = Clamd()

    class Broken:
        def read(self, _size: int) -> bytes:
            raise StoreUnreachable("the store is down")

    with pytest.raises(StoreUnreachable):
        clamav.ask(clamd.address, Broken())
    assert clamd.seen == []
    clamd.listener.close()
