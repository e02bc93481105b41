"""The body of a request that is read while it arrives, as far as it needs no server."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest

from holdall.asgi import Body


def test_body_whose_server_ends_is_not_taken_for_a_whole_one() -> None:
    """The accident: a server that is told to end cancels all that waits, and half a file would be saved as a whole one."""

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def work() -> None:
        body = Body(receive)
        reading = asyncio.create_task(asyncio.to_thread(body.read, 10))
        while body._fetching is None:
            await asyncio.sleep(0)
        body._fetching.cancel()
        with pytest.raises(OSError, match="visitor has gone"):
            await reading

    asyncio.run(work())


def test_loop_that_waits_for_the_thread_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The accident: a request is given up in the moment in which a thread begins to read on, and the two wait for each other."""
    schedule = asyncio.run_coroutine_threadsafe

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def work() -> None:
        body = Body(receive)

        def too_late(fetch: Any, loop: Any) -> Any:
            body.give_up()
            return schedule(fetch, loop)

        def read() -> None:
            with suppress(OSError):
                body.read(10)

        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", too_late)
        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        # As asgiref waits for its threads: on the loop.
        reading.join(timeout=10)
        assert not reading.is_alive()

    asyncio.run(work())
