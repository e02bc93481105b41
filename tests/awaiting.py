"""A storage whose every operation is awaited, for tests that know none but those without an `a`."""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType
from typing import Any


class Awaited:
    """Do what `MediaStorage` does, by its coroutines, each run to its end in one loop."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._runner = asyncio.Runner()

    def close(self) -> None:
        self._runner.close()

    def open(self, name: str, mode: str = "rb") -> AwaitedFile:
        return AwaitedFile(self._runner, self._runner.run(_await(self._storage.aopen(name, mode))))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._storage, f"a{name}")
        return lambda *arguments, **options: self._runner.run(found(*arguments, **options))


class AwaitedFile:
    def __init__(self, runner: asyncio.Runner, file: Any) -> None:
        self._runner, self._file = runner, file

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._file, f"a{name}")
        return lambda *arguments: self._runner.run(found(*arguments))

    def __enter__(self) -> AwaitedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._file.__aexit__(*sys.exc_info() if kind else (None, None, None)))


async def _await(opening: Any) -> Any:
    return await opening
