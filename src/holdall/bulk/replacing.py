"""Replace a file of the destination: what was there goes into the trash first, and comes back if its successor fails."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from holdall.bulk import trash
from holdall.bulk.entries import Entry
from holdall.bulk.landing import put_back, set_aside
from holdall.bulk.places import Folder, Place, Store
from holdall.errors import HoldallError, NameTaken
from holdall.fork.storage import ForkedStorage
from holdall.s3.trash import Trashed, new_key
from holdall.shown import shown
from holdall.storage import MediaStorage
from holdall.storage.objects import prefix_of

log = logging.getLogger("holdall")


class Replaced(AbstractContextManager[None]):
    """Keeps a file of the destination in the trash while its successor is made, and from then on.

    The name is free in between, so that the successor is created like any other file: what somebody else saves under it
    meanwhile is left alone. A fork's parent is never touched: its file is hidden by the successor.

    Raises:
        NameTaken: it is not the file that the plan speaks of. It is left alone.
        HoldallError: it could not be moved, and is where it was.
    """

    def __init__(self, destination: Place, there: Entry) -> None:
        self._destination, self._there = destination, there
        self._aside: Path | Trashed | None = None

    def __enter__(self) -> None:
        place = self._destination
        if isinstance(place, Folder):
            self._aside = set_aside(place, self._there)
        else:
            self._aside = _into_trash(place.storage, self._there)

    def __exit__(self, _kind: object, failure: BaseException | None, _trace: object) -> None:
        if failure is None or self._aside is None:
            return
        try:
            self._put_back(self._aside)
        except (HoldallError, OSError) as second:
            # It is in the trash in any case.
            log.warning('"%s" was not replaced, and is in the trash: %s', shown(self._there.name), second)

    def _put_back(self, aside: Path | Trashed) -> None:
        if isinstance(self._destination, Store) and isinstance(aside, Trashed):
            trash.restore(self._destination.storage, aside)
        elif isinstance(self._destination, Folder) and isinstance(aside, Path):
            put_back(self._destination, aside, self._there.name)


def _into_trash(storage: MediaStorage, there: Entry) -> Trashed | None:
    seen = storage.look_at_own(there.name)
    if seen is None:
        return None
    key = new_key(prefix_of(storage), there.name)
    if seen.etag.strip('"') != there.etag or not storage.into_trash(there.name, seen, key):
        raise NameTaken(f'"{there.name}" changed since the plan was made.')
    if isinstance(storage, ForkedStorage):
        storage.forget(there.name)
    return Trashed(there.name, datetime.now(UTC), key, seen.size_bytes, seen.etag)
