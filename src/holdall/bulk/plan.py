"""What copying would do: a plan, made by one walk through both places side by side."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from holdall.bulk.entries import Entry, OutOfOrder, Spool, Stretch, checked, in_order, order_of, side_by_side
from holdall.bulk.live import Live
from holdall.bulk.places import Place, Store, Trouble
from holdall.bulk.proof import is_same
from holdall.bulk.work import WORKERS, mapped
from holdall.errors import BucketNotFound, CredentialsRefused, HoldallError, StoreUnreachable

# After these nothing else could be compared.
_FATAL = (BucketNotFound, CredentialsRefused, StoreUnreachable)


@dataclass
class Count:
    """How many files, and how long they are together."""

    files: int = 0
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Count one more."""
        self.files += 1
        self.size_bytes += size_bytes


@dataclass
class Plan:
    """What copying would do. Steps and conflicts are kept outside of the memory where they are many."""

    source: Place
    destination: Place
    prefix: str = ""
    # Whether what is in conflict is replaced; else it is left.
    replaces: bool = False
    # The sides, "source" and "destination", that do not list in order.
    sorted_sides: set[str] = field(default_factory=set)
    steps: Spool[Entry] = field(default_factory=Spool)
    conflicts: Spool[Entry] = field(default_factory=Spool)
    # What the destination has in the place of each conflict.
    there: Spool[Entry] = field(default_factory=Spool)
    # Whether the destination is the source's mirror, which others write to meanwhile; and what that missed.
    live: Live | None = None
    missed: Spool[str] = field(default_factory=Spool)
    # What the source has and cannot be copied.
    troubles: list[Trouble] = field(default_factory=list)
    to_copy: Count = field(default_factory=Count)
    same: Count = field(default_factory=Count)
    in_conflict: Count = field(default_factory=Count)
    # What only the destination has, and keeps.
    only_there: Count = field(default_factory=Count)
    # Of the names, those that this is about; None: all.
    stretch: Stretch | None = None

    @property
    def all_to_do(self) -> Count:
        """What is copied in the end, with what replaces another file."""
        files, size_bytes = self.to_copy.files + len(self.missed), self.to_copy.size_bytes
        if not self.replaces:
            return Count(files, size_bytes)
        return Count(files + self.in_conflict.files, size_bytes + self.in_conflict.size_bytes)

    def deeds(self) -> Iterator[tuple[Entry, Entry | None]]:
        """Give what is to be copied, each file with the one that it replaces, in the order of the names' bytes."""
        fresh: Iterator[tuple[Entry, Entry | None]] = ((step, None) for step in self.steps)
        replacing = zip(self.conflicts, self.there, strict=True) if self.replaces else iter(())
        return heapq.merge(fresh, replacing, key=lambda deed: order_of(deed[0].name))

    def is_known_conflict(self, one: Entry, other: Entry) -> bool:
        """Say whether two files were compared before, and differ."""
        return False

    def listed(self, side: str) -> Iterator[Entry]:
        """Give the files of a side in the order of their names' bytes.

        Raises:
            OutOfOrder: with the side's name; it belongs in `sorted_sides`.
        """
        place: Place = getattr(self, side)
        if side in self.sorted_sides:
            yield from in_order(place.entries(self.prefix, self.stretch), lambda entry: order_of(entry.name))
            return
        try:
            yield from checked(place.entries(self.prefix, self.stretch))
        except OutOfOrder:
            raise OutOfOrder(side) from None


def make(
    source: Place,
    destination: Place,
    *,
    prefix: str = "",
    since: datetime | None = None,
    workers: int = WORKERS,
    replaces: bool = False,
) -> Plan:
    """Compare two places and say what copying would do. Changes nothing. `replaces`: what is in conflict is replaced.

    Requests: the listings of both, one for each 1,000 files; for a file that both have and whose ETags do not tell
    whether it is the same, those that read it. Of a store and its mirror those of `holdall.bulk.live.Live.settle`.

    Raises:
        HoldallError: a place cannot be listed.
    """
    sides: set[str] = set()
    while True:
        try:
            planned = compared(Plan(source, destination, prefix, replaces, sorted_sides=sides), since, workers)
        except OutOfOrder as side:
            sides.add(str(side))
        else:
            planned.live = Live.of(source, destination)
            if planned.live is not None:
                planned.live.settle(planned, workers)
            planned.troubles += planned.source.troubles
            return planned


def compared(plan: Plan, since: datetime | None, workers: int) -> Plan:
    """Compare the places of a plan, and fill it.

    Raises:
        OutOfOrder: a side does not list in order; it belongs in the `sorted_sides` of a new plan.
        HoldallError: a place cannot be listed.
    """

    def judged(pair: tuple[Entry | None, Entry | None]) -> tuple[Entry | None, Entry | None, str]:
        one, other = pair
        if one is None:
            return one, other, "only there"
        if since is not None and (one.modified is None or one.modified < since):
            return one, other, "older"
        if other is None:
            return one, other, "to copy"
        if plan.is_known_conflict(one, other):
            return one, other, "in conflict"
        try:
            if is_same(plan.source, one, plan.destination, other):
                return one, other, "same"
        except _FATAL:
            raise
        except (HoldallError, OSError) as failure:
            # Deleted or replaced meanwhile, or not to be read.
            return one, other, f"could not be compared: {getattr(failure, 'strerror', None) or failure}"
        # It looks like one that an earlier run reserved, and was ended before it was filled. Its mark shows whose it is,
        # and is looked at before anything is written over it.
        is_reservation = isinstance(plan.destination, Store) and other.size_bytes == 0 < one.size_bytes
        return one, other, "to copy" if is_reservation else "in conflict"

    for one, other, verdict in mapped(
        judged,
        side_by_side(plan.listed("source"), plan.listed("destination")),
        workers,
        is_quick=lambda pair: None in pair,
    ):
        if verdict == "only there" and other is not None:
            plan.only_there.add(other.size_bytes)
        elif one is None or verdict == "older":
            continue
        elif verdict == "same":
            plan.same.add(one.size_bytes)
        elif verdict == "in conflict" and other is not None:
            plan.conflicts.append(one)
            plan.there.append(other)
            plan.in_conflict.add(one.size_bytes)
        elif verdict != "to copy":
            plan.troubles.append(Trouble(one.name, f"{verdict}. Look at it, and run again"))
        elif reason := plan.destination.refuses(one.name):
            plan.troubles.append(Trouble(one.name, reason))
        else:
            plan.steps.append(one)
            plan.to_copy.add(one.size_bytes)
    return plan
