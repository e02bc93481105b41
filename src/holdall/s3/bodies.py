"""What is sent: a body that is read piece by piece. Pure."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Protocol

# At most so much is held while a digest is made.
PIECE_BYTES = 1024 * 1024


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


def sha256_of(body: Readable) -> bytes:
    """Read what is left and give its SHA-256, a piece at a time."""
    digest = hashlib.sha256()
    while piece := body.read(PIECE_BYTES):
        digest.update(piece)
    return digest.digest()


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
