"""A plan in pieces, each of which one worker carries out: here, or on another machine, and again if it did not come back.

A shard is a stretch of the plan, in the order of the names' bytes, and says of each file what the plan says. To carry it
out twice, even at the same time, does no harm: whoever carries it out looks first at what the destination has of it by
now, every write is conditional, and what an earlier attempt began is known by its mark.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from holdall.bulk import copying
from holdall.bulk.copier import Deed
from holdall.bulk.entries import Entry, OutOfOrder, Stretch
from holdall.bulk.places import Place, Store, Trouble
from holdall.bulk.plan import Count, Plan, compared
from holdall.bulk.proof import is_same
from holdall.bulk.verdict import Copied
from holdall.bulk.work import WORKERS
from holdall.errors import HoldallError

# How many files are a shard: few enough that it is soon done again, and many enough that a listing is worth its request.
LEAST_FILES, MOST_FILES = 1_000, 10_000
# As many shards as this are aimed at, so that whoever is quick can do more of them.
SHARDS = 200
# A shard has no second file beyond this.
SHARD_BYTES = 1024**3


class Parcel(NamedTuple):
    """A shard as it is sent, and what is to be known of it meanwhile."""

    number: int
    files: int
    size_bytes: int
    first: str
    last: str
    content: str


class Shard(NamedTuple):
    """A stretch of a plan: its files, each with the one that it replaces."""

    number: int
    stretch: Stretch
    deeds: list[Deed]

    @property
    def size_bytes(self) -> int:
        return sum(step.size_bytes for step, _ in self.deeds)

    def packed(self) -> Parcel:
        """Write it as it is sent: text, in a twentieth of the memory. It names files, and no place."""
        written = [
            self.number,
            list(self.stretch),
            [[_written(step), there and _written(there)] for step, there in self.deeds],
        ]
        content = base64.b85encode(zlib.compress(json.dumps(written).encode(), 1)).decode()
        first, last = self.deeds[0][0].name, self.deeds[-1][0].name
        return Parcel(self.number, len(self.deeds), self.size_bytes, first, last, content)

    @classmethod
    def unpacked(cls, content: str) -> Shard:
        """Read what `packed` wrote."""
        number, stretch, deeds = json.loads(zlib.decompress(base64.b85decode(content)))
        return cls(number, Stretch(*stretch), [(_read(step), _read(there) if there else None) for step, there in deeds])


def cut(plan: Plan) -> Iterator[Shard]:
    """Cut a plan into shards, each when it is asked for: one is in memory at a time."""
    most_files = min(MOST_FILES, max(LEAST_FILES, plan.all_to_do.files // SHARDS))
    deeds: list[Deed] = []
    after, size_bytes, number = "", 0, 0
    for deed in plan.deeds():
        if deeds and (len(deeds) >= most_files or size_bytes + deed[0].size_bytes > SHARD_BYTES):
            last = deeds[-1][0].name
            yield Shard(number, Stretch(after, last), deeds)
            after, deeds, size_bytes, number = last, [], 0, number + 1
        deeds.append(deed)
        size_bytes += deed[0].size_bytes
    if deeds:
        yield Shard(number, Stretch(after, deeds[-1][0].name), deeds)


@dataclass
class Done:
    """What became of a shard."""

    copied: Count = field(default_factory=Count)
    unproven: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    failures: list[Trouble] = field(default_factory=list)
    slowed: int = 0
    # Why no other file would fare better; empty if one might.
    fatal: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether each of its files is in the destination."""
        return not (self.conflicts or self.failures)

    def as_message(self) -> dict[str, Any]:
        return vars(self) | {"copied": vars(self.copied), "failures": [list(one) for one in self.failures]}

    @classmethod
    def of_message(cls, message: dict[str, Any]) -> Done:
        failures = [Trouble(*one) for one in message["failures"]]
        return cls(**(message | {"copied": Count(**message["copied"]), "failures": failures}))


@dataclass
class _ShardPlan(Plan):
    """The plan of one shard: what is left of it to do."""

    shard: Shard = field(kw_only=True)
    # What the whole plan found in the place of a file that it replaces.
    replaced: dict[str, Entry] = field(default_factory=dict, kw_only=True)

    def listed(self, side: str) -> Iterator[Entry]:
        return (step for step, _ in self.shard.deeds) if side == "source" else super().listed(side)

    def is_known_conflict(self, one: Entry, other: Entry) -> bool:
        known = self.replaced.get(one.name)
        return known is not None and (known.size_bytes, known.etag, known.modified) == (
            other.size_bytes,
            other.etag,
            other.modified,
        )

    def deeds(self) -> Iterator[Deed]:
        """Replace exactly what the whole plan speaks of; anything else that is there by now is left."""
        for step, there in super().deeds():
            if there is None or self.is_known_conflict(step, there):
                yield step, there

    def left(self) -> Iterator[str]:
        """Name what is in conflict and is left."""
        for one, other in zip(self.conflicts, self.there, strict=True):
            if not self.is_known_conflict(one, other):
                yield one.name


def work(
    shard: Shard,
    source: Place,
    destination: Place,
    *,
    workers: int = WORKERS,
    report: Callable[[Entry, Copied | Trouble], object] = lambda step, done: None,
) -> Done:
    """Carry out a shard, or what is left of it, and verify it.

    Requests: two listings of its stretch of the destination, one before and one after, and those of `copying.apply`. A
    HEAD for each file that a store lists in another order.

    Raises:
        HoldallError: the destination cannot be listed.
    """
    planned = _planned(shard, source, destination, workers)
    outcome = copying.apply(planned, workers=workers, report=report)
    count = Count(
        outcome.copied.files + planned.same.files,
        outcome.copied.size_bytes + planned.same.size_bytes,
    )
    done = Done(count, list(outcome.unproven), slowed=outcome.slowed, fatal=outcome.fatal)
    done.failures = [*planned.troubles, *outcome.failures]
    steps = {step.name: step for step, _ in shard.deeds}
    for name in (*planned.left(), *outcome.conflicts):
        # Another attempt at the same shard may have been quicker.
        if _is_there(steps[name], source, destination):
            done.copied.add(steps[name].size_bytes)
        else:
            done.conflicts.append(name)
    return done


def _planned(shard: Shard, source: Place, destination: Place, workers: int) -> _ShardPlan:
    replaced = {step.name: there for step, there in shard.deeds if there is not None}
    sides: set[str] = set()
    while True:
        planned = _ShardPlan(
            source,
            destination,
            replaces=bool(replaced),
            sorted_sides=sides,
            stretch=shard.stretch,
            shard=shard,
            replaced=replaced,
        )
        try:
            compared(planned, None, workers)
        except OutOfOrder as side:
            sides.add(str(side))
        else:
            return planned


def _is_there(step: Entry, source: Place, destination: Place) -> bool:
    if not isinstance(destination, Store):
        return False
    try:
        return is_same(source, step, destination, destination.look(step.name))
    except (HoldallError, OSError):
        return False


def _written(entry: Entry) -> list[Any]:
    return [entry.name, entry.size_bytes, entry.modified and entry.modified.isoformat(), entry.etag]


def _read(written: Iterable[Any]) -> Entry:
    name, size_bytes, modified, etag = written
    return Entry(str(name), int(size_bytes), datetime.fromisoformat(modified) if modified else None, str(etag))
