"""Copy single files from one place to another, each by the cheapest way on which it can be proven."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from io import BytesIO
from typing import Any

from django.core.files.base import ContentFile, File
from storages.utils import ReadBytesWrapper

from holdall.bulk.disks import explained
from holdall.bulk.entries import Entry
from holdall.bulk.landing import land
from holdall.bulk.making import PART_BYTES, PART_WORKERS, expected, kept_of, new_object, part_bytes_of, take_back
from holdall.bulk.places import Folder, Place, Store, Trouble, reading
from holdall.bulk.proof import digest, fits, is_likely_told
from holdall.bulk.replacing import Replaced
from holdall.bulk.storecopy import IN_VAIN, StoreCopies
from holdall.bulk.verdict import Copied
from holdall.bulk.wired import WIRED_BYTES, Wired
from holdall.bulk.work import FATAL, Budget, Pace
from holdall.errors import HoldallError, NameTaken, ObjectChanged, StoreFailed
from holdall.s3 import wire
from holdall.s3.bodies import sha256_of
from holdall.s3.bulklane import BulkLane, Declined
from holdall.s3.partcopy import composed_of
from holdall.s3.saving import NewObject
from holdall.storage import MediaStorage
from holdall.storage.content import HEAD_BYTES
from holdall.storage.objects import (
    create_compressed,
    is_compressed,
    key_of,
    on_its_side,
    reading_parameters,
    target_of,
    wrote,
)

# Up to here a store-to-store copy is one GET and one conditional PUT: the store's own copy takes three requests.
FETCHED_BYTES = 64 * 1024
# Of all that is under way.
HELD_BYTES = 96 * 1024 * 1024
# A file of the source, and the one in the destination that it replaces.
Deed = tuple[Entry, Entry | None]


class Copier:
    """Copies single files from one place to another. Shared by threads."""

    def __init__(self, source: Place, destination: Place, workers: int) -> None:
        self.source, self.destination = source, destination
        self.pace = Pace(workers)
        self._budget = Budget(HELD_BYTES)
        # The failure after which no other file is tried.
        self.fatal: HoldallError | None = None
        self._by_the_store: StoreCopies | None = None
        if isinstance(destination, Store):
            self._by_the_store = StoreCopies(destination.storage, self.pace.go_on)
        # How many files had an ETag that is not that of their bytes.
        self._told_nothing = 0
        self._wired: Wired | None = None
        with suppress(wire.Declined):
            self._wired = Wired(source, destination, self.pace, workers)

    # Its threads and client are for what does not go on the wire; there may be none.
    @cached_property
    def _to(self) -> BulkLane | None:
        return _lane(self.destination.storage) if isinstance(self.destination, Store) else None

    def close(self) -> None:
        """Close what it opened."""
        if self._wired is not None:
            self._wired.close()

    def copy_all(self, deeds: list[Deed]) -> list[tuple[Entry, Copied | NameTaken | Trouble | None]]:
        """Copy a few files: the small ones at the same time."""
        small = [step for step, there in deeds if there is None and step.size_bytes <= WIRED_BYTES]
        done: dict[str, Copied] = {}
        if self._wired is not None and small and self.fatal is None:
            done = self._wired.copy(small)
        return [(step, done.get(step.name) or self.copy(step, there)) for step, there in deeds]

    def copy(self, step: Entry, there: Entry | None = None) -> Copied | NameTaken | Trouble | None:
        """Copy one file, in place of another if there is one. A failure is a result: no file stops the others.

        None: it was not tried, because all would fail.
        """
        if self.fatal is not None:
            return None
        try:
            if there is None:
                return self.pace.keep(lambda: self._copy(step))
            with Replaced(self.destination, there):
                return self.pace.keep(lambda: self._copy(step))
        except NameTaken as taken:
            return taken
        except FATAL as failure:
            self.fatal = failure
            return Trouble(step.name, str(failure))
        except HoldallError as failure:
            return Trouble(step.name, str(failure))
        except OSError as failure:
            return Trouble(step.name, explained(failure))

    def _copy(self, step: Entry) -> Copied:
        if isinstance(self.destination, Folder):
            return self._into_folder(step, self.destination)
        if isinstance(self.source, Folder):
            with self._budget.take(_held_bytes(step)):
                copied = self._from_folder(step, self.source, self.destination)
        else:
            copied = self._between(step, self.source, self.destination)
        # A fork remembers which names are its own.
        wrote(self.destination.storage, step.name)
        return copied

    # -- from a folder into a store

    def _from_folder(self, step: Entry, source: Folder, destination: Store) -> Copied:
        storage = destination.storage
        with source.open(step.name) as file:
            found = os.fstat(file.fileno())

            def check() -> None:
                now = os.fstat(file.fileno())
                if (now.st_size, now.st_mtime_ns) != (step.size_bytes, found.st_mtime_ns):
                    raise _changed(step, source)

            check()
            if step.size_bytes <= PART_BYTES:
                data = file.read(step.size_bytes + 1)
                check()
                if len(data) != step.size_bytes:
                    raise _changed(step, source)
                md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
                made = new_object(storage, step, ContentFile(data), md5)
                if not is_compressed(storage, made):
                    return self._stored(made, data, md5)
            # What an earlier run began with the same file is known by it.
            made = new_object(storage, step, File(file), f"{found.st_size} {found.st_mtime_ns}")
            file.seek(0)
            return self._sent(storage, made, _Watched(file, self.pace, check), step)

    def _stored(self, made: NewObject, data: bytes, md5: str) -> Copied:
        """Store a small file by one request."""
        try:
            if (lane := self._to) is None or made.replace:
                raise Declined
            made.etag = lane.create(made.key, data, made.parameters)
            if made.etag.strip('"') != md5:
                # A store that encrypts, or damage on the way. By our own lane the store compares what it was sent.
                self._to = None
                take_back(made)
                raise Declined
        except (Declined, NameTaken):
            # By our own lane, which knows its own mark: what an earlier run, or a lost answer, left is this file.
            made.put(data)
        done = Copied(made.name, len(data), *expected(made, md5))
        if made.was_found and not done.is_proof:
            # Sent by a lane whose answer was lost, and that the store compares nothing for: it may be damaged.
            if digest(self.destination, made.name) == hashlib.sha256(data).digest():
                return done._replace(is_proof=True)
            take_back(made)
            raise StoreFailed(
                f'Saving "{made.name}" failed: what the store had was not what was sent, and was deleted. Run again; if it '
                "happens again, check any proxy in between."
            )
        return done

    # -- from store to store

    def _between(self, step: Entry, source: Store, destination: Store) -> Copied:
        storage = destination.storage
        return on_its_side(source.storage, step.name, lambda side: self._from_side(step, side, storage))

    def _from_side(self, step: Entry, side: MediaStorage, storage: MediaStorage) -> Copied:
        if step.size_bytes <= FETCHED_BYTES:
            # Of all workers together little beside the budget.
            data, etag, kept = _got(side, step)
            _check_etag(step, etag)
            return self._stored_again(step, storage, data, kept)
        head, kept = _beginning(side, step)
        if self._by_the_store is not None and _is_one_provider(side, storage):
            copied = self._by_the_store.copy(
                step, side, lambda: new_object(storage, step, ContentFile(head), step.etag, kept)
            )
            if copied is not None:
                return copied
        with self._budget.take(_held_bytes(step)), reading(side, step.name) as file:
            if _etag_of(file) != step.etag:
                raise _changed(step, Store(side))
            if step.size_bytes <= PART_BYTES:
                return self._stored_again(step, storage, file.read(), kept)
            made = new_object(storage, step, ContentFile(head), step.etag, kept)
            return self._sent(storage, made, _Watched(file, self.pace), step)

    def _stored_again(self, step: Entry, storage: MediaStorage, data: bytes, kept: dict[str, Any]) -> Copied:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        # What is stored is what was read; that this is what the source has is known where its ETag says so.
        is_read = md5 == step.etag or fits(BytesIO(data), len(data), step.etag) is True
        if not is_read:
            self._read_again(step, hashlib.sha256(data).digest())
        done = self._stored(new_object(storage, step, ContentFile(data), step.etag or md5, kept), data, md5)
        return done._replace(is_proof=done.is_proof and is_read)

    def _read_again(self, step: Entry, sha256: bytes) -> None:
        """Read a file again whose ETag is that of other bytes: with a store that encrypts, it is the same each time.

        Requests: one GET; none after a few files for which that told nothing.

        Raises:
            StoreFailed: it is not the same, so one of the two was damaged on the way.
        """
        if self._told_nothing >= IN_VAIN or not is_likely_told(step.size_bytes, step.etag):
            return
        if digest(self.source, step.name) != sha256:
            raise StoreFailed(
                f'"{step.name}" was read from {self.source} twice, with different content. Nothing was stored. Run again; if '
                "it happens again, check any proxy in between."
            )
        self._told_nothing += 1

    # -- into a folder

    def _into_folder(self, step: Entry, destination: Folder) -> Copied:
        # Refused before it is asked for.
        destination.file(step.name)
        with self.source.open(step.name) as file:
            # A file of a folder has no ETag, and the range of an empty object is answered without one.
            if step.etag and (etag := _etag_of(file)) and etag != step.etag:
                raise _changed(step, self.source)
            size_bytes, is_proof = land(
                _Watched(file, self.pace),
                step,
                destination,
                lambda: _changed(step, self.source),
                lambda written: self._read_again(step, sha256_of(written)),
            )
        return Copied(step.name, size_bytes, "", is_proof)

    def _sent(self, storage: MediaStorage, made: NewObject, file: _Watched, step: Entry) -> Copied:
        """Store what is not held whole: in parts, a few at a time."""
        if is_compressed(storage, made):
            create_compressed(storage, made, file)
            return Copied(step.name, -1, made.etag.strip('"'), is_proof=False)
        made.resumes = True
        made.create(ReadBytesWrapper(file), again=True)
        return Copied(step.name, step.size_bytes, *expected(made, composed_of(made.part_etags) or step.etag))


class _Watched:
    """A file as it is read: the reading ends when the work does, and at its end the file must be what it was."""

    def __init__(self, file: Any, pace: Pace, check: Callable[[], None] = lambda: None) -> None:
        self._file, self._pace, self._check = file, pace, check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        self._pace.go_on()
        piece: bytes = self._file.read(size)
        if not piece or size < 0:
            self._check()
        return piece


def _is_one_provider(side: MediaStorage, storage: MediaStorage) -> bool:
    """Say whether two stores differ by no more than their buckets, so that one request can speak of both."""
    return target_of(side).with_bucket(None) == target_of(storage).with_bucket(None)


def _held_bytes(step: Entry) -> int:
    """Give how much memory it takes to send a file."""
    if step.size_bytes <= PART_BYTES:
        # The file, and what the lane makes of it.
        return 2 * step.size_bytes
    return (PART_WORKERS + 2) * part_bytes_of(step.size_bytes)


def _etag_of(file: Any) -> str:
    reader = file.reader
    return "" if reader is None else str(reader.etag or "").strip('"')


def _lane(storage: MediaStorage) -> BulkLane | None:
    try:
        return BulkLane(storage.store)
    except Declined:
        return None


def _check_etag(step: Entry, etag: str) -> None:
    if etag.strip('"') != step.etag:
        raise ObjectChanged(f'"{step.name}" was replaced in the source since the plan was made. Plan again.')


def _changed(step: Entry, source: Place) -> ObjectChanged:
    return ObjectChanged(f'"{step.name}" changed in {source} since the plan was made. Plan again.')


def _beginning(side: MediaStorage, step: Entry) -> tuple[bytes, dict[str, Any]]:
    """Give the first bytes of an object, and what the store says of it. One GET."""
    head, etag, kept = _got(side, step, Range=f"bytes=0-{HEAD_BYTES - 1}")
    _check_etag(step, etag)
    return head, kept


def _got(side: MediaStorage, step: Entry, **span: str) -> tuple[bytes, str, dict[str, Any]]:
    """Give the bytes of an object, its ETag, and what the store says of it. One GET, by the SDK, whose answer is whole."""
    answer = side.store.call(
        "get_object",
        action="reading",
        name=step.name,
        client=side.store.client,
        Key=key_of(side, step.name),
        **span,
        **reading_parameters(side, step.name),
    )
    with side.store.translating("reading", name=step.name, is_request=False):
        data = answer["Body"].read()
    return data, str(answer["ETag"]), kept_of(answer)
