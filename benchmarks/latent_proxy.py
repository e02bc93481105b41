"""A proxy that makes a server far away: each answer comes so much later, however many are waited for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import urllib.parse
from types import TracebackType

CHUNK_BYTES = 1024 * 1024


class LatentProxy:
    """Pass on bytes, those of answers late; count how many answers were waited for at once."""

    def __init__(self, upstream_url: str, *, seconds: float) -> None:
        parts = urllib.parse.urlsplit(upstream_url)
        self._upstream = (str(parts.hostname), int(parts.port or 80))
        self._seconds = seconds
        self._waiting = 0
        self.most_waiting = 0
        """The most answers that were on their way at one moment."""
        self.url = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> LatentProxy:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    @staticmethod
    async def _end() -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            from_server, to_server = await asyncio.open_connection(*self._upstream)
            answers = asyncio.ensure_future(self._late(from_server, writer))
            try:
                while data := await reader.read(CHUNK_BYTES):
                    to_server.write(data)
                    await to_server.drain()
            finally:
                to_server.close()
                writer.close()
                answers.cancel()

    async def _late(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                self._waiting += 1
                self.most_waiting = max(self.most_waiting, self._waiting)
                await asyncio.sleep(self._seconds)
                self._waiting -= 1
                writer.write(data)
                await writer.drain()
