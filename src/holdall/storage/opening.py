"""A file that is about to be opened, for code that awaits: `await` gives it, and `async with` closes it too."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any

from holdall.storage.files import ObjectFile


class Opening(Coroutine[Any, Any, ObjectFile]):
    """The coroutine that opens a file, and a context of the open file."""

    def __init__(self, opening: Coroutine[Any, Any, ObjectFile]) -> None:
        self._opening = opening
        self._file: ObjectFile | None = None

    def send(self, value: Any, /) -> Any:
        return self._opening.send(value)

    def throw(self, *error: Any) -> Any:
        return self._opening.throw(*error)

    def close(self) -> None:
        self._opening.close()

    def __await__(self) -> Generator[Any, Any, ObjectFile]:
        return self._opening.__await__()

    async def __aenter__(self) -> ObjectFile:
        self._file = await self._opening
        return await self._file.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            await self._file.__aexit__(kind, error, trace)
