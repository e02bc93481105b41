"""An ASGI application for a machine without a disk: it reads a request while it arrives.

Django's own reads the whole body first, and writes what is longer than `FILE_UPLOAD_MAX_MEMORY_SIZE` to a temporary file.
In `asgi.py`: `from holdall.asgi import get_asgi_application`.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import RequestAborted, SynchronousOnlyOperation
from django.core.handlers.asgi import ASGIHandler

# So much is fetched at a time by a thread that reads: each time it waits for the loop.
FETCH_BYTES = 256 * 1024


def get_asgi_application() -> StreamingASGIHandler:
    """Give the ASGI application of the project, as Django's function of this name does, without temporary files."""
    django.setup(set_prefix=False)
    return StreamingASGIHandler()


class Body(io.RawIOBase):
    """The body of a request: what is short in memory, anything longer read by a thread while it arrives."""

    def __init__(self, receive: Callable[[], Awaitable[Any]]) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._held = bytearray()
        self._has_ended = asyncio.Event()
        self._is_broken = False
        self._fetching: Future[None] | None = None

    async def __call__(self) -> Any:
        return await self._receive()

    async def begin(self, held_bytes: int) -> None:
        """Receive the whole body if it is no longer than this, or else so much of it.

        Raises:
            RequestAborted: the visitor has gone.
        """
        await self._fetch(held_bytes + 1)
        if self._is_broken:
            raise RequestAborted

    async def disconnected(self) -> None:
        """Wait until the visitor has gone."""
        await self._has_ended.wait()
        if not self._is_broken:
            # Nothing else comes after a body.
            while (await self._receive())["type"] != "http.disconnect":
                pass

    def give_up(self) -> None:
        """Let nobody wait for the rest: whoever reads is told that the visitor has gone."""
        if not self._has_ended.is_set():
            self._is_broken = True
            self._has_ended.set()
        if self._fetching is not None:
            self._fetching.cancel()

    async def _fetch(self, wanted_bytes: int) -> None:
        while len(self._held) < wanted_bytes and not self._has_ended.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._is_broken = True
                self._has_ended.set()
                return
            self._held += message.get("body", b"")
            if not message.get("more_body", False):
                self._has_ended.set()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to so many bytes; wait for some if there are none.

        Raises:
            OSError: the visitor has gone.
            SynchronousOnlyOperation: the rest of a long body was asked for by the event loop's own thread.
        """
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(FETCH_BYTES), b""))
        if size and not self._held and not self._has_ended.is_set():
            self._wait(size)
        if self._is_broken:
            raise OSError("The visitor has gone before the request was complete.")
        data = bytes(memoryview(self._held)[:size])
        del self._held[:size]
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _wait(self, size: int) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            fetch = self._fetch(min(max(size, 1), FETCH_BYTES))
            self._fetching = asyncio.run_coroutine_threadsafe(fetch, self._loop)
            if self._is_broken:
                # Given up a moment ago, by a loop that now waits for this thread.
                self._fetching.cancel()
            try:
                self._fetching.result()
            except CancelledError:
                # The server ends. What came so far must not be taken for all of it.
                self._is_broken = True
            return
        raise SynchronousOnlyOperation(
            "The body of this request is longer than FILE_UPLOAD_MAX_MEMORY_SIZE and arrives while it is read, which would "
            "stop the event loop. Read it in a thread: `await sync_to_async(lambda: request.POST)()`."
        )


class StreamingASGIHandler(ASGIHandler):
    """Django's handler, with the body of a request read while it arrives.

    Up to `FILE_UPLOAD_MAX_MEMORY_SIZE` a body is received before the view is called and stays in memory. A longer one is
    read by whichever thread parses it: that of Django's CSRF middleware, of a view that is not asynchronous, or of
    `sync_to_async`; the event loop's own thread cannot wait for it. Nothing is received before it is read.
    """

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        body = Body(receive)
        requests: list[Any] = []
        scope = {**scope, _REQUESTS: requests}
        # It goes through Django's own code as what it takes for the function that receives.
        handling = asyncio.ensure_future(super().handle(scope, body, send))
        try:
            await asyncio.shield(handling)
        except asyncio.CancelledError:
            # A server that is told to end cancels this while a thread still waits for a slow visitor, and Django waits for
            # the thread.
            body.give_up()
            handling.cancel()
            await asyncio.wait([handling])
            if not handling.cancelled():
                # Nobody else asks for it.
                handling.exception()
            raise
        finally:
            body.give_up()
            for request in requests:
                # Django forgets it where the visitor has gone.
                await asyncio.shield(sync_to_async(request.close)())

    def create_request(self, scope: Any, body_file: Any) -> Any:
        request, refusal = super().create_request(scope, body_file)
        if request is not None:
            scope[_REQUESTS].append(request)
        return request, refusal

    async def read_body(self, receive: Any) -> Any:
        await receive.begin(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
        return receive

    async def listen_for_disconnect(self, receive: Any) -> None:
        await receive.disconnected()
        raise RequestAborted


_REQUESTS = "holdall.requests"
