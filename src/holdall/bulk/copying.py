"""Carry out a plan: copy each file to where nobody has its name, and prove of each what the destination stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import NamedTuple

from holdall.amounts import as_count
from holdall.bulk.copier import Copier, Deed
from holdall.bulk.entries import Entry, Spool
from holdall.bulk.live import Live
from holdall.bulk.places import Folder, Trouble
from holdall.bulk.plan import Count, Plan
from holdall.bulk.proof import is_same
from holdall.bulk.verdict import Copied, Verdict, verified
from holdall.bulk.wired import WIRED_BYTES
from holdall.bulk.work import WORKERS, mapped
from holdall.errors import HoldallError, NameTaken

# So many small files, or so many bytes of others, are one piece of work; and so many pieces are begun before the first is done.
GROUP = 128
AHEAD = 32
GROUP_BYTES = 1024 * 1024


class Outcome(NamedTuple):
    """What became of a plan."""

    copied: Count
    # Those among them of which the destination tells the length, and nothing that is made of the bytes.
    unproven: Spool[str]
    # What was taken by another file since the plan was made.
    conflicts: list[str]
    failures: list[Trouble]
    # How often the store was too busy.
    slowed: int
    # Why no other file would fare better; empty if one might.
    fatal: str = ""


def apply(
    plan: Plan, *, workers: int = WORKERS, report: Callable[[Entry, Copied | Trouble], object] = lambda step, done: None
) -> Outcome:
    """Carry out exactly this plan, and verify it. What is in the way is left, and named, unless the plan replaces it.

    Requests: for a small file one PUT. For a large one those of `NewObject.create`. From store to store a GET and a
    PUT for a small file, and for one that the store copies by itself a GET and those of `StoreCopies.copy`.
    Afterwards the destination is listed once, one request for each 1,000 files.
    """
    if isinstance(plan.destination, Folder):
        for left in plan.destination.unfinished:
            left.unlink(missing_ok=True)
    copier = Copier(plan.source, plan.destination, workers)
    expected: Spool[Copied] = Spool()
    conflicts: list[str] = []
    failures: list[Trouble] = []
    # What whoever changed it has brought there.
    settled = Count()
    untried = 0
    groups = mapped(
        copier.copy_all, _grouped(plan.deeds()), workers, ended=copier.pace.ended, ahead=max(AHEAD, workers)
    )
    with closing(copier), closing(groups):
        for step, done in chain.from_iterable(groups):
            if done is None:
                untried += 1
                continue
            if plan.live is not None and isinstance(done, (NameTaken, Trouble)) and copier.fatal is None:
                # Somebody else was there first, or has changed it since: that is what the mirror gets.
                failure = plan.live.resolve(step.name)
                if failure is None:
                    settled.add(step.size_bytes)
                    report(step, Trouble(step.name, ""))
                    continue
                done = done if isinstance(done, NameTaken) else Trouble(step.name, str(failure))
            if isinstance(done, NameTaken) and _is_there_by_now(plan, step):
                # Somebody else has copied it.
                settled.add(step.size_bytes)
                report(step, Trouble(step.name, ""))
                continue
            if isinstance(done, NameTaken):
                conflicts.append(step.name)
                done = Trouble(step.name, "is there now, with other content")
            elif isinstance(done, Trouble):
                failures.append(done)
            else:
                expected.append(done)
            report(step, done)
    if untried:
        failures.append(Trouble(f"{untried:,} more", f"were not tried: {copier.fatal}"))
    try:
        verdict = verified(plan, expected)
    except HoldallError as failure:
        verdict = Verdict()
        failures.append(Trouble(as_count(len(expected), "file"), f"sent, but could not be verified: {failure}"))
    if plan.live is not None:
        _follow_up(plan, plan.live, verdict, failures, workers)
    verdict.count.files += settled.files
    verdict.count.size_bytes += settled.size_bytes
    fatal = str(copier.fatal or "")
    return Outcome(verdict.count, verdict.unproven, conflicts, [*failures, *verdict.wrong], copier.pace.slowed, fatal)


def _is_there_by_now(plan: Plan, step: Entry) -> bool:
    """Say whether a name that is taken has the very file. Two HEAD, and as many requests as comparing them takes."""
    try:
        here, there = (place.look(step.name) for place in (plan.source, plan.destination))
        return is_same(plan.source, here, plan.destination, there)
    except (HoldallError, OSError):
        return False


def _follow_up(plan: Plan, live: Live, verdict: Verdict, failures: list[Trouble], workers: int) -> None:
    """Bring up what the mirror missed, and what changed while it was copied. One listing of the store."""
    wrong, verdict.wrong = verdict.wrong, []
    try:
        left = live.bring_up_all(dict.fromkeys([*plan.missed, *live.changed(plan)]), workers)
        left += [Trouble(one.name, str(failure)) for one in wrong if (failure := live.resolve(one.name)) is not None]
    except HoldallError as failure:
        failures += [*wrong, Trouble("What changed meanwhile", f"could not be repeated: {failure}")]
        return
    not_done = {one.name for one in left}
    for name in {*plan.missed, *(one.name for one in wrong)} - not_done:
        verdict.count.add(live.size_of(name))
    failures += left
    live.clear(one.name for one in failures)


def _grouped(deeds: Iterable[Deed]) -> Iterator[list[Deed]]:
    """Put small files together: a thread for each would cost as much as sending it."""
    group: list[Deed] = []
    size_bytes = 0
    for deed in deeds:
        group.append(deed)
        # What goes on the wire goes at the same time.
        size_bytes += deed[0].size_bytes if deed[0].size_bytes > WIRED_BYTES else 0
        if len(group) >= GROUP or size_bytes >= GROUP_BYTES:
            yield group
            group, size_bytes = [], 0
    if group:
        yield group
