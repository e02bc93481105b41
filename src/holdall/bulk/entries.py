"""What a place holds, one entry a file, in one order; however many, in bounded memory.

Two places are compared by one walk through both, side by side, so both must come in one order: that of the names' UTF-8
bytes, which is also how S3 lists. A server that does not (SeaweedFS goes folder by folder) is noticed, and its entries are
sorted first, outside of the memory.
"""

from __future__ import annotations

import heapq
import pickle
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from operator import le
from typing import Any, Generic, NamedTuple, TypeVar

from holdall.storage.batches import batched

T = TypeVar("T")
# So many are held in memory at a time; one takes about 300 bytes.
HELD = 50_000
# So many are written at a time.
BATCH = 1_000


class Entry(NamedTuple):
    """One file of a place."""

    name: str
    size_bytes: int
    # When it was saved there; None where that is not told.
    modified: datetime | None
    # What the store says of the bytes, without quotes: the MD5 of a file that was sent in one piece, at most stores.
    etag: str = ""


class Stretch(NamedTuple):
    """The names between two others, in the order of their bytes: those after the first, up to the last and with it."""

    after: str
    last: str

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and order_of(self.after) < order_of(name) <= order_of(self.last)


class OutOfOrder(Exception):
    """A place does not give its files in the order of their bytes."""


def order_of(name: str) -> bytes:
    """Give what names are ordered by."""
    return name.encode()


def checked(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Give the entries as they come, as long as they come in order.

    Raises:
        OutOfOrder: they do not.
    """
    last = b""
    for entry in entries:
        here = order_of(entry.name)
        if here < last:
            raise OutOfOrder
        last = here
        yield entry


def in_order(entries: Iterable[T], key: Callable[[T], Any]) -> Iterator[T]:
    """Sort entries in bounded memory: what is more than is held is kept in temporary files, where there can be any."""
    runs: list[Iterable[T]] = []
    for held in batched(entries, HELD):
        run: Spool[T] = Spool(held=0 if runs else HELD)
        for entry in sorted(held, key=key):
            run.append(entry)
        runs.append(run)
    return heapq.merge(*runs, key=key)


def spooled(batches: Iterable[list[T]], key: Callable[[T], Any]) -> Iterator[list[T]]:
    """Take all batches at once, and give them in order: what came in order as it is, and the rest sorted in between.

    Whoever hands them out is soon free again, and memory stays bounded. No batch is empty.
    """
    straight: Spool[T] = Spool(held=BATCH)
    late: Spool[T] = Spool(held=BATCH)
    last = None
    for some in filter(None, batches):
        keys = list(map(key, some))
        if (last is None or last <= keys[0]) and is_rising(keys):
            straight.extend(some)
            last = keys[-1]
            continue
        for entry, here in zip(some, keys, strict=True):
            if last is not None and here < last:
                late.append(entry)
            else:
                straight.append(entry)
                last = here
    if not len(late):
        return straight.batches()
    return batched(heapq.merge(straight, in_order(late, key), key=key), BATCH)


def is_rising(keys: Sequence[Any]) -> bool:
    """Say whether keys are in order; equal ones are."""
    return all(map(le, keys, islice(keys, 1, None)))


def merged(streams: Sequence[Iterator[list[T]]], key: Callable[[T], Any]) -> Iterator[list[T]]:
    """Give as one stream, in order, what several streams of batches give in order."""
    heads = [(batch, stream) for stream in streams if (batch := next(stream, []))]
    while len(heads) > 1:
        # Up to there every stream has given all that it has.
        bound = min(key(batch[-1]) for batch, _ in heads)
        some, rest = list[T](), []
        for batch, stream in heads:
            end = bisect_right(batch, bound, key=key)
            some += batch[:end]
            if left := batch[end:] or next(stream, []):
                rest.append((left, stream))
        # Of runs that are in order, for which this is quick.
        some.sort(key=key)
        yield some
        heads = rest
    for batch, stream in heads:
        yield batch
        yield from stream


class Spool(Generic[T]):
    """A list that is written once and read any number of times, kept in a temporary file when it grows.

    A machine without a place for temporary files keeps it in memory.
    """

    def __init__(self, *, held: int = HELD) -> None:
        self._held = held
        self._last: list[T] = []
        self._file: Any = None
        self._count = 0

    @classmethod
    def of(cls, items: Iterable[T], *, held: int = HELD) -> Spool[T]:
        """Make one of all these items."""
        made = cls(held=held)
        for item in items:
            made.append(item)
        return made

    def __len__(self) -> int:
        return self._count

    def append(self, item: T) -> None:
        self._last.append(item)
        self._count += 1
        if len(self._last) >= max(self._held, BATCH):
            self._write()

    def extend(self, items: list[T]) -> None:
        """Append several."""
        self._last += items
        self._count += len(items)
        if len(self._last) >= max(self._held, BATCH):
            self._write()

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="holdall-")  # noqa: SIM115  it lives as long as the list
                weakref.finalize(self, self._file.close)
        except OSError:
            # No folder for it: then memory has to do.
            self._held = 2 * len(self._last)
            return
        end = self._file.seek(0, 2)
        try:
            for some in batched(self._last, BATCH):
                pickle.dump(some, self._file, pickle.HIGHEST_PROTOCOL)
            self._file.flush()
        except OSError:
            # No room.
            self._file.truncate(end)
            self._held = 2 * len(self._last)
        else:
            self._last, self._held = [], BATCH

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self.batches())

    def batches(self) -> Iterator[list[T]]:
        """Give the items by the list, which is quicker where there are a million."""
        if self._file is not None:
            at, end = 0, self._file.seek(0, 2)
            while at < end:
                self._file.seek(at)
                some = pickle.load(self._file)  # noqa: S301  what this process wrote
                at = self._file.tell()
                yield some
        if self._last:
            yield list(self._last)


def side_by_side(here: Iterator[Entry], there: Iterator[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Walk through two places in one order: give each name once, with what either has of it."""
    one, other = next(here, None), next(there, None)
    while one is not None or other is not None:
        if other is None or (one is not None and order_of(one.name) < order_of(other.name)):
            yield one, None
            one = next(here, None)
        elif one is None or order_of(other.name) < order_of(one.name):
            yield None, other
            other = next(there, None)
        else:
            yield one, other
            one, other = next(here, None), next(there, None)
