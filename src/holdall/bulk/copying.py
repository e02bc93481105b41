"""Carry out a plan: copy each file to where nobody has its name, and prove of each what the destination stored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from django.core.files.base import ContentFile, File
from storages.utils import ReadBytesWrapper

from holdall.bulk.entries import Entry, OutOfOrder, Spool
from holdall.bulk.places import UNFINISHED, Folder, Place, Store, Trouble, on_its_side, reading
from holdall.bulk.plan import Count, Plan, side_by_side
from holdall.bulk.proof import PIECE_BYTES, composed_of, fits
from holdall.bulk.work import Budget, Pace, mapped
from holdall.errors import (
    BucketNotFound,
    CredentialsRefused,
    HoldallError,
    NameTaken,
    ObjectChanged,
    ObjectNotFound,
    WriteRefused,
)
from holdall.fork.storage import look_at, reading_parameters
from holdall.s3.bulklane import BulkLane, Declined
from holdall.s3.condition import conditional_put_holds
from holdall.s3.saving import MAX_COPY_BYTES, MAX_PARTS, NewObject, Parts, Source
from holdall.storage import MediaStorage
from holdall.storage.content import HEAD_BYTES

WORKERS = 16
# So many small files, or so many bytes of them, are one piece of work.
GROUP = 8
GROUP_BYTES = 1024 * 1024
# Up to here a store-to-store copy is one GET and one conditional PUT: the store's own copy takes three requests.
FETCHED_BYTES = 64 * 1024
# Files up to here are held whole, and sent by one request; longer ones in parts of this length.
PART_BYTES = 8 * 1024 * 1024
PART_WORKERS = 4
# Of all that is under way.
HELD_BYTES = 96 * 1024 * 1024
# What belongs to an object beside its bytes, in the SDK's words.
KEPT = ("ContentType", "ContentDisposition", "ContentEncoding", "ContentLanguage", "CacheControl")
# What S3 says of an object that nobody gave a type.
NO_TYPE = "binary/octet-stream"
OWN_METADATA = "holdall-"
# After these no other file would fare better.
FATAL = (WriteRefused, CredentialsRefused, BucketNotFound)


class Copied(NamedTuple):
    """A file that was sent, and what the destination must say of it."""

    name: str
    size_bytes: int
    etag: str
    # Whether this ETag is made of the source's very bytes.
    is_proof: bool


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


def apply(
    plan: Plan, *, workers: int = WORKERS, report: Callable[[Entry, Copied | Trouble], object] = lambda step, done: None
) -> Outcome:
    """Carry out exactly this plan, and verify it. What is in the way is left, and named.

    Requests: for a small file one PUT. For a large one those of `NewObject.create`. From store to store a GET and a
    PUT for a small file, and four for one that the store copies by itself. Afterwards the destination is listed once,
    one request for each 1,000 files.
    """
    if isinstance(plan.destination, Folder):
        for left in plan.destination.unfinished:
            left.unlink(missing_ok=True)
    copier = Copier(plan.source, plan.destination, workers)
    expected: Spool[Copied] = Spool()
    conflicts: list[str] = []
    failures: list[Trouble] = []
    groups = mapped(lambda group: [(step, copier.copy(step)) for step in group], _grouped(plan.steps), workers)
    for step, done in chain.from_iterable(groups):
        if isinstance(done, NameTaken):
            conflicts.append(step.name)
            done = Trouble(step.name, "is there by now, and different")
        elif isinstance(done, Trouble):
            failures.append(done)
        else:
            expected.append(done)
        report(step, done)
    verdict = _verified(plan, expected)
    return Outcome(verdict.count, verdict.unproven, conflicts, [*failures, *verdict.wrong], copier.pace.slowed)


def _grouped(steps: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Put small files together: a thread for each would cost as much as sending it."""
    group: list[Entry] = []
    size_bytes = 0
    for step in steps:
        group.append(step)
        size_bytes += step.size_bytes
        if len(group) >= GROUP or size_bytes >= GROUP_BYTES:
            yield group
            group, size_bytes = [], 0
    if group:
        yield group


class Copier:
    """Copies single files from one place to another. Shared by threads."""

    def __init__(self, source: Place, destination: Place, workers: int) -> None:
        self.source, self.destination = source, destination
        self.pace = Pace(workers)
        self._budget = Budget(HELD_BYTES)
        self._fatal: HoldallError | None = None
        self._from = _lane(source.storage) if isinstance(source, Store) else None
        self._to = _lane(destination.storage) if isinstance(destination, Store) else None

    def copy(self, step: Entry) -> Copied | NameTaken | Trouble:
        """Copy one file. A failure is a result: no file stops the others, but where all would fail."""
        if self._fatal is not None:
            return Trouble(step.name, f"was not tried: {self._fatal}")
        try:
            with self._budget.take(self._held_bytes(step)):
                return self.pace.keep(lambda: self._copy(step))
        except NameTaken as taken:
            return taken
        except FATAL as failure:
            self._fatal = failure
            return Trouble(step.name, str(failure))
        except HoldallError as failure:
            return Trouble(step.name, str(failure))
        except OSError as failure:
            return Trouble(step.name, f"{failure.strerror or failure}")

    def _held_bytes(self, step: Entry) -> int:
        if isinstance(self.destination, Folder):
            return PIECE_BYTES
        if step.size_bytes <= PART_BYTES:
            # The file, and what the lane makes of it.
            return 2 * step.size_bytes
        return (PART_WORKERS + 2) * _part_bytes(step.size_bytes)

    def _copy(self, step: Entry) -> Copied:
        if isinstance(self.destination, Folder):
            return self._into_folder(step, self.destination)
        if isinstance(self.source, Folder):
            return self._from_folder(step, self.source, self.destination)
        return self._between(step, self.source, self.destination)

    # -- from a folder into a store

    def _from_folder(self, step: Entry, source: Folder, destination: Store) -> Copied:
        storage = destination.storage
        with source.open(step.name) as file:
            found = os.fstat(file.fileno())
            if found.st_size != step.size_bytes:
                raise _changed(step, source)
            if step.size_bytes <= PART_BYTES:
                data = file.read(step.size_bytes + 1)
                if len(data) != step.size_bytes:
                    raise _changed(step, source)
                md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
                made = _new_object(storage, step, ContentFile(data), f"{md5}")
                if not storage._is_compressed(made.parameters):
                    return self._stored(made, data, md5)
            # What an earlier run began with the same file is known by it.
            made = _new_object(storage, step, File(file), f"{found.st_size} {found.st_mtime_ns}")
            file.seek(0)
            return _sent(storage, made, file, step)

    def _stored(self, made: NewObject, data: bytes, md5: str) -> Copied:
        """Store a small file by one request."""
        try:
            if self._to is None or made.replace:
                raise Declined
            self._to.create(made.key, data, made.parameters)
        except (Declined, NameTaken):
            # By our own lane, which knows its own mark: what an earlier run, or a lost answer, left is this file.
            made.put(data)
        return Copied(made.name, len(data), *_expected(made, md5))

    # -- from store to store

    def _between(self, step: Entry, source: Store, destination: Store) -> Copied:
        storage = destination.storage
        return on_its_side(source.storage, step.name, lambda side: self._from_side(step, side, storage))

    def _from_side(self, step: Entry, side: MediaStorage, storage: MediaStorage) -> Copied:
        if step.size_bytes <= FETCHED_BYTES:
            data, etag, kept = self._fetched(side, step)
            _check_etag(step, etag)
            return self._stored_again(step, storage, data, kept)
        head, kept = _beginning(side, step)
        if step.size_bytes <= MAX_COPY_BYTES and side._target.with_bucket(None) == storage._target.with_bucket(None):
            made = _new_object(storage, step, ContentFile(head), step.etag, kept)
            source = Source(
                bucket_name=str(side.bucket_name),
                key=side._key(step.name),
                etag=f'"{step.etag}"',
                size_bytes=step.size_bytes,
            )
            if made.copy(source):
                return Copied(step.name, step.size_bytes, *_expected(made, step.etag))
        with reading(side, step.name) as file:
            if file.reader is None or (file.reader.etag or "").strip('"') != step.etag:
                raise _changed(step, Store(side))
            if step.size_bytes <= PART_BYTES:
                return self._stored_again(step, storage, file.read(), kept)
            return _sent(storage, _new_object(storage, step, ContentFile(head), step.etag, kept), file, step)

    def _fetched(self, side: MediaStorage, step: Entry) -> tuple[bytes, str, dict[str, Any]]:
        if self._from is not None and isinstance(self.source, Store) and side is self.source.storage:
            with suppress(Declined):
                return self._whole(step, self._from.fetch(side._key(step.name)))
        answer = side.store.call(
            "get_object", action="reading", name=step.name, client=side.store.client, Key=side._key(step.name)
        )
        with side.store.translating("reading", name=step.name, is_request=False):
            data = answer["Body"].read()
        return self._whole(step, (data, str(answer["ETag"]), _kept(answer)))

    @staticmethod
    def _whole(step: Entry, fetched: tuple[bytes, str, dict[str, Any]]) -> tuple[bytes, str, dict[str, Any]]:
        data, etag, parameters = fetched
        return data, etag, _kept(parameters)

    def _stored_again(self, step: Entry, storage: MediaStorage, data: bytes, kept: dict[str, Any]) -> Copied:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return self._stored(_new_object(storage, step, ContentFile(data), step.etag or md5, kept), data, md5)

    # -- into a folder

    def _into_folder(self, step: Entry, destination: Folder) -> Copied:
        path = destination.file(step.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:16]}{UNFINISHED}")
        try:
            read = hashlib.md5(usedforsecurity=False)
            with self.source.open(step.name) as file, unfinished.open("wb") as copy:
                while piece := file.read(PIECE_BYTES):
                    read.update(piece)
                    copy.write(piece)
                size_bytes = copy.tell()
                if size_bytes != step.size_bytes and not getattr(file, "is_unpacked", False):
                    raise _changed(step, self.source)
            if step.modified is not None:
                os.utime(unfinished, (step.modified.timestamp(),) * 2)
            with unfinished.open("rb") as written:
                told = fits(written, step.size_bytes, step.etag or read.hexdigest())
            _name(unfinished, path, step.name)
        finally:
            unfinished.unlink(missing_ok=True)
        return Copied(step.name, size_bytes, "", told is True)


def _name(unfinished: Path, path: Path, name: str) -> None:
    """Give a whole file its name, unless something has it."""
    try:
        # A second name for the file, which fails where there is one.
        os.link(unfinished, path)
    except FileExistsError:
        raise NameTaken(f'"{name}" is there by now.') from None
    except OSError:
        # A file system without such links.
        if path.exists():
            raise NameTaken(f'"{name}" is there by now.') from None
        unfinished.rename(path)


def _lane(storage: MediaStorage) -> BulkLane | None:
    try:
        return BulkLane(storage.store)
    except Declined:
        return None


def _new_object(
    storage: MediaStorage, step: Entry, content: Any, version: str, kept: dict[str, Any] | None = None
) -> NewObject:
    """Prepare an object of the destination: by its own rules, but for what the source says of the file."""
    conditional_put_holds(storage.store, None, name=step.name, key=storage._key(step.name))
    made = storage._new_object(step.name, content, replace=False)
    # The same in each run: what one that was ended had begun is known again for ours.
    mark = hashlib.sha256(f"copy\n{step.name}\n{step.size_bytes}\n{version}".encode()).hexdigest()[:16]
    parameters = made.parameters | (kept or {})
    parameters["Metadata"] = made.parameters.get("Metadata", {}) | (kept or {}).get("Metadata", {})
    parts = Parts(threshold_bytes=PART_BYTES, part_bytes=_part_bytes(step.size_bytes), workers=PART_WORKERS)
    return replace(made, mark=mark, parameters=parameters, parts=parts)


def _part_bytes(size_bytes: int) -> int:
    return max(PART_BYTES, -(-size_bytes // MAX_PARTS))


def _sent(storage: MediaStorage, made: NewObject, file: Any, step: Entry) -> Copied:
    """Store what is not held whole: in parts, a few at a time."""
    if storage._is_compressed(made.parameters):
        made.parameters["ContentEncoding"] = "gzip"
        made.create(storage._compress_content(ReadBytesWrapper(file)), again=False)
        return Copied(step.name, -1, made.etag, is_proof=False)
    made.resumes = True
    made.create(ReadBytesWrapper(file), again=True)
    return Copied(step.name, step.size_bytes, *_expected(made, composed_of(made.part_etags) or step.etag))


def _expected(made: NewObject, of_the_bytes: str) -> tuple[str, bool]:
    """Give the ETag that the listing must show, and whether it is made of the bytes that were sent."""
    answered = made.etag.strip('"')
    if not answered:
        return of_the_bytes, True
    return answered, answered == of_the_bytes


def _kept(found: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: found[name] for name in KEPT if found.get(name)}
    if kept.get("ContentType") == NO_TYPE:
        del kept["ContentType"]
    metadata = found.get("Metadata") or {}
    kept["Metadata"] = {name: value for name, value in metadata.items() if not name.startswith(OWN_METADATA)}
    return kept


def _check_etag(step: Entry, etag: str) -> None:
    if etag.strip('"') != step.etag:
        raise ObjectChanged(f'"{step.name}" was replaced in the source since the plan was made. Plan again.')


def _changed(step: Entry, source: Place) -> ObjectChanged:
    return ObjectChanged(f'"{step.name}" changed in {source} since the plan was made. Plan again.')


def _beginning(side: MediaStorage, step: Entry) -> tuple[bytes, dict[str, Any]]:
    """Give the first bytes of an object, and what the store says of it. One GET."""
    answer = side.store.call(
        "get_object",
        action="reading",
        name=step.name,
        client=side.store.client,
        Key=side._key(step.name),
        Range=f"bytes=0-{HEAD_BYTES - 1}",
        **reading_parameters(side, step.name),
    )
    with side.store.translating("reading", name=step.name, is_request=False):
        head = answer["Body"].read()
    _check_etag(step, str(answer["ETag"]))
    return head, _kept(answer)


# -- what the destination stored


class _Verdict:
    """What the destination says of what was sent."""

    def __init__(self) -> None:
        self.count = Count()
        self.unproven: Spool[str] = Spool()
        self.wrong: list[Trouble] = []


def _verified(plan: Plan, expected: Spool[Copied]) -> _Verdict:
    """Compare what was sent with what the destination says that it has. One listing."""
    while True:
        verdict = _Verdict()
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


def _judge(plan: Plan, sent: Copied, stored: Entry | None, verdict: _Verdict) -> None:
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


def _is_gone(source: Place, name: str) -> bool:
    try:
        if isinstance(source, Folder):
            return not source.file(name).exists()
        look_at(source.storage, name)
    except ObjectNotFound:
        return True
    return False
