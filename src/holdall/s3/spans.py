"""Read a span of one object in order, from one request: what a download passes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdall.s3.connection import Connection
from holdall.s3.reading import ObjectReader


class SpanReader(ObjectReader):
    """The bytes from `start` up to `stop` of an object whose ETag and size are known.

    A connection that breaks off is taken up where it ended, and only for the same object.

    Requests: one GET of just that span when it is made, none if the span is empty; one more each time it breaks off.

    Raises:
        ObjectNotFound, ObjectChanged, StoreUnreachable: as `ObjectReader`.
    """

    def __init__(
        self,
        connection: Connection,
        client: Any,
        *,
        name: str,
        key: str,
        parameters: dict[str, Any],
        etag: str,
        size: int,
        start: int,
        stop: int,
    ) -> None:
        self._start, self._stop = start, stop
        self._expected = etag, size
        super().__init__(connection, client, name=name, key=key, parameters=parameters)

    def _begin(self) -> None:
        self.etag, self.size = self._expected
        self._position = self._start
        if self._start < self._stop:
            self._resuming(self._connect)

    def _connect(self) -> None:
        if self._stream is None:
            self._stream = self._get(f"bytes={self._position}-{self._stop - 1}")["Body"]

    def _piece(self) -> bytes:
        self._connect()
        return self._read(self._stream, self._stop - self._position)

    def pieces(self) -> Iterator[bytes]:
        """Give the span piece by piece, each as it arrives. It is closed at its end."""
        while self._position < self._stop:
            piece = self._resuming(self._piece)
            self._position += len(piece)
            yield piece
        self.close()
