"""Move the orphans of a report into the trash: each is looked at again right before, and brought back if a row comes after all.

Nothing is deleted. Files are moved in groups: before each group, and again when it was moved, all rows and registered
functions are asked whether they refer to one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from holdall.bulk import trash
from holdall.bulk.audit import RESOLUTION, refuse_static_files
from holdall.bulk.entries import Spool
from holdall.bulk.inventory import Found
from holdall.bulk.places import Trouble
from holdall.bulk.plan import Count
from holdall.bulk.references import References
from holdall.bulk.tables import RowsUnknown
from holdall.bulk.work import FATAL, WORKERS, Pace, mapped
from holdall.errors import HoldallError, NameTaken, ObjectNotFound, WriteRefused
from holdall.fork.ownership import owner_of
from holdall.fork.storage import ForkedStorage
from holdall.s3.trash import Trashed, new_key
from holdall.storage import MediaStorage
from holdall.storage.batches import batched
from holdall.storage.objects import prefix_of, site_of

# So many are looked at, and moved, between two questions to the databases.
GROUP = 1_000


@dataclass
class Tidied:
    """What became of the orphans of a report."""

    moved: Count = field(default_factory=Count)
    trashed: Spool[Trashed] = field(default_factory=lambda: Spool(held=GROUP))
    # What is where it was, and why.
    left: Spool[Trouble] = field(default_factory=lambda: Spool(held=GROUP))
    # What could not be moved, or not be brought back.
    failures: Spool[Trouble] = field(default_factory=lambda: Spool(held=GROUP))


def refuse_foreign(storage: MediaStorage) -> None:
    """Make sure that the store is not another environment's, before anything is planned. A GET or two.

    Elsewhere an environment without a name may write to a store that has an owner. Here that may be a copy of the
    original's settings with another database, for which every new file of the original is an orphan.

    Raises:
        WriteRefused: it belongs to another environment.
    """
    where = site_of(storage)
    storage.store.claims.look()
    owner = owner_of(storage)
    if owner not in {None, storage.environment}:
        raise WriteRefused(
            f'The files in {where} belong to the environment "{owner}"; this environment has no name. Nothing was changed. '
            f"If this is {owner}, set `{storage.env_prefix or ''}STORAGE_ENVIRONMENT={owner}`."
        )


def apply(
    storage: MediaStorage,
    orphans: Iterable[Found],
    *,
    min_age_seconds: float,
    report: Callable[[str], object] = lambda name: None,
) -> Tidied:
    """Move these files into the store's trash, unless something speaks against one by now.

    Requests: for each file a HEAD, and those of `holdall.s3.trash.move`.

    Raises:
        RowsUnknown: the rows cannot be read; what was moved until then is named in the trash.
        HoldallError: nothing can be moved at all.
    """
    refuse_foreign(storage)
    refuse_static_files(storage)
    return _Tidying(storage, timedelta(seconds=min_age_seconds), report).run(orphans)


class _Tidying:
    def __init__(self, storage: MediaStorage, min_age: timedelta, report: Callable[[str], object]) -> None:
        self._storage, self._min_age, self._report = storage, min_age, report
        self._rows = References(storage)
        self._pace = Pace(WORKERS)
        self._done = Tidied()
        # What this group moved or is about to move, also if nobody hears of it any more.
        self._moving: list[Trashed] = []
        # The keys in the trash of what may have been moved, though the answer was lost.
        self._uncounted: set[str] = set()
        # The keys in the trash of what was brought back.
        self._brought: set[str] = set()

    def run(self, orphans: Iterable[Found]) -> Tidied:
        try:
            self._run(orphans)
        except RowsUnknown:
            raise
        except (HoldallError, KeyboardInterrupt) as failure:
            with suppress(HoldallError):
                self._settle(self._moving)
            if not self._moving or isinstance(failure, KeyboardInterrupt):
                raise
            raise HoldallError(f"{failure} {self._told()}") from failure
        return self._done

    def _run(self, orphans: Iterable[Found]) -> None:
        for group in batched(orphans, GROUP):
            named = self._named([*(one.name for one in group), *(one.name for one in self._moving)])
            self._bring_back(self._moving, named)
            self._moving = []
            free = [one for one in group if one.name not in named]
            for one in group:
                if one.name in named:
                    self._leave(one.name, "a row refers to it now")
            for found, what in zip(free, mapped(self._move, free, WORKERS, ended=self._pace.ended), strict=True):
                self._report(found.name)
                if isinstance(what, Trashed):
                    self._done.trashed.append(what)
                    self._done.moved.add(what.size_bytes)
                elif isinstance(what, str):
                    self._leave(found.name, what)
                else:
                    self._done.failures.append(Trouble(found.name, str(what)))
            self._pace.ended.clear()
        # Once more for all of them: a transaction may have been open all the time.
        for some in batched(self._done.trashed, 100 * GROUP):
            self._settle(some)
        if self._brought:
            self._done.trashed = Spool.of(
                (one for one in self._done.trashed if one.key not in self._brought), held=GROUP
            )

    def _settle(self, moved: list[Trashed]) -> None:
        moved = [one for one in moved if one.key not in self._brought]
        if moved:
            self._bring_back(moved, self._named([one.name for one in moved]))

    def _told(self) -> str:
        return (
            f"By then {self._done.moved.files:,} files were moved into the trash. When the rows can be read again, "
            "run `manage.py holdall trash restore --missing`: it brings back every one that a row refers to."
        )

    def _named(self, names: Iterable[str]) -> set[str]:
        try:
            return self._rows.named(set(names))
        except RowsUnknown as failure:
            if not self._done.moved.files:
                raise
            raise RowsUnknown(f"{failure} {self._told()}") from failure

    def _leave(self, name: str, why: str) -> None:
        self._done.left.append(Trouble(name, why))

    def _move(self, one: Found) -> Trashed | str | HoldallError:
        """Give the file in the trash, or why it is left, or what went wrong."""
        try:
            return self._pace.keep(lambda: self._look_and_move(one))
        except FATAL:
            raise
        except HoldallError as failure:
            return failure

    def _look_and_move(self, one: Found) -> Trashed | str:
        storage = self._storage
        seen = storage.look_at_own(one.name)
        if seen is None:
            return "is gone"
        if seen.key != f"{prefix_of(storage)}{one.name}":
            return "is the name of another file for the storage"
        if seen.etag.strip('"') != one.etag or seen.size_bytes != one.size_bytes:
            return "was replaced since the audit"
        saved = datetime.fromisoformat(seen.modified)
        if saved > one.saved_at + RESOLUTION or saved + RESOLUTION > datetime.now(UTC) - self._min_age:
            return "was saved again since the audit"
        key = new_key(prefix_of(storage), one.name)
        trashed = Trashed(one.name, datetime.now(UTC), key, seen.size_bytes, seen.etag)
        self._moving.append(trashed)
        try:
            is_moved = storage.into_trash(one.name, seen, key)
        except HoldallError:
            self._uncounted.add(key)
            raise
        if not is_moved:
            self._moving.remove(trashed)
            return "was replaced since the audit"
        if isinstance(storage, ForkedStorage):
            storage.forget(one.name)
        return trashed

    def _bring_back(self, moved: Iterable[Trashed], named: set[str]) -> None:
        """Restore what a row refers to after all."""
        for one in moved:
            if one.name not in named:
                continue
            try:
                trash.restore(self._storage, one)
            except NameTaken:
                self._leave(one.name, "a row refers to it now, and a file has its name; one is also in the trash")
            except HoldallError as failure:
                if isinstance(failure, ObjectNotFound) and self._storage.look_at_own(one.name) is not None:
                    # It was never moved.
                    continue
                self._done.failures.append(Trouble(one.name, f"a row refers to it, and it is in the trash: {failure}"))
            else:
                self._brought.add(one.key)
                self._leave(one.name, "a row refers to it now; it was brought back")
                if one.key not in self._uncounted:
                    self._done.moved.files -= 1
                    self._done.moved.size_bytes -= one.size_bytes
