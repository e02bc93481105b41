"""Do one thing to very many items: many at once, in order, in bounded memory, and slower where the store asks for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from holdall.errors import (
    BucketNotFound,
    CredentialsRefused,
    HoldallError,
    StoreFailed,
    StoreUnreachable,
    WriteRefused,
)

T = TypeVar("T")
R = TypeVar("R")
# So many files are worked on at a time.
WORKERS = 16
# After these no other file would fare better.
FATAL = (WriteRefused, CredentialsRefused, BucketNotFound)
# So many items may be done before the first of them is.
AHEAD = 1_000
# How long a store may be busy or silent before the work is given up: the pauses double from the first to the last.
FIRST_PAUSE_SECONDS = 0.5
LAST_PAUSE_SECONDS = 30.0
PATIENCE_SECONDS = 180.0
# Not implemented, and no room (MinIO's XMinioStorageFull): waiting changes neither.
_LASTING = frozenset({501, 507})


class Ended(HoldallError):
    """The work was ended from outside, by Ctrl-C; what this was raised in is taken back."""


def mapped(
    function: Callable[[T], R],
    items: Iterable[T],
    workers: int,
    *,
    is_quick: Callable[[T], bool] = lambda item: False,
    ended: threading.Event | None = None,
    ahead: int = AHEAD,
) -> Generator[R, None, None]:
    """Apply a function to items in threads and give the results in the items' order; what is quick is done at once.

    `ended` is set when nobody wants more results, so that what is under way can end soon.
    """
    waiting: deque[Future[R] | R] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="holdall-bulk") as pool:

        def first() -> R:
            one = waiting.popleft()
            return one.result() if isinstance(one, Future) else one

        try:
            for item in items:
                waiting.append(function(item) if is_quick(item) else pool.submit(function, item))
                while waiting and (len(waiting) > ahead or not isinstance(waiting[0], Future) or waiting[0].done()):
                    yield first()
            while waiting:
                yield first()
        finally:
            # Ctrl-C: what has not begun is not begun.
            if ended is not None:
                ended.set()
            pool.shutdown(wait=True, cancel_futures=True)


class Budget:
    """A number of bytes that those who work at the same time share."""

    def __init__(self, size_bytes: int) -> None:
        self._all = self._left = size_bytes
        self._changed = threading.Condition()

    @contextmanager
    def take(self, size_bytes: int) -> Iterator[None]:
        """Hold so many bytes, or all of them, as soon as there are so many."""
        wanted = min(size_bytes, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= wanted)
            self._left -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._left += wanted
                self._changed.notify_all()


class Pace:
    """How many requests are under way: half as many each time the store says that it is too much, slowly more afterwards."""

    def __init__(self, workers: int) -> None:
        self._most = workers
        self.limit = float(workers)
        self._running = 0
        self._changed = threading.Condition()
        # How often the store was too busy.
        self.slowed = 0
        self._gave_up: HoldallError | None = None
        self.ended = threading.Event()

    @property
    def is_slowed(self) -> bool:
        """Whether fewer requests are under way than were asked for."""
        return self.limit < self._most

    def go_on(self) -> None:
        """Raise where the work was ended: for what takes long.

        Raises:
            Ended: it was.
        """
        if self.ended.is_set():
            raise Ended("was not finished: the work was ended")

    def keep(self, deed: Callable[[], R]) -> R:
        """Do something as soon as it may begin; again, after a pause and with fewer beside it, where the store is busy.

        Raises:
            Ended: nobody waits for it any more.
            HoldallError: it failed for another reason, or the store was busy or silent for three minutes, here or for another.
        """
        pause, began = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            if self._gave_up is not None:
                raise self._gave_up
            if self.ended.is_set():
                raise Ended("was not tried: the work was ended")
            with self._turn():
                try:
                    result = deed()
                except HoldallError as failure:
                    if not _passes(failure):
                        raise
                    if time.monotonic() - began > PATIENCE_SECONDS:
                        self._gave_up = failure
                        raise
                    self._slow()
                else:
                    self.limit = min(self._most, self.limit + 1 / max(self.limit, 1))
                    return result
            self.ended.wait(pause)
            pause = min(2 * pause, LAST_PAUSE_SECONDS)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._running < max(1, int(self.limit)))
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify()

    def _slow(self) -> None:
        with self._changed:
            self.limit = max(1.0, self.limit / 2)
            self.slowed += 1


def _passes(failure: HoldallError) -> bool:
    """Say whether a failure is one of the moment: the store is busy, or was not heard of."""
    if isinstance(failure, StoreUnreachable):
        return True
    status = failure.answer.status if failure.answer else 0
    return isinstance(failure, StoreFailed) and (status == 429 or status >= 500) and status not in _LASTING
