"""What the destination says of what was sent: nothing counts as copied before it was listed again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from holdall.bulk.entries import Entry, OutOfOrder, Spool, side_by_side
from holdall.bulk.places import Folder, Place, Store, Trouble
from holdall.bulk.plan import Count, Plan
from holdall.errors import ObjectNotFound


class Copied(NamedTuple):
    """A file that was sent, and what the destination must say of it."""

    name: str
    size_bytes: int
    etag: str
    # Whether this ETag is made of the source's very bytes.
    is_proof: bool


class Verdict:
    """What the destination says of what was sent."""

    def __init__(self) -> None:
        self.count = Count()
        self.unproven: Spool[str] = Spool()
        self.wrong: list[Trouble] = []


def verified(plan: Plan, expected: Spool[Copied]) -> Verdict:
    """Compare what was sent with what the destination says that it has. One listing."""
    while True:
        verdict = Verdict()
        if not len(expected):
            return verdict
        listed = plan.listed("destination")
        try:
            for sent, stored in _beside(expected, listed):
                _judge(plan, sent, stored, verdict)
        except OutOfOrder as side:
            plan.sorted_sides.add(str(side))
        else:
            return verdict


def _beside(expected: Spool[Copied], listed: Iterator[Entry]) -> Iterator[tuple[Copied, Entry | None]]:
    each = iter(expected)
    sent = (Entry(one.name, one.size_bytes, None) for one in expected)
    for here, there in side_by_side(sent, listed):
        if here is not None:
            yield next(each), there


def _judge(plan: Plan, sent: Copied, stored: Entry | None, verdict: Verdict) -> None:
    if (
        plan.stretch
        and isinstance(plan.destination, Store)
        and not (stored and _agrees(plan.destination, sent, stored))
    ):
        # The listing of a stretch may lack what a store lists in another order.
        stored = _looked_at(plan.destination, sent.name)
    if stored is not None and _agrees(plan.destination, sent, stored):
        verdict.count.add(stored.size_bytes)
        if not sent.is_proof:
            verdict.unproven.append(sent.name)
    elif stored is not None or not _is_gone(plan.source, sent.name):
        # What is gone from both was deleted meanwhile, by whoever uses both.
        what = "is not there" if stored is None else "is not what was sent"
        verdict.wrong.append(Trouble(sent.name, f"{what} after it was copied. Look at it, and run again"))


def _agrees(destination: Place, sent: Copied, stored: Entry) -> bool:
    if isinstance(destination, Folder):
        return stored.size_bytes == sent.size_bytes
    return sent.size_bytes in {-1, stored.size_bytes} and stored.etag == sent.etag


def _looked_at(destination: Store, name: str) -> Entry | None:
    try:
        return destination.look(name)
    except ObjectNotFound:
        return None


def _is_gone(source: Place, name: str) -> bool:
    try:
        if isinstance(source, Folder):
            return not source.file(name).exists()
        source.look(name)
    except ObjectNotFound:
        return True
    return False
