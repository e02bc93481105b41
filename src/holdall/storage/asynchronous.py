"""The part of the storage that is awaited: the same operations, done by threads of its own beside the event loop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async

from holdall.errors import HoldallError
from holdall.shown import shown
from holdall.storage.awaited import AwaitedFile
from holdall.storage.commits import Deed, leaving_to_caller, logging_failure, waits_for_commit
from holdall.storage.discarding import DiscardingStorage
from holdall.storage.files import ObjectFile
from holdall.storage.opening import Opening
from holdall.storage.threads import Lane, aside, submit

log = logging.getLogger("holdall")
T = TypeVar("T")


class AwaitedStorage(DiscardingStorage):
    """The storage that deletes, with every operation as a coroutine. `MediaStorage` gives it its options.

    Each does what the method without the `a` does, promises and raises the same and sends the same requests; it is that
    method, called in a thread. No loop is blocked, and no thread is used that others use: a store that hangs has threads
    of its own (see `holdall.storage.threads`). What the method asks of the project, such as `get_object_parameters`, runs
    in that thread, with the caller's context variables and a database connection of its own.

    When a task is cancelled, a file that it was saving or writing is taken back, and a deletion is done to its end.
    """

    def _places(self) -> Hashable:
        """Give the places that the storage speaks with: what hangs at one of them must delay no other storage."""
        # Who has a mirror waits for that too, for a while.
        return (self.store.line, self.mirror is not None)

    async def _aside(self, lane: Lane, deed: Callable[[], T], **how: Any) -> T:
        return await aside(self._places(), lane, deed, **how)

    async def asave(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Save a file as `save` does. Cancelled, it leaves nothing, and reads nothing more of the content."""
        deed = partial(self.save, name, content, max_length)
        return await self._aside(Lane.TRANSFERS, deed, reads_content=True, undo=self._unsave)

    def _unsave(self, name: str) -> None:
        """Delete a file that was complete when its save was cancelled: nobody was told of its name."""
        if not (self.file_overwrite or self._insists):
            # Where names are given again, it may be another's by now.
            try:
                self.delete(name)
            except HoldallError as failure:
                log.warning('"%s" was saved for a task that was cancelled, and is left: %s', shown(name), failure)

    def aopen(self, name: str, mode: str = "rb") -> Opening:
        """Open a file as `open` does: `async with storage.aopen(name) as file`, or `file = await storage.aopen(name)`.

        `async for chunk in file` gives its content, and the methods that begin with `a` read and write without blocking.
        """
        lane = Lane.QUESTIONS if mode.startswith("r") else Lane.TRANSFERS

        def deed() -> ObjectFile:
            # An `ObjectFile` unless a project's own class makes another.
            file = cast("ObjectFile", self.open(name, mode))
            if isinstance(file, AwaitedFile):
                file._is_awaited = True
            return file

        return Opening(self._aside(lane, deed))

    async def adelete(self, name: str) -> None:
        """Delete a file as `delete` does; with `trash`, after the transactions that are open in the caller's thread.

        What waits for a transaction is then done by another thread, so that no commit waits for the store.
        """
        await self._adiscard(lambda: self.delete(name))

    async def adelete_many(self, names: Iterable[str]) -> None:
        """Delete files as `delete_many` does, and with `trash` as `adelete`."""
        given = list(names)
        await self._adiscard(lambda: cast("Any", self).delete_many(given))

    async def _adiscard(self, deed: Callable[[], object]) -> None:
        def begin() -> list[Deed]:
            with leaving_to_caller() as deeds:
                deed()
            return deeds

        for one in await self._aside(Lane.TRANSFERS, begin, is_stopped=False):
            if not await _awaits_commit(partial(self._later, one.later)):
                await self._aside(Lane.TRANSFERS, one.now, is_stopped=False)

    def _later(self, deed: Callable[[], object]) -> None:
        quietly = partial(logging_failure, deed)
        try:
            submit(self._places(), Lane.TRANSFERS, quietly)
        except RuntimeError:
            # The interpreter exits, and starts nothing in another thread.
            quietly()

    async def aexists(self, name: str) -> bool:
        """Say what `exists` says."""
        return await self._aside(Lane.QUESTIONS, lambda: self.exists(name))

    async def aexists_many(self, names: Iterable[str]) -> dict[str, bool]:
        """Say what `exists_many` says."""
        asked = list(names)
        return await self._aside(Lane.QUESTIONS, lambda: cast("Any", self).exists_many(asked))

    async def asize(self, name: str) -> int:
        """Give what `size` gives."""
        return await self._aside(Lane.QUESTIONS, lambda: int(self.size(name)))

    async def aget_modified_time(self, name: str) -> datetime:
        """Give what `get_modified_time` gives."""
        return await self._aside(Lane.QUESTIONS, lambda: self.get_modified_time(name))

    async def alistdir(self, path: str) -> tuple[list[str], list[str]]:
        """List what `listdir` lists."""
        return await self._aside(Lane.QUESTIONS, lambda: self.listdir(path))

    async def aurl(self, name: str | None, *arguments: Any, **options: Any) -> str:
        """Give what `url` gives."""
        return await self._aside(Lane.LINKS, lambda: str(self.url(name, *arguments, **options)))

    async def aurl_many(self, names: Iterable[str]) -> dict[str, str]:
        """Give what `url_many` gives."""
        asked = list(names)
        return await self._aside(Lane.LINKS, lambda: self.url_many(asked))


async def _awaits_commit(deed: Callable[[], object]) -> bool:
    """Leave something to the commit of a transaction that is open in the caller's thread. False: there is none.

    A coroutine has no transaction of its own: Django's are a thread's. The one that counts is that of the thread for what
    must not be done in any other, where Django's own asynchronous methods run too, and of a caller that waits in
    `async_to_sync`.
    """
    if "django.db" not in sys.modules:
        return False
    return await sync_to_async(waits_for_commit, thread_sensitive=True)(deed)
