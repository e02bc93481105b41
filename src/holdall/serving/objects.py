"""The file behind a request, as its storage has it: what is known of it, and its bytes."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import Storage
from django.utils.timezone import is_naive, make_aware

from holdall.errors import ObjectChanged, StoreFailed
from holdall.s3.spans import SpanReader
from holdall.storage import MediaStorage
from holdall.storage.objects import client_of, key_of, on_its_side, reading_parameters

PIECE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Stored:
    """What a storage says of one file."""

    storage: Storage
    name: str
    size: int
    etag: str
    # Seconds since 1970.
    modified: int | None
    # How it is packed ("gzip"), or "".
    encoding: str = ""

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Give the bytes from `start` up to `stop`, as they are stored.

        The first request is sent at once, so that its failure is known before an answer begins. What is returned has
        `close`. Requests: one GET; one more each time the connection breaks off.
        """
        if isinstance(self.storage, MediaStorage):
            reader = SpanReader(
                self.storage.store,
                client_of(self.storage),
                name=self.name,
                key=key_of(self.storage, self.name),
                parameters=reading_parameters(self.storage, self.name),
                etag=self.etag,
                size=self.size,
                start=start,
                stop=stop,
            )
            return _Pieces(reader.pieces(), reader)
        file = self.storage.open(self.name)
        return _Pieces(_read(file, start, stop), file)


def look(storage: Storage, name: str) -> Stored:
    """Ask a storage what it has under a name.

    Requests: one HEAD; in a fork, at most one more for each side.

    Raises:
        FileNotFoundError: nothing.
        SuspiciousFileOperation: the name cannot be a file's.
    """
    if isinstance(storage, MediaStorage):
        # A name that cannot be a file's is refused before a side is looked for.
        key_of(storage, name)
        return on_its_side(storage, name, lambda side: _head(side, name))
    size = storage.size(name)
    modified = None
    with contextlib.suppress(NotImplementedError):
        time = storage.get_modified_time(name)
        modified = int((make_aware(time) if is_naive(time) else time).timestamp())
    # Weak: two files that were saved within a second may have it in common.
    return Stored(storage, name, size, f'W/"{modified}-{size}"', modified)


def _head(storage: MediaStorage, name: str) -> Stored:
    found = storage.store.call(
        "head_object",
        action="looking for",
        name=name,
        client=client_of(storage),
        Key=key_of(storage, name),
        **reading_parameters(storage, name),
    )
    if found.get("ContentLength") is None:
        raise StoreFailed(f'The size of "{name}" is not known: the answer of {storage.store.where()} does not say it.')
    headers = found.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    modified = found.get("LastModified")
    encoding = str(found.get("ContentEncoding") or headers.get("content-encoding") or "")
    # What an SDK signs in chunks is kept in the header by some servers, and says nothing of the content.
    packed = [one.strip() for one in encoding.lower().split(",") if one.strip() not in {"", "identity", "aws-chunked"}]
    return Stored(
        storage,
        name,
        int(found["ContentLength"]),
        str(found.get("ETag") or ""),
        int(modified.timestamp()) if modified else None,
        ", ".join(packed),
    )


class _Pieces(Iterator[bytes]):
    """The pieces of an open file, which is closed with them."""

    def __init__(self, pieces: Iterator[bytes], file: Any) -> None:
        self._pieces, self._file = pieces, file

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        self._file.close()


def _read(file: Any, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop:
        piece = file.read(min(PIECE_BYTES, stop - start))
        if not piece:
            raise ObjectChanged(f'"{file.name}" became shorter while it was read. Read it again from the beginning.')
        start += len(piece)
        yield piece
    file.close()


def unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip as it arrives, in pieces of bounded size."""
    return _Pieces(_unpack(pieces), pieces)


def _unpack(pieces: Iterator[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    is_begun = False
    for piece in pieces:
        data = piece
        while data:
            if member.eof:
                member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            # The attack: a few packed bytes that unpack to more than the memory holds.
            plain = member.decompress(data, PIECE_BYTES)
            is_begun = True
            data = member.unused_data if member.eof else member.unconsumed_tail
            if plain:
                yield plain
    while is_begun and not member.eof:
        plain = member.decompress(member.unconsumed_tail, PIECE_BYTES)
        if not plain:
            raise StoreFailed("A packed file ended before its end. Save it again.")
        yield plain
