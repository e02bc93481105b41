"""What is in a store's trash: list it, bring files back, empty it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from django.core.files.base import ContentFile

from holdall.bulk.work import mapped
from holdall.errors import (
    BucketNotFound,
    CredentialsRefused,
    HoldallError,
    NameTaken,
    ObjectNotFound,
    StoreFailed,
    WriteRefused,
)
from holdall.s3.begun import MARK, mark_of_copy
from holdall.s3.condition import conditional_put_holds
from holdall.s3.ranges import Source
from holdall.s3.reading import ObjectReader
from holdall.s3.said import KEPT, said_of
from holdall.s3.trash import FOLDER, Trashed, is_due, read_key
from holdall.storage import MediaStorage
from holdall.storage.batches import batched
from holdall.storage.objects import has_file, key_of, new_object, prefix_of, reading_parameters, walk_own, wrote

# So many files are brought back at a time.
WORKERS = 16
# So many are named that could not be deleted.
SHOWN = 20
_FATAL = (WriteRefused, CredentialsRefused, BucketNotFound)


def entries(storage: MediaStorage) -> Iterator[Trashed]:
    """Give what is in the trash, in the order in which the store lists: by the time of the deletion. One request for 1,000."""
    prefix = prefix_of(storage)
    for page in storage.store.pages(action="listing the trash", Prefix=f"{prefix}{FOLDER}"):
        for found in page.get("Contents", ()):
            if read := read_key(found["Key"], prefix):
                yield Trashed(*read, found["Key"], int(found["Size"]), str(found["ETag"]))


def latest(trashed: Iterable[Trashed], names: Iterable[str]) -> dict[str, Trashed]:
    """Give the last deleted file of each of these names that has one."""
    wanted, found = set(names), dict[str, Trashed]()
    for one in trashed:
        # The key tells what the second does not.
        if one.name in wanted and (one.name not in found or found[one.name][1:3] <= one[1:3]):
            found[one.name] = one
    return found


def restore(storage: MediaStorage, one: Trashed) -> None:
    """Bring a file back under its own name, with all that the store said of it, and take it out of the trash.

    A restore that was killed leaves an empty file under the name, with a mark by which the next one knows it and goes on.

    Requests: four HEAD, two that copy, one DELETE; one HEAD more where the name is taken.

    Raises:
        NameTaken: another file has the name by now; both are left as they are.
        ObjectNotFound: the file is not in the trash any more.
        StoreFailed: what was brought back is not what was in the trash; that is still there.
    """
    store = storage.store
    reading = reading_parameters(storage, one.name)
    found = store.call("head_object", action="restoring", name=one.name, client=store.client, Key=one.key, **reading)
    # In a fork it may be the parent's by now; and not every store takes the condition on a PUT.
    if has_file(storage, one.name) and not _is_reserved(storage, one):
        raise NameTaken(f'"{one.name}" is taken in {store.where()}. Nothing was changed.')
    conditional_put_holds(store, None, name=one.name, key=key_of(storage, one.name))
    made = new_object(storage, one.name, ContentFile(b""), replace=False)
    kept = said_of(found)
    metadata = {name: value for name, value in kept.pop("Metadata").items() if name != MARK}
    # What the store did not say of it is not said now either; the storage decides who can read it, how it is encrypted…
    others = {name: value for name, value in made.parameters.items() if name not in {*KEPT, "Metadata"}}
    made = replace(made, parameters={**kept, **others, "Metadata": metadata}, mark=_mark(one))
    source = Source(
        bucket_name=str(storage.bucket_name),
        key=one.key,
        etag=str(found["ETag"]),
        size_bytes=int(found["ContentLength"]),
        parameters=reading,
        look=partial(
            store.call, "head_object", action="restoring", name=one.name, client=store.client, Key=one.key, **reading
        ),
    )
    if not made.copy(source):
        with ObjectReader(store, None, name=one.name, key=one.key, parameters=reading) as trashed:
            made.create(trashed, again=True)
    wrote(storage, one.name)
    back = storage.look_at_own(one.name)
    if back is None or back.size_bytes != source.size_bytes:
        raise StoreFailed(
            f'"{one.name}" is not what was in the trash after it was restored. It is still in the trash; look at both.'
        )
    store.call("delete_object", action="restoring", name=one.name, Key=one.key)
    if storage.mirror is not None:
        storage.mirror.forget([one.key])


def _mark(one: Trashed) -> str:
    """Give what a restore marks the file with under its name: that of this very deletion."""
    return mark_of_copy(one.name, one.size_bytes, one.key)


def _is_reserved(storage: MediaStorage, one: Trashed) -> bool:
    """Say whether what has the name is what a restore of this file reserved it with, and did not fill. One HEAD."""
    store = storage.store
    reading = reading_parameters(storage, one.name)
    key = key_of(storage, one.name)
    try:
        found = store.call("head_object", action="restoring", name=one.name, client=store.client, Key=key, **reading)
    except ObjectNotFound:
        # The parent's of a fork.
        return False
    # Somebody's own empty file has another mark, or none.
    return not found["ContentLength"] and (found.get("Metadata") or {}).get(MARK) == _mark(one)


def unfinished(storage: MediaStorage) -> Iterator[Trashed]:
    """Give what a restore that was killed had reserved the name of, and did not bring back.

    Requests: one for each 1,000 files of the store and of its trash; one HEAD for each empty file of a name in the trash.
    """
    empty = {entry.name for entry in walk_own(storage) if not entry.size_bytes}
    candidates = (one for one in entries(storage) if one.name in empty) if empty else ()
    for one, is_reserved in mapped(lambda one: (one, _is_reserved(storage, one)), candidates, WORKERS):
        if is_reserved:
            yield one


def restore_all(storage: MediaStorage, wanted: Mapping[str, Trashed]) -> Iterator[tuple[str, HoldallError | None]]:
    """Bring files back, several at a time; give each name, with what went wrong.

    Raises:
        WriteRefused, CredentialsRefused, BucketNotFound: no other file would fare better.
    """

    def deed(one: Trashed) -> HoldallError | None:
        try:
            restore(storage, one)
        except HoldallError as failure:
            return failure
        return None

    # What the first of them learns of the store is not asked by all.
    results = mapped(deed, wanted.values(), WORKERS, is_quick=lambda one: one is next(iter(wanted.values())))
    with closing(results):
        for name, failure in zip(wanted, results, strict=True):
            if isinstance(failure, _FATAL):
                raise failure
            yield name, failure


def due(storage: MediaStorage, *, kept_seconds: float) -> Iterator[Trashed]:
    """Give what has been in the trash for so long, now and not when it is listed."""
    now = datetime.now(UTC)
    return (one for one in entries(storage) if is_due(one, kept_seconds, now))


def empty(storage: MediaStorage, trashed: Iterable[Trashed]) -> None:
    """Delete files in the trash for good. One request for each 1,000.

    Raises:
        StoreFailed: some could not be deleted, and which.
    """
    store, failed = storage.store, list[str]()
    for batch in batched(trashed):
        answer = store.call(
            "delete_objects",
            action="emptying the trash",
            client=store.client,
            Delete={"Objects": [{"Key": one.key} for one in batch]},
        )
        failed += [f'"{error["Key"]}" ({error.get("Code")})' for error in answer.get("Errors", ())]
        if storage.mirror is not None:
            storage.mirror.forget([one.key for one in batch])
    if failed:
        more = f" and {len(failed) - SHOWN:,} more" if len(failed) > SHOWN else ""
        raise StoreFailed(f"Could not be deleted from the trash in {store.where()}: {', '.join(failed[:SHOWN])}{more}.")
