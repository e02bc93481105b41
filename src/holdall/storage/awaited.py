"""The part of a file that is awaited: what it reads and writes, done by a thread beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.core.files.base import File

from holdall.s3.patience import Stopped
from holdall.storage.threads import Lane, aside, is_in_a_loop

if TYPE_CHECKING:
    # Generic to the type checker alone.
    BytesFile = File[bytes]
else:
    BytesFile = File

T = TypeVar("T")
# How much `async for` gives at a time.
CHUNK_BYTES = 256 * 1024
# How long the end of `async with` waits for what takes back a file; it goes on without anybody who waits.
TAKING_BACK_SECONDS = 1.0


class AwaitedFile(BytesFile):
    """A file with coroutines beside its methods. Whatever two tasks ask of one file is done one after the other.

    `async for chunk in file` gives what is left of it, in pieces; `async with file` closes it, and after an exception
    abandons what was written. A read that is cancelled leaves the file where it was.

    Opened by `aopen`, it is no iterable to code that runs in an event loop, which a plain `for` would block. So Django's
    `StreamingHttpResponse(await storage.aopen(name))` passes it on while it is read.
    """

    # Whether code that awaits opened it.
    _is_awaited = False
    # Whether a write was cancelled: what is there then is less than was meant, and must not be stored.
    _is_given_up = False
    # Where it is opened again, if it is; and what reads it, while something does.
    _storage: Any
    reader: Any

    def abandon(self) -> None:
        """Close without saving."""
        raise NotImplementedError

    @property
    def _turn(self) -> threading.RLock:
        """What one thread at a time has. Made late: most files are never awaited."""
        # One step, so that two threads get one and the same.
        turn: threading.RLock = self.__dict__.setdefault("_turns", threading.RLock())
        return turn

    async def _aside(self, lane: Lane, deed: Callable[[], T], **how: Any) -> T:
        def in_turn() -> T:
            with self._turn:
                return deed()

        return await aside(self._places(), lane, in_turn, **how)

    def _places(self) -> Hashable:
        """Give the places that it speaks with. What is in the staging area belongs to no storage."""
        if self._storage is not None:
            places: Hashable = self._storage._places()
            return places
        return (self.reader.connection.line,) if self.reader is not None else None

    async def aread(self, size: int | None = -1) -> Any:
        """Read so much, or all that is left: bytes, in text mode a string."""
        return await self._aside(Lane.QUESTIONS, partial(self._read_or_stay, -1 if size is None else size))

    def _read_or_stay(self, size: int) -> Any:
        at = self.tell()
        try:
            return self.read(size)
        except (Exception, Stopped):
            # What was buffered on the way would be missing from what is read next.
            with suppress(Exception):
                self.seek(at)
            raise

    async def awrite(self, data: Any) -> int:
        """Write bytes, in text mode a string. When this is cancelled, all that was written is abandoned, also by `aclose`."""
        try:
            return int(await self._aside(Lane.TRANSFERS, lambda: self.write(data), reads_content=True))
        except asyncio.CancelledError:
            # It may not have begun, or be done: the caller cannot know which.
            self._is_given_up = True
            raise

    async def aseek(self, offset: int, whence: int = 0) -> int:
        """Move to a position."""
        return int(await self._aside(Lane.QUESTIONS, lambda: self.seek(offset, whence)))

    async def aclose(self) -> None:
        """Close it; what was written is stored. Cancelled, that is taken back."""
        await self._aside(Lane.TRANSFERS, self.close)

    async def aabandon(self) -> None:
        """Close without saving: nothing of what was written is left in the store."""
        await self._aside(Lane.TRANSFERS, self.abandon, is_stopped=False)

    async def achunks(self, chunk_size: int | None = None) -> AsyncIterator[Any]:
        """Give the whole content in pieces, from its beginning, as `chunks` does."""
        await self.aseek(0)
        while piece := await self.aread(chunk_size or CHUNK_BYTES):
            yield piece

    def __iter__(self) -> Iterator[Any]:
        # Whoever takes iterables of both kinds asks for this one first, and would read the whole file into memory.
        if self._is_awaited and is_in_a_loop():
            raise TypeError(f'"{self.name}" was opened by `aopen`: iterate over it with `async for`, or in a thread.')
        return super().__iter__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while piece := await self.aread(CHUNK_BYTES):
            yield piece

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.aclose()
            return
        # Whoever waits for this has given up, perhaps because the store hangs.
        ending = asyncio.ensure_future(self._aside(Lane.TRANSFERS, self._give_up, is_stopped=False))
        await asyncio.wait({ending}, timeout=TAKING_BACK_SECONDS)

    def _give_up(self) -> None:
        self.abandon()
        with suppress(Exception):
            self.close()
