"""Copying from a store to its own mirror, while files are saved and deleted: what differs is looked at again before it counts.

Two listings of stores that change are never of one moment. So what is there and different may be a file on its way, or one
that the mirror missed, and is looked at again. It is replaced if it is known to be older, or unfinished: by a note, or by
its mark. Else it is another file, of somebody who saved it where the mirror is the store, and a conflict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from holdall.bulk.entries import Entry, Spool, side_by_side
from holdall.bulk.places import Place, Store, Trouble, bucket_of, is_one
from holdall.bulk.work import WORKERS, mapped
from holdall.environment import buckets
from holdall.environment.buckets import Bucket
from holdall.errors import HoldallError, InvalidName, StoreFailed
from holdall.fork.storage import ForkedStorage
from holdall.providers import recognise
from holdall.s3 import owed
from holdall.s3.begun import mark_of_copy
from holdall.s3.deleting import Seen
from holdall.s3.owed import Owed
from holdall.storage import MediaStorage
from holdall.storage.mirror import Mirror, place_of
from holdall.storage.objects import prefix_of

if TYPE_CHECKING:
    from holdall.bulk.plan import Plan

# Whoever wrote this lately may still be bringing the mirror up; it is waited for so often, a little longer each time.
LATELY = timedelta(minutes=2)
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
# More that differs than this is no race but not copied yet: it is looked at without waiting, and beyond the second not at all.
FEW, MANY = 100, 1_000
# A note that is older belongs to no deletion that is still under way.
SETTLED_AFTER = timedelta(minutes=10)
# The clocks of two stores differ by no more than this.
CLOCKS = timedelta(minutes=1)
OTHER = "is there now, with other content"
# What differs, looked at again: both have it by now, or the mirror has less, or what is older.
SETTLED, MISSED = "settled", "missed"


class Live:
    """A store and its mirror."""

    def __init__(self, own: Any, mirror: Mirror) -> None:
        self.own, self.mirror = own, mirror
        # What the mirror may have missed: name -> when that was noted last.
        self.noted: dict[str, datetime] = {}
        # What may have arrived there late: name -> the marks of those saves.
        self.late: dict[str, set[str]] = {}
        # What this store may have missed while the mirror was the store: name -> when that was noted last.
        self.noted_there: dict[str, datetime] = {}
        self._notes: list[Owed] = []

    @classmethod
    def of(cls, source: Place, destination: Place) -> Live | None:
        """Say whether one place is the mirror of the other, by its variables or by what the store says; None if it is not.

        Requests: none if the variables name a mirror; else one GET.
        """
        if not (isinstance(source, Store) and isinstance(destination, Store)):
            return None
        own, there = source.storage, destination.storage
        if isinstance(own, ForkedStorage) or isinstance(there, ForkedStorage):
            return None
        if own.mirror is not None:
            return cls(own, own.mirror) if is_one(own.mirror.storage, there) else None
        said = owed.told(own.store, prefix_of(own))
        if said and _is_told(said, there):
            return cls(own, Mirror.between(own, there))
        return None

    # -- the plan

    def settle(self, plan: Plan, workers: int) -> None:
        """Take out of a plan what is on its way, or there by now, and add what the mirror missed.

        Requests: the notes of both; two HEAD for each name that differs, and more for one that was written lately.
        """
        self._read_notes(lambda name: name.startswith(plan.prefix))
        behind = {name for name, is_behind in mapped(self._judge_own, sorted(self.noted_there), workers) if is_behind}
        conflicts, there = plan.conflicts, plan.there
        plan.conflicts, plan.there = Spool(), Spool()
        plan.in_conflict = type(plan.in_conflict)()
        for (entry, other), verdict in self._judged(zip(conflicts, there, strict=True), len(conflicts), workers):
            if verdict == SETTLED:
                plan.same.add(entry.size_bytes)
            elif verdict == MISSED:
                plan.missed.append(entry.name)
            elif entry.name not in behind:
                plan.conflicts.append(entry)
                plan.there.append(other)
                plan.in_conflict.add(entry.size_bytes)
        steps, plan.steps = plan.steps, Spool()
        plan.to_copy = type(plan.to_copy)()
        pairs = ((entry, None) for entry in steps)
        for (entry, _), verdict in self._judged(pairs, len(steps), workers):
            if verdict == SETTLED:
                plan.same.add(entry.size_bytes)
            elif entry.name not in behind:
                plan.steps.append(entry)
                plan.to_copy.add(entry.size_bytes)
        names = sorted((self.noted.keys() | self.late.keys()) - {*plan.missed} - behind)
        pauses = _pauses(len(names))
        outdated = mapped(lambda name: (name, self._is_outdated(name, pauses)), names, workers)
        for name in (name for name, is_outdated in outdated if is_outdated):
            plan.missed.append(name)
        plan.troubles[:] = [one for one in plan.troubles if not self._is_over(one.name)]
        plan.troubles += [Trouble(name, self._told_behind()) for name in sorted(behind)]

    def _read_notes(self, is_asked_for: Callable[[str], bool]) -> None:
        known = {note.key for note in self._notes}
        for note in owed.entries(self.own.store, prefix_of(self.own)):
            names = [name for name in note.names if is_asked_for(name)]
            for name in names:
                if note.mark:
                    self.late.setdefault(name, set()).add(note.mark)
                else:
                    self.noted[name] = max(note.written, self.noted.get(name, note.written))
            if len(names) == len(note.names) and note.key not in known:
                # Others are for who copies all of their names.
                self._notes.append(note)
        there = self.mirror.storage
        for note in owed.entries(there.store, prefix_of(there)):
            for name in note.names if not note.mark else ():
                if is_asked_for(name):
                    self.noted_there[name] = max(note.written, self.noted_there.get(name, note.written))

    def _is_over(self, name: str) -> bool:
        try:
            return self.is_settled(name)
        except InvalidName:
            # An object whose key no storage can name. It stays left out, and stops nothing else.
            return False

    def _judge_own(self, name: str) -> tuple[str, bool]:
        return name, self._is_behind(name)

    def _is_behind(self, name: str) -> bool:
        """Say whether this store, and not the mirror, has what was deleted or replaced while the mirror was the store."""
        here = self.own.look_at_own(name)
        noted = self.noted_there[name]
        if here is None or _time_of(here) > noted + CLOCKS or self.noted.get(name, noted) > noted:
            return False
        return not self.is_settled(name)

    def _told_behind(self) -> str:
        here, there = self.own.store.where(), self.mirror.storage.store.where()
        return (
            f"was deleted or replaced in {there}, while that was the store, and {here} missed it. It was not copied back. "
            "Copy it from there to here, with an env file for each of the two, and then run this again"
        )

    def _judged(
        self, pairs: Iterable[tuple[Entry, Any]], count: int, workers: int
    ) -> Iterator[tuple[tuple[Entry, Any], str]]:
        """Say of each whether it is `SETTLED`, `MISSED`, or neither."""
        pauses = _pauses(count)

        def judge(pair: tuple[Entry, Any]) -> tuple[tuple[Entry, Any], str]:
            name = pair[0].name
            if count > MANY and name not in self.noted and name not in self.late:
                return pair, ""
            if self.is_settled(name, pauses):
                return pair, SETTLED
            return pair, MISSED if self._is_older_there(name) else ""

        return mapped(judge, pairs, workers)

    def _is_outdated(self, name: str, pauses: Sequence[float]) -> bool:
        """Say whether the mirror still has what was deleted, or replaced before the time that a plan asks about."""
        # Its deletion may be under way.
        now = datetime.now(UTC)
        is_young = now - self.noted.get(name, now) < LATELY
        return not self.is_settled(name, pauses if is_young else ()) and self._is_older_there(name)

    def _is_older_there(self, name: str) -> bool:
        """Say whether the mirror's file is known to be older than the store's, or a part of it. Two HEAD.

        What was saved there since its name was noted is not made good.
        """
        here, there = self.own.look_at_own(name), self.mirror.storage.look_at_own(name)
        if there is None:
            return False
        if here is not None and there.mark in _marks(name, here):
            # It reserves the name for this very file, for a process that was ended before it sent the rest.
            return True
        noted = self.noted.get(name)
        return there.mark in self.late.get(name, ()) or (noted is not None and _time_of(there) <= noted + CLOCKS)

    # -- one name

    def is_settled(self, name: str, pauses: Sequence[float] | None = None) -> bool:
        """Say whether both have the same file of a name, or neither has one; or somebody is just writing it.

        Requests: two HEAD; of a file that was written a moment ago more.
        """
        pauses = PAUSES_SECONDS if pauses is None else pauses
        here = self.own.look_at_own(name)
        for pause in (*pauses, None):
            there = self.mirror.storage.look_at_own(name)
            if _is_same(name, here, there):
                return True
            if pause is None or (here is not None and datetime.now(UTC) - _time_of(here) > LATELY):
                return False
            time.sleep(pause)
            now = self.own.look_at_own(name)
            if pause == pauses[-1] and now != here:
                # Written again and again: each of those who do it brings the mirror up.
                return True
            here = now
        return False

    def size_of(self, name: str) -> int:
        """Give the length of a file of the store; of one that is gone 0. One HEAD."""
        here = self.own.look_at_own(name)
        return 0 if here is None else here.size_bytes

    def bring_up(self, name: str) -> HoldallError | None:
        """Make the mirror's file of a name what the store has now; what it has no more goes into the mirror's trash."""
        try:
            if not self.is_settled(name, ()):
                self.mirror.bring(name)
        except HoldallError as failure:
            return failure
        return None

    # -- after the copying

    def resolve(self, name: str) -> HoldallError | None:
        """Bring up a name that was taken, or whose file was changed, since the plan was made.

        Gives the failure; also if the mirror has another file by now, which is not known to be older.
        """
        try:
            if self.is_settled(name):
                return None
            if self.mirror.storage.look_at_own(name) is None or self._is_older_there(name):
                return self.bring_up(name)
            # Whoever wrote it may have been ended since the notes were read.
            # Of this one alone: the note of another name stays until that was looked at.
            self._read_notes(lambda noted: noted == name)
            return self.bring_up(name) if self._is_older_there(name) else StoreFailed(OTHER)
        except HoldallError as failure:
            return failure

    def bring_up_all(self, names: Iterable[str], workers: int = WORKERS) -> list[Trouble]:
        """Bring up many names, and say what went wrong with which."""
        done = mapped(lambda name: (name, self.bring_up(name)), names, workers)
        return [Trouble(name, str(failure)) for name, failure in done if failure is not None]

    def changed(self, plan: Plan) -> Iterator[str]:
        """Give the names that were copied and that the store has another file of by now, or none. One listing."""
        for step, now in side_by_side((entry for entry, _ in plan.deeds()), plan.listed("source")):
            if step is not None and (now is None or now.etag != step.etag):
                yield step.name

    def clear(self, failed: Iterable[str]) -> None:
        """Take away the notes whose deletions are over, and whose files the mirror has as they are. One DELETE each."""
        open_names = {*failed}
        for note in self._notes:
            if datetime.now(UTC) - note.written > SETTLED_AFTER and not open_names & {*note.names}:
                owed.settle(self.own.store, note.key)


def _is_told(said: Mapping[str, str], there: MediaStorage) -> bool:
    """Say whether a store is the one that another store says is its mirror, by whichever address of its bucket."""
    if said.get("location") != place_of(there)["location"]:
        return False
    address = said.get("address", "")
    folder = "" if "://" in address else address
    known = (address,) if address and not folder else ()
    provider = recognise(address if known else None)[0]
    return buckets.is_same(Bucket(provider, said.get("bucket_name", ""), known, folder), bucket_of(there))


def _pauses(count: int) -> Sequence[float]:
    """Say how long to wait, each time, for those that may be writing one of so many files."""
    return PAUSES_SECONDS if count <= FEW else ()


def _is_same(name: str, here: Seen | None, there: Seen | None) -> bool:
    if here is None or there is None:
        return here is there
    if here.size_bytes != there.size_bytes:
        return False
    return there.mark in _marks(name, here) or here.etag == there.etag


def _marks(name: str, here: Seen) -> set[str]:
    """Give the marks that the mirror's copy may have: of the save, of a file without one its ETag, or of `copy`."""
    etag = here.etag.strip('"')
    return {here.mark or etag, mark_of_copy(name, here.size_bytes, etag)}


def _time_of(seen: Seen) -> datetime:
    return datetime.fromisoformat(seen.modified)
