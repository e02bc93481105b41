"""What is in a store's trash: list it, bring files back, empty it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.core.files.base import ContentFile

from holdall import names
from holdall.bulk.work import FATAL, WORKERS, mapped
from holdall.errors import HoldallError, InvalidName, NameTaken, ObjectNotFound, StoreFailed
from holdall.s3.begun import MARK, mark_of_copy
from holdall.s3.condition import conditional_put_holds
from holdall.s3.ranges import Source
from holdall.s3.reading import ObjectReader
from holdall.s3.said import KEPT_INSIDE, all_said_of, told_at
from holdall.s3.trash import FOLDER, Trashed, read_key
from holdall.storage import MediaStorage
from holdall.storage.batches import batched
from holdall.storage.objects import has_file, key_of, new_object, prefix_of, reading_parameters, walk_own, wrote

# So many are named that could not be deleted.
SHOWN = 20
# No deletion takes longer from its copy into the trash to the DELETE.
SETTLED_AFTER = timedelta(minutes=10)
_GONE = frozenset({"NoSuchKey", "404"})


def entries(storage: MediaStorage) -> Iterator[Trashed]:
    """Give what is in the trash, in the order in which the store lists: by the time of the deletion. One request for 1,000."""
    return (one for one, _ in _aged(storage))


def _aged(storage: MediaStorage) -> Iterator[tuple[Trashed, timedelta]]:
    """Give each with how long ago it was deleted, by the clock of the store."""
    prefix = prefix_of(storage)
    for page in storage.store.pages(action="listing the trash", Prefix=f"{prefix}{FOLDER}"):
        # The accident: by a clock of this machine that is a month ahead, what was deleted today would be deleted for good.
        now = told_at(page) or datetime.now(UTC)
        for found in page.get("Contents", ()):
            if read := read_key(found["Key"], prefix):
                one = Trashed(*read, found["Key"], int(found["Size"]), str(found["ETag"]))
                yield one, now - one.deleted


def latest(trashed: Iterable[Trashed], asked: Iterable[str]) -> dict[str, Trashed]:
    """Give the last deleted file of each of these names that has one."""
    wanted, found = set(asked), dict[str, Trashed]()
    for one in trashed:
        # The key tells what the second does not.
        if one.name in wanted and (one.name not in found or found[one.name][1:3] <= one[1:3]):
            found[one.name] = one
    return found


class Restored(NamedTuple):
    """A file that was asked for, and what became of it."""

    name: str
    failure: HoldallError | None = None
    # Whether the same file was there, so that it was only taken out of the trash.
    was_back: bool = False


def restore(storage: MediaStorage, one: Trashed) -> bool:
    """Bring a file back under its own name, with all that the store said of it, and take it out of the trash.

    A restore that was killed leaves an empty file under the name, or the file itself, with a mark by which the next one
    knows it and goes on. False: the same file had the name, and only had to be taken out of the trash, or was by another one.

    Requests: four HEAD, two that copy, one DELETE; one HEAD more where the name is taken. Where it is back, three HEAD and
    one DELETE.

    Raises:
        InvalidName: no file can have such a name, which somebody else put into the trash.
        NameTaken: another file has the name by now; both are left as they are.
        ObjectNotFound: the file is not in the trash any more.
        StoreFailed: what was brought back is not what was in the trash; that is still there.
    """
    if names.clean(one.name) != one.name:
        # The accident: "a/../b" would come back as "b".
        raise InvalidName(f"{one.name!r} is no clean name of a file. It is still in the trash, as {one.key!r}.")
    try:
        return _restore(storage, one)
    except ObjectNotFound:
        # Two restores at once: the other one has brought it back.
        there = _at_its_name(storage, one)
        if there is None or not _is_marked(there, one) or there["ContentLength"] != one.size_bytes:
            raise
        return False


def _restore(storage: MediaStorage, one: Trashed) -> bool:
    store = storage.store
    reading = reading_parameters(storage, one.name)
    found = _in_trash(storage, one)
    # In a fork it may be the parent's by now; and not every store takes the condition on a PUT.
    if has_file(storage, one.name):
        there = _at_its_name(storage, one)
        if there is not None and _is_back(one, found, there):
            # The one that was killed may not have told the storage of it.
            wrote(storage, one.name)
            _take_out(storage, one)
            return False
        if there is None or not _is_reserved(there, one):
            raise NameTaken(f'"{one.name}" is taken in {store.where()}. Nothing was changed.')
    conditional_put_holds(store, None, name=one.name, key=key_of(storage, one.name))
    made = new_object(storage, one.name, ContentFile(b""), replace=False)
    kept = _said(found)
    # What the store did not say of it is not said now either; the storage decides who can read it, how it is encrypted…
    others = {name: value for name, value in made.parameters.items() if name not in {*KEPT_INSIDE, "Metadata"}}
    made = replace(made, parameters={**kept, **others}, mark=_mark(one))
    source = Source(
        bucket_name=str(storage.bucket_name),
        key=one.key,
        etag=str(found["ETag"]),
        size_bytes=int(found["ContentLength"]),
        parameters=reading,
        look=partial(_in_trash, storage, one),
    )
    if not made.copy(source):
        with ObjectReader(store, None, name=one.name, key=one.key, parameters=reading) as trashed:
            made.create(trashed, again=True)
    wrote(storage, one.name)
    back = _at_its_name(storage, one)
    # Not every server keeps the mark; another one is somebody else's.
    mark = None if back is None else (back.get("Metadata") or {}).get(MARK)
    if back is None or back["ContentLength"] != source.size_bytes or mark not in {None, _mark(one)}:
        raise StoreFailed(
            f'"{one.name}" is not what was in the trash after it was restored. It is still in the trash; look at both.'
        )
    _take_out(storage, one)
    return True


def _take_out(storage: MediaStorage, one: Trashed) -> None:
    # A lifecycle rule may have been there first, and not every store calls that a success.
    with suppress(ObjectNotFound):
        storage.store.call("delete_object", action="restoring", name=one.name, Key=one.key)
    if storage.mirror is not None:
        storage.mirror.forget([one.key])


def _mark(one: Trashed) -> str:
    """Give what a restore marks the file with under its name: that of this very deletion."""
    return mark_of_copy(one.name, one.size_bytes, one.key)


def _in_trash(storage: MediaStorage, one: Trashed) -> Any:
    return _looked(storage, one.name, one.key)


def _at_its_name(storage: MediaStorage, one: Trashed) -> Any | None:
    """Look at what has the name in this very store; None if nothing has: the parent of a fork may."""
    with suppress(ObjectNotFound):
        return _looked(storage, one.name, key_of(storage, one.name))
    return None


def _looked(storage: MediaStorage, name: str, key: str) -> Any:
    store = storage.store
    # By the SDK, whose answer has all that the store says.
    client, reading = store.client, reading_parameters(storage, name)
    return store.call("head_object", action="restoring", name=name, client=client, Key=key, **reading)


def _said(found: Any) -> dict[str, Any]:
    """Give what the store says of an object, but for the mark of who saved it."""
    said = all_said_of(found)
    return said | {"Metadata": {name: value for name, value in said["Metadata"].items() if name != MARK}}


def _is_marked(there: Any, one: Trashed) -> bool:
    return (there.get("Metadata") or {}).get(MARK) == _mark(one)


def _is_reserved(there: Any, one: Trashed) -> bool:
    """Say whether what has the name is what a restore of this file reserved it with, and did not fill."""
    # Somebody's own empty file has another mark, or none.
    return not there["ContentLength"] and _is_marked(there, one)


def _is_restored(one: Trashed, found: Any, there: Any) -> bool:
    """Say whether a restore of this very deletion made what has the name, and its bytes are those in the trash.

    By the mark: whoever saves there later leaves another one, or none. The ETags of one content can differ, where one of them
    is made of parts, or under a key; two plain ones that differ speak against the mark: a program changed the bytes, and kept
    what is said of them.
    """
    if there["ContentLength"] != found["ContentLength"] or not _is_marked(there, one):
        return False
    return bool(there["ETag"] == found["ETag"]) or not (_is_plain(there) and _is_plain(found))


def _is_back(one: Trashed, found: Any, there: Any) -> bool:
    """Say whether what has the name is what is in the trash, in all that the store says, and stays there.

    If no restore made it, somebody saved the same. The accident: a deletion that has copied a file into the trash, and is
    about to delete it where it was. So that file must be the younger one, by more than any deletion takes.
    """
    if there["ContentLength"] != found["ContentLength"] or _said(there) != _said(found):
        return False
    is_saved_later = there["LastModified"] - found["LastModified"] >= SETTLED_AFTER
    return _is_restored(one, found, there) or bool(there["ETag"] == found["ETag"] and is_saved_later)


def _is_plain(found: Any) -> bool:
    """Say whether an ETag is that of the bytes in one piece, without a key: every copy has it."""
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    has_key = str(found.get("ServerSideEncryption") or "AES256") != "AES256" or bool(found.get("SSECustomerAlgorithm"))
    return "-" not in found["ETag"] and not has_key


def unfinished(storage: MediaStorage) -> Iterator[Trashed]:
    """Give what a restore that was killed had begun to bring back, and did not take out of the trash.

    Requests: one for each 1,000 files of the store, two for each 1,000 of its trash; a HEAD for each file in the trash of
    whose name the store has a file that is as long, or empty.
    """
    # A number for each file in the trash; the few names that both have are kept.
    deleted = {hash(one.name) for one in entries(storage)}
    there = {one.name: one.size_bytes for one in walk_own(storage) if hash(one.name) in deleted} if deleted else {}
    candidates = (one for one in entries(storage) if there.get(one.name) in {0, one.size_bytes}) if there else ()
    for one, is_begun in mapped(lambda one: (one, _is_begun(storage, one)), candidates, WORKERS):
        if is_begun:
            yield one


def _is_begun(storage: MediaStorage, one: Trashed) -> bool:
    """Say whether a restore of this file was killed. One HEAD; another where it had the bytes."""
    there = _at_its_name(storage, one)
    if there is None or not _is_marked(there, one):
        return False
    with suppress(ObjectNotFound):
        return _is_reserved(there, one) or _is_back(one, _in_trash(storage, one), there)
    return False


def restore_all(storage: MediaStorage, wanted: Mapping[str, Trashed]) -> Iterator[Restored]:
    """Bring files back, several at a time; give each name, with what went wrong.

    Raises:
        WriteRefused, CredentialsRefused, BucketNotFound: no other file would fare better.
    """

    def deed(one: Trashed) -> Restored:
        try:
            return Restored(one.name, was_back=not restore(storage, one))
        except HoldallError as failure:
            return Restored(one.name, failure)

    # What the first of them learns of the store is not asked by all.
    results = mapped(deed, wanted.values(), WORKERS, is_quick=lambda one: one is next(iter(wanted.values())))
    with closing(results):
        for restored in results:
            if isinstance(restored.failure, FATAL):
                raise restored.failure
            yield restored


def due(storage: MediaStorage, *, kept_seconds: float) -> Iterator[Trashed]:
    """Give what has been in the trash for so long, by the store's clock."""
    return (one for one, age in _aged(storage) if age.total_seconds() >= kept_seconds)


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
        # What somebody else, or a lifecycle rule, has deleted meanwhile is deleted.
        errors = (error for error in answer.get("Errors", ()) if error.get("Code") not in _GONE)
        failed += [f'"{error["Key"]}" ({error.get("Code")})' for error in errors]
        if storage.mirror is not None:
            storage.mirror.forget([one.key for one in batch])
    if failed:
        more = f" and {len(failed) - SHOWN:,} more" if len(failed) > SHOWN else ""
        raise StoreFailed(f"Could not be deleted from the trash in {store.where()}: {', '.join(failed[:SHOWN])}{more}.")
