"""Where an event loop has its work done: a few threads for each place, so that a store that hangs delays no other."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from enum import Enum
from functools import partial
from typing import TypeVar

from holdall.s3 import process
from holdall.s3.patience import Stop, stopping_by

T = TypeVar("T")
# For so many places a process keeps threads; those of others end when they have done their work.
MOST_PLACES = 16


class Lane(Enum):
    """What is done, and by how many threads at most: nobody who asks waits for somebody who sends a large file."""

    # Measured in benchmarks/awaiting.py: more gain nothing, as Python runs one of them at a time.
    QUESTIONS = 96
    # Each may hold four parts of a large file in memory.
    TRANSFERS = 16
    # What needs no request but for the first, and must not wait for a store that hangs.
    LINKS = 4


def is_in_a_loop() -> bool:
    """Say whether an event loop runs in this thread, and would be blocked by what waits here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def aside(
    place: Hashable,
    lane: Lane,
    deed: Callable[[], T],
    *,
    is_stopped: bool = True,
    reads_content: bool = False,
    undo: Callable[[T], object] | None = None,
) -> T:
    """Do something in a thread of a place, with the caller's context, and wait for it without blocking the loop.

    When the task is cancelled, what did not begin never begins. What is under way ends within a second or so and takes
    back what it began; with `is_stopped=False` it is done to its end, which nobody waits for. `reads_content`: the deed reads
    something of the caller's; the cancellation goes on when it does so no more. `undo`: what is done with an outcome that
    came too late to be told to anybody.
    """
    stop = Stop() if is_stopped else None
    job = submit(place, lane, deed, stop)
    try:
        return await asyncio.wrap_future(job)
    except asyncio.CancelledError:
        if stop is not None and not job.cancelled():
            stop.call()
            if undo is not None:
                job.add_done_callback(partial(_undone, place, lane, undo))
            if reads_content:
                await asyncio.wrap_future(stop.lets_go)
        raise


def _undone(place: Hashable, lane: Lane, undo: Callable[[T], object], job: Future[T]) -> None:
    if job.cancelled() or job.exception() is not None:
        return
    deed = partial(undo, job.result())
    try:
        submit(place, lane, deed)
    except RuntimeError:
        # The interpreter exits, and starts nothing in another thread.
        deed()


def submit(place: Hashable, lane: Lane, deed: Callable[[], T], stop: Stop | None = None) -> Future[T]:
    """Have something done in a thread of a place, with the caller's context.

    An interpreter that exits waits for it, as for any thread.

    Raises:
        RuntimeError: the interpreter exits, and nothing new begins.
    """
    context = copy_context()
    # What a deed waits for has threads of its own: with those of the deed, as many deeds as there are threads would wait
    # for each other.
    depth = _depth.get() + 1
    context.run(_depth.set, depth)

    def work() -> T:
        try:
            return context.run(_deed_until, deed, stop)
        except StopIteration as ended:
            # An event loop cannot be given it, and its task would wait without end.
            raise RuntimeError("What was awaited ended with StopIteration.") from ended
        finally:
            if stop is not None:
                stop.let_go()
            _close_databases()

    with _lock:
        # Inside, because an executor that is given up takes nothing.
        return _executor(place, lane, depth).submit(work)


def _deed_until(deed: Callable[[], T], stop: Stop | None) -> T:
    if stop is None:
        return deed()
    with stopping_by(stop):
        return deed()


def _close_databases() -> None:
    """Close what a project's own code opened in this thread: no request ends here, which would close it."""
    if (databases := sys.modules.get("django.db")) is not None:
        for one in databases.connections.all(initialized_only=True):
            one.close()


# How many deeds are around this one: a hook of the project, called while a file is saved, may await the storage too.
_depth: ContextVar[int] = ContextVar("holdall_deeds", default=0)
# A place's threads, the last used last.
_executors: OrderedDict[tuple[Hashable, Lane, int], ThreadPoolExecutor] = OrderedDict()
# Re-entrant: a garbage collection inside may take back an unfinished write.
_lock = threading.RLock()


def _executor(place: Hashable, lane: Lane, depth: int) -> ThreadPoolExecutor:
    found = _executors.get((place, lane, depth))
    if found is None:
        name = f"holdall-{lane.name.lower()}"
        found = _executors[place, lane, depth] = ThreadPoolExecutor(lane.value, thread_name_prefix=name)
        while len(_executors) > MOST_PLACES * len(Lane):
            _executors.popitem(last=False)[1].shutdown(wait=False)
    _executors.move_to_end((place, lane, depth))
    return found


@process.at_fork
def _forget_after_fork() -> None:
    # The threads are the other process's.
    global _lock
    _lock = threading.RLock()
    _executors.clear()
