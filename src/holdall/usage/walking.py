"""What a place really holds: its files, and what Holdall keeps beside them, which no storage shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from holdall.bulk.entries import Entry, OutOfOrder, checked, in_order, order_of, side_by_side
from holdall.bulk.places import Folder, Place
from holdall.errors import BucketNotFound, CredentialsRefused, HoldallError, StoreUnreachable
from holdall.fork.storage import ForkedStorage
from holdall.s3.staging import SPENT
from holdall.sites import RESERVED, is_reserved
from holdall.storage import MediaStorage
from holdall.storage.objects import prefix_of, walk, walk_own
from holdall.usage.tally import Count

# The parts of so many unfinished uploads are added up, for which each is asked.
ASKED = 100


class Part(StrEnum):
    """What an object is for."""

    FILES = "files"
    # Deleted files that can still be brought back.
    TRASH = "trash"
    # Direct uploads whose form was not saved yet.
    UPLOADS = "uploads"
    # What else Holdall keeps for itself: marks of owners and forks.
    HOLDALL = "holdall"
    # Empty objects with which consoles mark folders.
    MARKS = "folder marks"


def part_of(name: str, size_bytes: int = 0) -> Part:
    """Say what an object is for, by its name below the place's location; a store in a folder of it has its own trash.

    What has content under the name of a folder is counted as one of its files, although no storage shows it.
    """
    if is_reserved(name):
        parts = name.split("/")
        inside = parts[parts.index(RESERVED) + 1 :]
        if inside[:1] == ["uploads"] and inside[-1] == SPENT:
            return Part.HOLDALL
        return {"trash": Part.TRASH, "uploads": Part.UPLOADS}.get(inside[0] if inside else "", Part.HOLDALL)
    return Part.MARKS if name.endswith("/") and not size_bytes else Part.FILES


def objects(place: Place) -> Iterator[tuple[Part, Entry]]:
    """Give every object of a place, of a fork only its own. One request for each 1,000."""
    return _of_folder(place) if isinstance(place, Folder) else _of_store(place.storage)


def in_names_order(place: Place, *, lists_so: bool) -> Iterator[tuple[Part, Entry]]:
    """Give every object in the order of the names' bytes; `lists_so`: the place lists in this order.

    Raises:
        OutOfOrder: it does not.
    """
    if not lists_so:
        yield from in_order(objects(place), lambda pair: order_of(pair[1].name))
        return
    last = b""
    for part, entry in objects(place):
        if (here := order_of(entry.name)) < last:
            raise OutOfOrder
        last = here
        yield part, entry


def _of_store(storage: MediaStorage) -> Iterator[tuple[Part, Entry]]:
    start = prefix_of(storage)
    for page in storage.store.pages(action="listing", Prefix=start):
        for found in page.get("Contents", ()):
            if name := found["Key"][len(start) :]:
                size_bytes = int(found["Size"])
                yield part_of(name, size_bytes), Entry(name, size_bytes, _as_time(found.get("LastModified")))


def _as_time(told: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(told) if isinstance(told, str) and told else told or None


def _of_folder(folder: Folder) -> Iterator[tuple[Part, Entry]]:
    for entry in folder.entries():
        yield Part.FILES, entry
    # The walk above shows what a storage would show.
    for path, _, names in os.walk(folder.path / RESERVED):
        for name in names:
            found = Path(path, name).lstat()
            short = Path(path, name).relative_to(folder.path).as_posix()
            yield part_of(short), Entry(short, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def from_parent(fork: ForkedStorage) -> Count:
    """Count the parent's files that a fork shows. Lists both stores, one request for each 1,000."""
    is_sorted = True
    while True:
        try:
            return _from_parent(fork, is_sorted=is_sorted)
        except OutOfOrder:
            is_sorted = False


def _from_parent(fork: ForkedStorage, *, is_sorted: bool) -> Count:
    hidden = fork.tombstones.below("")
    own, parents = (
        checked(named) if is_sorted else in_order(named, lambda entry: order_of(entry.name))
        for named in (_named(walk_own(fork)), _named(walk(fork.parent)))
    )
    count = Count()
    for mine, theirs in side_by_side(own, parents):
        if mine is not None or theirs is None:
            continue
        if theirs.name not in hidden and not fork.is_not_the_parents(theirs.name):
            count.add(Count(1, theirs.size_bytes))
    return count


def _named(entries: Iterator[Any]) -> Iterator[Entry]:
    return (Entry(entry.name, entry.size_bytes, None) for entry in entries)


@dataclass(frozen=True)
class Unfinished:
    """Uploads that began and did not end: no listing shows their parts, and they are billed."""

    uploads: int
    # None where there are too many to ask for each one's parts.
    size_bytes: int | None
    oldest: datetime | None


def unfinished(storage: MediaStorage) -> Unfinished | None:
    """Count a store's unfinished uploads; None where it cannot be asked for them.

    Requests: one for each 1,000, and one for each of the first 100.
    """
    started: list[tuple[str, str]] = []
    count, oldest = 0, None
    try:
        for upload in storage.store.unfinished(action="listing unfinished uploads", prefix=prefix_of(storage)):
            count += 1
            begun = _as_time(upload.get("Initiated"))
            oldest = min(filter(None, (oldest, begun)), default=None)
            if count <= ASKED:
                started.append((upload["Key"], upload["UploadId"]))
        sizes = [_parts_bytes(storage, *one) for one in started]
    except (BucketNotFound, CredentialsRefused, StoreUnreachable):
        raise
    except HoldallError:
        # The keys may not ask, or the store does not know the question.
        return None
    return Unfinished(count, sum(sizes) if count <= ASKED else None, oldest)


def _parts_bytes(storage: MediaStorage, key: str, upload_id: str) -> int:
    # The first 1,000 parts: more are more than 5 GB, of which the number tells enough.
    answer = storage.store.call(
        "list_parts", action="listing parts", client=storage.store.client, Key=key, UploadId=upload_id
    )
    return sum(int(part["Size"]) for part in answer.get("Parts", ()))
