"""Where event loops have their work done."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from holdall.storage.threads import Lane, aside

PLACE = "test"


async def asks() -> int:
    return await aside(PLACE, Lane.LINKS, lambda: 1)


@pytest.mark.parametrize("asked", [async_to_sync(asks), lambda: asyncio.run(asks())], ids=["asgiref", "loop"])
def test_deeds_that_wait_for_deeds_of_the_same_place_end(asked: Any) -> None:
    """A hook of the project, called while a file is saved, may await the same storage; all threads may be at that."""
    many = 3 * Lane.LINKS.value

    async def work() -> list[int]:
        async with asyncio.timeout(30):
            return await asyncio.gather(*(aside(PLACE, Lane.LINKS, asked) for _ in range(many)))

    assert asyncio.run(work()) == [1] * many


def test_outcome_that_comes_too_late_is_undone() -> None:
    """The accident: a save is complete, and its task is cancelled before the loop tells it so."""
    done, undone = threading.Event(), Future[str]()

    def deed() -> str:
        done.set()
        return "a.txt"

    async def work() -> None:
        task = asyncio.ensure_future(aside(PLACE, Lane.LINKS, deed, undo=undone.set_result))
        await asyncio.sleep(0)
        # The loop does nothing else meanwhile.
        done.wait(10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert undone.result(10) == "a.txt"


def test_deed_that_ends_with_stop_iteration_is_not_waited_for_without_end() -> None:
    async def work() -> None:
        async with asyncio.timeout(30):
            await aside(PLACE, Lane.LINKS, lambda: next(iter(())))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(work())
