"""Let the rows say a second time what they refer to, after the store was listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from holdall.bulk.entries import Spool
from holdall.bulk.inventory import Found
from holdall.bulk.matching import HELD
from holdall.bulk.nearest import Nearest
from holdall.bulk.references import Pair, References
from holdall.bulk.sources import Source

# So many names are held in memory, and then the rows need no order, which costs a database more than all the rest.
FEW = 20_000
_name = itemgetter(0)


class Missing(NamedTuple):
    """A name that rows refer to and that no object has."""

    name: str
    # Where the rows are, and how many of each.
    rows: tuple[tuple[Source, int], ...]
    nearest: str | None = None
    # In what the nearest one differs.
    differs: str | None = None


class Rereading:
    """What the rows refer to by now, of the files that none named and of the names that no file had.

    `gone` are the names that rows still have, with the rows, when all pairs were taken.
    """

    def __init__(self, rows: References, missing: Spool[str], nearest: Nearest) -> None:
        self._rows, self._missing, self._nearest = rows, missing, nearest
        self.gone = Spool[Missing](held=HELD)

    def pairs(self, candidates: Spool[Found]) -> Iterator[Pair]:
        """Give names of rows in order, at least those that one of these files has.

        Raises:
            RowsUnknown: as `References.pairs`.
        """
        if len(candidates) + len(self._missing) <= FEW:
            return self._of_few({*self._missing, *(one.name for one in candidates)})
        return self._noting() if len(self._missing) else chain.from_iterable(self._rows.pairs())

    def _of_few(self, wanted: set[str]) -> Iterator[Pair]:
        noted: dict[str, Counter[int]] = {}
        for some in self._rows.batches():
            names = list(map(_name, some))
            if len(self._missing):
                self._nearest.consider(names)
            if found := wanted.intersection(names):
                for name, place in some:
                    if name in found:
                        noted.setdefault(name, Counter())[place] += 1
        for name in self._missing:
            self._note(name, noted.get(name, Counter()))
        return iter([(name, 0) for name in sorted(noted)])

    def _noting(self) -> Iterator[Pair]:
        absent = iter(self._missing)
        lacking = next(absent, None)
        # The rows of a name may come in two batches.
        its = Counter[int]()
        for some in self._rows.pairs():
            there = list[str]()
            for name, place in some:
                while lacking is not None and lacking < name:
                    self._note(lacking, its)
                    its, lacking = Counter(), next(absent, None)
                if name == lacking:
                    its[place] += 1
                else:
                    there.append(name)
            self._nearest.consider(there)
            yield from some
        if lacking is not None:
            self._note(lacking, its)

    def _note(self, name: str, its: Counter[int]) -> None:
        sources, expected = self._rows.sources, self._rows.expected
        if any(expected[place] for place in its):
            self.gone.append(Missing(name, tuple((sources[place], number) for place, number in sorted(its.items()))))

    def missing(self) -> Iterable[Missing]:
        """Give the names that rows still have and no file has, each with the name that was probably meant."""
        for one in self.gone:
            near = self._nearest.of(one.name)
            yield one if near is None else one._replace(nearest=near[0], differs=near[1])
