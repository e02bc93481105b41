"""Where event loops have their work done."""

from __future__ import annotations

import asyncio
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


def test_deed_that_ends_with_stop_iteration_is_not_waited_for_without_end() -> None:
    async def work() -> None:
        async with asyncio.timeout(30):
            await aside(PLACE, Lane.LINKS, lambda: next(iter(())))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(work())
