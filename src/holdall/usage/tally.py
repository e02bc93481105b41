"""Count files by something, however many different things there are: exact, and in bounded memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from holdall.bulk.entries import Spool

Key: TypeAlias = tuple[str, ...]
Row: TypeAlias = tuple[Key, int, int]
# So many different things are held in memory; one takes about 400 bytes.
HELD = 20_000


@dataclass
class Count:
    """How many files, and their bytes."""

    files: int = 0
    size_bytes: int = 0

    def add(self, other: Count) -> None:
        self.files += other.files
        self.size_bytes += other.size_bytes


class Tally:
    """Files by a key. What is more than is held is kept sorted in temporary files, where there can be any."""

    def __init__(self, *, held: int = HELD) -> None:
        self._held = held
        self._counts: dict[Key, list[int]] = {}
        self._runs: list[Spool[Row]] = []

    def add(self, key: Key, size_bytes: int) -> None:
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= self._held:
                self._put_away()
            count = self._counts[key] = [0, 0]
        count[0] += 1
        count[1] += size_bytes

    def _put_away(self) -> None:
        run: Spool[Row] = Spool(held=0)
        for row in self._rows():
            run.append(row)
        self._runs.append(run)
        self._counts.clear()

    def _rows(self) -> list[Row]:
        return [(key, files, size_bytes) for key, (files, size_bytes) in sorted(self._counts.items())]

    def __iter__(self) -> Iterator[tuple[Key, Count]]:
        """Give each key once, with its count, in the order of the keys."""
        rows = heapq.merge(*self._runs, self._rows())
        for key, same in groupby(rows, key=itemgetter(0)):
            count = Count()
            for _, files, size_bytes in same:
                count.add(Count(files, size_bytes))
            yield key, count
