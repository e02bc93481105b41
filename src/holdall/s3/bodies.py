"""What is sent: a body that is read piece by piece. Pure."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Protocol


class Readable(Protocol):
    """Anything that gives its bytes piece by piece."""

    def read(self, size: int = -1, /) -> bytes: ...


def read_exactly(body: Readable, size_bytes: int) -> bytes:
    """Read until there are `size_bytes` bytes or no more, however few a single read gives."""
    pieces, wanted = [], size_bytes
    while wanted > 0 and (piece := body.read(wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)


def in_parts(body: Readable, part_bytes: int) -> Iterator[bytes]:
    while part := read_exactly(body, part_bytes):
        yield part


class Joined:
    """What was read already, and then the rest."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head, self._rest = io.BytesIO(head), rest

    def read(self, size: int = -1, /) -> bytes:
        if data := self._head.read(size):
            return data
        # Lets go of what was read.
        self._head = io.BytesIO()
        return self._rest.read(size)
