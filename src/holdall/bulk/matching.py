"""Walk through the pages of a listing and the names of rows side by side, and give what only one of them has.

A million names are compared by the page, as sets, because a step for each costs as much as the listing itself.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, TypeVar

from holdall.bulk.entries import Spool, in_order, is_rising
from holdall.bulk.inventory import Found, Page
from holdall.bulk.references import Pair

# So many of what only one of them has are held in memory.
HELD = 1_000
Named = TypeVar("Named", bound=tuple[Any, ...])
_name = itemgetter(0)


class Rows:
    """The names of rows, handed out as far as the listing has come."""

    def __init__(self, batches: Iterator[list[Pair]]) -> None:
        self._batches = batches
        self._batch: list[Pair] = []
        self._at = 0

    def up_to(self, name: str) -> Iterator[list[Pair]]:
        """Give what was not given yet, up to a name and with it, bit by bit."""
        while self._at < len(self._batch) or self._turn():
            end = bisect_right(self._batch, name, self._at, key=_name)
            if end > self._at:
                yield self._batch[self._at : end]
                self._at = end
            if end < len(self._batch):
                return

    def _turn(self) -> bool:
        self._batch, self._at = next(self._batches, []), 0
        return bool(self._batch)

    def rest(self) -> Iterator[list[Pair]]:
        """Give all that was not given yet."""
        if self._at < len(self._batch):
            yield self._batch[self._at :]
        yield from self._batches


class Match:
    """What a listing and the rows have apart from each other. The pages are offered one after the other.

    `finish` gives the files that no row names, and the rows' names that no file has, both in order.
    """

    def __init__(self, batches: Iterator[list[Pair]]) -> None:
        self._rows = Rows(batches)
        self._last = ""
        self._unreferenced, self._unmatched = Spool[Found](held=HELD), Spool[Pair](held=HELD)
        # What a server that does not list by bytes gives too late.
        self._late = Spool[Found](held=HELD)

    def offer(self, page: Page) -> None:
        """Compare a page with the rows that are named so far."""
        names = page.names
        if self._last <= names[0] and is_rising(names):
            self._compare(page)
            return
        for name, entry in zip(names, page.entries, strict=True):
            if name < self._last:
                self._late.append(Found.of(name, entry))
            else:
                self._compare(Page([name], [entry]))

    def _compare(self, page: Page) -> None:
        names = page.names
        here, named = set(names), set[str]()
        self._last = names[-1]
        for some in self._rows.up_to(self._last):
            found = here.intersection(map(_name, some))
            named |= found
            if len(found) < len(some):
                self._unmatched.extend([pair for pair in some if pair[0] not in here])
        if len(named) < len(here):
            self._unreferenced.extend(
                [Found.of(name, entry) for name, entry in zip(names, page.entries, strict=True) if name not in named]
            )

    def finish(self) -> tuple[Iterable[Found], Iterable[Pair]]:
        """Give the files that no row names, and the rows' names that no file has."""
        for some in self._rows.rest():
            self._unmatched.extend(some)
        unreferenced, unmatched = self._unreferenced, self._unmatched
        if not len(self._late):
            return unreferenced, unmatched
        # A name of a row whose file came too late was not matched, so it is found among those.
        everything = Spool[Found](held=HELD)
        for one in heapq.merge(unreferenced, in_order(self._late, _name), key=_name):
            everything.append(one)
        return (
            Spool.of(unnamed(everything, iter(unmatched)), held=HELD),
            Spool.of(unnamed(unmatched, ((one.name, 0) for one in everything)), held=HELD),
        )


def unnamed(files: Iterable[Named], pairs: Iterator[Pair]) -> Iterator[Named]:
    """Give those files, or whatever else begins with a name, that no pair names; both are in order. All pairs are taken."""
    pair = next(pairs, None)
    for one in files:
        name = one[0]
        while pair is not None and pair[0] < name:
            pair = next(pairs, None)
        if pair is None or pair[0] != name:
            yield one
    for _ in pairs:
        pass
