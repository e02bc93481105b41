"""The part of the storage that takes files away: for good, or into the trash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from storages.backends.s3 import _filter_download_params

from holdall import names
from holdall.s3 import deleting, trash
from holdall.storage.writing import WritingStorage

WORKERS = 16


class DiscardingStorage(WritingStorage):
    """The storage that writes, with the deletion of a file that was looked at. `MediaStorage` gives it its options."""

    trash: int | None

    def _discard_later(self, given: list[str]) -> None:
        """Move files, as they are now, into the trash, as soon as no open transaction could bring their rows back."""
        with ThreadPoolExecutor(min(WORKERS, len(given)) or 1, thread_name_prefix="holdall-look") as pool:
            looked = zip(given, pool.map(self.look_at_own, given), strict=True)
            found = {name: seen for name, seen in looked if seen is not None}
        after_commit(partial(self._discard_all, found))

    def _discard_all(self, found: Mapping[str, deleting.Seen]) -> None:
        with ThreadPoolExecutor(min(WORKERS, len(found)) or 1, thread_name_prefix="holdall-trash") as pool:
            list(pool.map(self.discard, found, found.values()))

    def look_at_own(self, name: str) -> deleting.Seen | None:
        """Look at a file in this very store, not in a fork's parent. One HEAD."""
        parameters = _filter_download_params(self.get_object_parameters(name))
        return deleting.look(self.store, self._client, name=name, key=self._key(name), parameters=parameters)

    def discard(self, name: str, seen: deleting.Seen) -> bool:
        """Delete the file that was looked at, or move it into the trash if there is one. False: another one has the name.

        Requests: those of `holdall.s3.deleting.delete`; with `trash` one copy more.
        """
        parameters = _filter_download_params(self.get_object_parameters(name))
        if not self.trash:
            return deleting.delete(self.store, self._client, seen, name=name, parameters=parameters)
        return trash.move(
            self.store,
            self._client,
            seen,
            name=names.clean(name),
            prefix=self._prefix(""),
            parameters=parameters,
        )


def after_commit(deed: Callable[[], object]) -> None:
    """Do something now, or when the transaction commits that is open in this thread; never if it is rolled back."""
    # Here, because it takes a while, and a command without a project has no database.
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            connection.on_commit(deed)
            return
    deed()
