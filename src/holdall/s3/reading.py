"""Read an object piece by piece: what is not read is not fetched.

The first request brings the beginning, which is all of a small file and the header of a large one. Reading on fetches
blocks that grow, and then one stream to the end; a jump starts again with a small block. Every request after the first
is bound to the ETag that the first one saw: a file replaced meanwhile is an error, never a mixture.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from holdall.errors import HoldallError, ObjectChanged, StoreFailed, StoreUnreachable
from holdall.s3 import process
from holdall.s3.connection import Connection

# Enough for the header of nearly every picture: EXIF data with a thumbnail takes up to 64 KiB.
FIRST_BYTES = 64 * 1024
# From blocks of this size on, reading is considered sequential, and one request brings the rest.
STREAM_FROM_BYTES = 1024 * 1024
# A gap that is cheaper to read over than to ask again.
SKIP_BYTES = 256 * 1024
BUFFER_BYTES = 128 * 1024
# The most that is lost when a body breaks off.
PIECE_BYTES = 256 * 1024
# How often a stream that breaks off is taken up again without having brought anything.
RESUMPTIONS = 3


T = TypeVar("T")


class _BrokeOff(Exception):
    """A body ended before its end. Not a request that failed: that was repeated often enough."""

    def __init__(self, failure: StoreUnreachable) -> None:
        super().__init__(str(failure))
        self.failure = failure


class NothingBefore(OSError, ValueError):
    """A position before the beginning of a file, which is what a file on a disk (OSError) and one in memory say of it.

    Whoever looks for the end of an archive from behind, as `zipfile` does, expects one of them of a short file.
    """

    def __init__(self, position: int) -> None:
        super().__init__(f"There is nothing before the beginning of a file (position {position}).")


class ObjectReader(io.RawIOBase):
    """The bytes of one object, fetched in ranges on demand.

    Requests: one GET when it is made; one for each block that is read beyond what it brought.

    Raises:
        ObjectNotFound: there is no such object.
        ObjectChanged: the object was replaced since reading began.
        StoreUnreachable: the connection broke off, also when it was taken up again.
    """

    def __init__(self, connection: Connection, client: Any, *, name: str, key: str, parameters: dict[str, Any]) -> None:
        # What `close` looks at, also when the first request fails.
        self._stream: Any = None
        self.connection, self._client = connection, client
        self._process = process.number()
        self._where = connection.where()
        self._name, self.key, self.parameters = name, key, parameters
        self._position = 0
        self._block, self._block_at = b"", 0
        self._next_bytes = FIRST_BYTES
        self.size = 0
        self.etag: str | None = None
        # What the store says about how the content is packed.
        self.encoding: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._resuming(lambda: self._fetch(0))

    def look(self) -> Any:
        """Ask what the object is now: the SDK's answer. One HEAD.

        Raises:
            ObjectNotFound: it is gone.
        """
        return self.connection.call(
            "head_object", action="reading", name=self._name, client=self._client, Key=self.key, **self.parameters
        )

    def follow(self, connection: Connection, client: Any, *, key: str, parameters: dict[str, Any]) -> None:
        """Read on in a copy, which the store made of this object by itself, from where the reading is. Requests: none."""
        self._end_stream()
        self.connection, self._client = connection, client
        self._where = connection.where()
        self.key, self.parameters, self.etag = key, parameters, None

    # -- what io asks for

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check_open()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}.get(whence)
        if base is None:
            raise ValueError(f"whence is {whence}; use 0 (start), 1 (here) or 2 (end).")
        if base + offset < 0:
            raise NothingBefore(base + offset)
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        self._check_open()
        view = memoryview(buffer).cast("B")
        data = self._some(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        self._check_open()
        pieces = []
        # Everything is wanted: no use in beginning small.
        self._next_bytes = STREAM_FROM_BYTES
        while piece := self._some(max(self.size - self._position, 0)):
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        self._end_stream()
        self._block = b""
        super().close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f'"{self._name}" is closed.')

    # -- fetching

    def _some(self, wanted_bytes: int) -> bytes:
        """Give some bytes from here on, at least one unless the file ends here."""
        if self._process != process.number():
            # The stream is the other process's, and so are the bytes that come by it.
            self._end_stream()
            self._process = process.number()
        wanted_bytes = min(wanted_bytes, self.size - self._position)
        if wanted_bytes <= 0:
            return b""
        data = self._from_block(wanted_bytes)
        if not data:
            data = self._resuming(lambda: self._from_stream(wanted_bytes) or self._fetch_here(wanted_bytes))
        self._position += len(data)
        return data

    def _resuming(self, fetch: Callable[[], T]) -> T:
        """Take up what breaks off where it ended; the ETag makes sure that it is the same object."""
        failures, began = 0, time.monotonic()
        while True:
            try:
                return fetch()
            except _BrokeOff as broken:
                self._end_stream()
                failures += 1
                waited = time.monotonic() - began
                limit = self.connection.target.timeout_seconds
                if failures > RESUMPTIONS or waited >= limit:
                    self.connection.line.circuit.failed(
                        None, broken.failure, began=began, waited=waited, waits_at_most=limit
                    )
                    raise broken.failure from broken.failure.__cause__

    def _from_block(self, wanted_bytes: int) -> bytes:
        start = self._position - self._block_at
        return self._block[start : start + wanted_bytes] if 0 <= start < len(self._block) else b""

    def _from_stream(self, wanted_bytes: int) -> bytes:
        if self._stream is None:
            return b""
        gap = self._position - self._stream_at
        if not 0 <= gap <= SKIP_BYTES:
            self._end_stream()
            return b""
        while gap > 0:
            skipped = self._read(self._stream, gap)
            self._stream_at += len(skipped)
            gap -= len(skipped)
        data = self._read(self._stream, wanted_bytes)
        self._stream_at += len(data)
        return data

    def _fetch_here(self, wanted_bytes: int) -> bytes:
        sequential = self._position == self._block_at + len(self._block)
        self._next_bytes = (
            self._next_bytes * 2 if sequential else max(FIRST_BYTES, min(wanted_bytes, STREAM_FROM_BYTES // 2))
        )
        if self._next_bytes >= STREAM_FROM_BYTES:
            self._stream = self._get(f"bytes={self._position}-")["Body"]
            self._stream_at = self._position
            return self._from_stream(wanted_bytes)
        self._fetch(self._position)
        return self._from_block(wanted_bytes)

    def _fetch(self, start: int) -> None:
        """Fetch one block into memory."""
        block_bytes = self._next_bytes
        try:
            answer = self._get(f"bytes={start}-{start + block_bytes - 1}")
        except StoreFailed as failure:
            # An empty object has no first byte: a range of it cannot be satisfied.
            if failure.code not in {"InvalidRange", "416"} or start or not self._is_empty(failure):
                raise
            return
        body = answer["Body"]
        due_bytes = min(block_bytes, self.size - start)
        pieces: list[bytes] = []
        try:
            while due_bytes > 0:
                pieces.append(self._read(body, due_bytes))
                due_bytes -= len(pieces[-1])
        except BaseException as failure:
            body.close()
            # What came is worth keeping; the next block begins where it ends.
            if not (pieces and isinstance(failure, _BrokeOff)):
                raise
        self._block, self._block_at = b"".join(pieces), start
        if "ContentRange" in answer or len(self._block) == self.size:
            body.close()
        elif due_bytes == 0:
            # A store that does not keep to ranges sends everything at once: as a stream it can be read on.
            self._stream, self._stream_at = body, len(self._block)

    def _is_empty(self, refused: StoreFailed) -> bool:
        """Make sure that a file is empty whose first byte was refused: to take a whole one for it would lose it."""
        headers = refused.answer.headers if refused.answer else {}
        told = re.fullmatch(r"bytes \*/(\d+)", headers.get("content-range") or "")
        if told:
            return int(told[1]) == 0
        found = self.look()
        self.etag = found.get("ETag")
        return bool(found.get("ContentLength") == 0)

    def _get(self, span: str) -> Any:
        same: dict[str, Any] = {"IfMatch": self.etag} if self.etag else {}
        answer = self.connection.call(
            "get_object",
            action="reading",
            name=self._name,
            client=self._client,
            Key=self.key,
            Range=span,
            **same,
            **self.parameters,
        )
        said = answer.get("ContentRange") or ""
        answered = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", said)
        if not answered and (said or answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == 206):
            # Its length would be taken for the file's.
            answer["Body"].close()
            raise StoreFailed(
                f'Reading "{self._name}" failed in {self.connection.where()}: the answer is a part of the file, and does '
                f'not say how long the whole file is (Content-Range: "{said}"). Check any proxy in front of the store.'
            )
        asked = int(span.removeprefix("bytes=").partition("-")[0])
        size = int(answered[3]) if answered else int(answer.get("ContentLength", -1))
        begins = int(answered[1]) if answered else 0
        changed = self.etag and (answer.get("ETag") != self.etag or size != self.size)
        if begins != asked or size < 0 or changed:
            answer["Body"].close()
            raise ObjectChanged(
                f'"{self._name}" is not what it was when reading began, or the store does not keep to ranges '
                f"({self.connection.where()}). Read it again from the beginning."
            )
        self.etag, self.size, self.encoding = answer.get("ETag"), size, answer.get("ContentEncoding")
        return answer

    def _read(self, body: Any, size_bytes: int) -> bytes:
        """Read some bytes, at least one, where there must be more."""
        try:
            with self.connection.translating(
                "reading", name=self._name, key=self.key, client=self._client, is_request=False
            ):
                data = bytes(body.read(min(size_bytes, PIECE_BYTES)))
        except StoreUnreachable as failure:
            raise _BrokeOff(failure) from failure
        if not data:
            # Where no header tells the length, a lost connection looks like the end.
            where = self.connection.where()
            raise _BrokeOff(StoreUnreachable(f'Reading "{self._name}" ended too early in {where}. Try again.'))
        self.connection.line.circuit.heard(None, self._where)
        return data

    def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(HoldallError, OSError):
                stream.close()
