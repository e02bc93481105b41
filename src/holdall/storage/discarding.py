"""The part of the storage that takes files away: for good, or into the trash."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import NamedTuple

from holdall import names
from holdall.errors import HoldallError, StoreFailed
from holdall.s3 import deleting, trash
from holdall.shown import shown
from holdall.storage.objects import reading_parameters
from holdall.storage.writing import WritingStorage

log = logging.getLogger("holdall")
WORKERS = 16


class DiscardingStorage(WritingStorage):
    """The storage that writes, with the deletion of a file that was looked at. `MediaStorage` gives it its options."""

    trash: int | None

    def _discard_later(self, given: list[str]) -> None:
        """Move files, as they are now, into the trash, as soon as no open transaction could bring their rows back."""
        with ThreadPoolExecutor(min(WORKERS, len(given)) or 1, thread_name_prefix="holdall-look") as pool:
            looked = zip(given, pool.map(self.look_at_own, given), strict=True)
            found = {name: seen for name, seen in looked if seen is not None}
        after_commit(
            lambda: self._discard_all(found, self.discard), lambda: self._discard_all(found, self._discard_same)
        )

    def _discard_all(self, found: Mapping[str, deleting.Seen], discard: Callable[[str, deleting.Seen], object]) -> None:
        def deed(name: str) -> HoldallError | None:
            try:
                discard(name, found[name])
            except HoldallError as failure:
                return failure
            return None

        with ThreadPoolExecutor(min(WORKERS, len(found)) or 1, thread_name_prefix="holdall-trash") as pool:
            done = zip(found, pool.map(deed, found), strict=True)
            refuse_failed({name: failure for name, failure in done if failure is not None}, of=len(found))

    def _discard_same(self, name: str, seen: deleting.Seen) -> None:
        """Discard a file that was looked at a while ago: one of the same bytes may have been saved in its place since."""
        if self.look_at_own(name) == seen:
            self.discard(name, seen)

    def look_at_own(self, name: str) -> deleting.Seen | None:
        """Look at a file in this very store, not in a fork's parent. One HEAD."""
        parameters = reading_parameters(self, name)
        return deleting.look(self.store, self._client, name=name, key=self._key(name), parameters=parameters)

    def discard(self, name: str, seen: deleting.Seen) -> bool:
        """Delete the file that was looked at, or move it into the trash if there is one. False: another one has the name.

        Requests: those of `holdall.s3.deleting.delete`; with `trash` one copy more.
        """
        if not self.trash:
            parameters = reading_parameters(self, name)
            return self._removed(
                name, lambda: deleting.delete(self.store, self._client, seen, name=name, parameters=parameters)
            )
        return self.into_trash(name, seen, trash.new_key(self._prefix(""), names.clean(name)))

    def into_trash(self, name: str, seen: deleting.Seen, key: str) -> bool:
        """Move the file that was looked at into the trash, under this key. False: another one has its name.

        Requests: those of `holdall.s3.trash.move`.
        """
        parameters = self.get_object_parameters(name)
        return self._removed(
            name,
            lambda: trash.move(self.store, self._client, seen, name=name, to=key, parameters=parameters),
            trash_key=key,
        )

    def _removed(self, name: str, remove: Callable[[], bool], *, trash_key: str = "") -> bool:
        """Remove a file by `remove`, from the mirror too if there is one; `remove` says whether it is gone."""
        if (mirror := self.mirror) is None:
            return remove()
        return bool(mirror.removing([name], lambda: [name] if remove() else [], trash_key=trash_key))


def refuse_failed(failed: Mapping[str, HoldallError], *, of: int) -> None:
    """Raise what went wrong with so many files: of a single one its own error, else one that names those that failed.

    Raises:
        StoreFailed: some of several could not be deleted.
    """
    if failed and of == 1:
        raise next(iter(failed.values()))
    if failed:
        named = "; ".join(f'"{name}": {failure}' for name, failure in failed.items())
        raise StoreFailed(f"Could not be deleted, {len(failed):,} of {of:,}; all others are: {named}")


class Deed(NamedTuple):
    """What is done now, and what instead once a transaction has committed."""

    now: Callable[[], object]
    later: Callable[[], object]


# Filled in place of doing anything, where another thread than the caller's does the work: only in the caller's own are
# its transactions seen.
_left_to_caller: ContextVar[list[Deed] | None] = ContextVar("holdall_left_to_caller", default=None)


@contextmanager
def leaving_to_caller() -> Iterator[list[Deed]]:
    """Collect what would be done after a transaction of this thread, for the caller to do by `after_commit`."""
    deeds: list[Deed] = []
    before = _left_to_caller.set(deeds)
    try:
        yield deeds
    finally:
        _left_to_caller.reset(before)


def after_commit(deed: Callable[[], object], later: Callable[[], object] | None = None) -> None:
    """Do something now, or once every transaction has committed that is open in this thread; never if one is rolled back.

    `later` is done instead of the deed where it had to wait. Its failure is logged: the rows are gone by then, and the
    request that deleted them did what it was asked for.
    """
    if (left := _left_to_caller.get()) is not None:
        left.append(Deed(deed, later or deed))
    elif not waits_for_commit(partial(logging_failure, later or deed)):
        deed()


def waits_for_commit(deed: Callable[[], object]) -> bool:
    """Let something be done once every transaction has committed that is open in this thread. False: there is none."""
    # Here, because it takes a while, and a command without a project has no database.
    from django.db import connections

    waiting = {one.alias: one for one in connections.all(initialized_only=True) if one.in_atomic_block}
    left = set(waiting)

    def committed(alias: str) -> None:
        left.discard(alias)
        if not left:
            deed()

    for alias, connection in waiting.items():
        connection.on_commit(partial(committed, alias), robust=True)
    return bool(waiting)


def logging_failure(deed: Callable[[], object]) -> None:
    """Do something that nobody hears of: its failure is logged."""
    try:
        deed()
    except HoldallError as failure:
        log.error(  # noqa: TRY400  the failure says all
            "A file was to be moved into the trash after its transaction, and is where it was: %s",
            shown(str(failure)),
        )
