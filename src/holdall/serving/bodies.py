"""The body of a streamed answer, for servers that wait in threads and for those that wait in an event loop."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Hashable, Iterator
from typing import Any

from django.http import HttpRequest

from holdall.storage.threads import Lane, aside


def body(request: HttpRequest, pieces: Iterator[bytes], place: Hashable) -> Any:
    """Give the pieces in the form in which the request's server takes them: Django loads the other form whole.

    `place` is where they come from: what hangs there delays nothing that comes from elsewhere.
    """
    return AsyncBody(pieces, place) if hasattr(request, "scope") else pieces


class AsyncBody(AsyncIterator[bytes]):
    """Read in a thread of the place (`holdall.storage.threads`), so that a slow store holds up nobody.

    Closing it frees the connection: at once, or as soon as the thread that reads comes back. Between two pieces no
    thread is taken, so slow clients cost none.
    """

    def __init__(self, pieces: Iterator[bytes], place: Hashable = None) -> None:
        self._pieces, self._place = pieces, place
        self._lock = threading.Lock()
        self._is_reading = False
        self._is_closed = False

    async def __anext__(self) -> bytes:
        piece = await aside(self._place, Lane.QUESTIONS, self._next)
        # `StopIteration` cannot leave a coroutine.
        if piece is None:
            raise StopAsyncIteration
        return piece

    def _next(self) -> bytes | None:
        with self._lock:
            if self._is_closed:
                return None
            self._is_reading = True
        try:
            return next(self._pieces, None)
        finally:
            if self._has_been_closed():
                self._end()

    def _has_been_closed(self) -> bool:
        """Say whether it was closed while a thread was reading, which is over."""
        with self._lock:
            self._is_reading = False
            return self._is_closed

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._is_reading:
                return
        self._end()

    def _end(self) -> None:
        end = getattr(self._pieces, "close", None)
        if end is not None:
            end()
