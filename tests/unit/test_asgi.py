"""The body of a request that is read while it arrives, as far as it needs no server."""

from __future__ import annotations

import asyncio
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
