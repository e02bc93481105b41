"""Bring a fork's own files and deletions into its parent: a plan, and what carries out exactly that plan.

Nothing of the parent's is ever overwritten, and nothing is deleted there but what the fork saw when it hid it. What was
done is found done by the next run, so an interrupted one is taken up by running it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from storages.utils import ReadBytesWrapper

from holdall.errors import HoldallError, NameTaken, ObjectChanged, ObjectNotFound, StoreFailed, WriteRefused
from holdall.fork.divergence import Change, is_same
from holdall.fork.ownership import check_lineage, check_owner, check_parents_owner
from holdall.fork.storage import ForkedStorage
from holdall.fork.tombstones import HIDDEN
from holdall.s3.condition import conditional_put_holds
from holdall.s3.reading import ObjectReader
from holdall.storage import MediaStorage
from holdall.storage.files import ObjectFile
from holdall.storage.objects import Entry, key_of, look_at, new_object, source_of, writing
from holdall.storage.upload import Upload

OTHER_FILE = "the parent has another file of this name"
REPLACED = "the parent's file was replaced since it was deleted here"
FORGED = (
    f"what hides it here was not made by this fork; look at the object under {HIDDEN}, delete it there, and delete the "
    "file again if that is meant"
)


class Step(NamedTuple):
    """One thing to do in the parent."""

    # "copy" or "delete".
    action: str
    name: str
    size_bytes: int
    # Of the own file that is copied, or of the parent's file that is deleted; anything else is left alone.
    etag: str


class Conflict(NamedTuple):
    """A name that stays as it is in the parent, and why."""

    name: str
    reason: str


class Plan(NamedTuple):
    """What promoting would do."""

    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...]
    # How many names agree already.
    settled: int


class Outcome(NamedTuple):
    """What was done, and what was not."""

    done: tuple[Step, ...]
    conflicts: tuple[Conflict, ...]
    failures: tuple[Conflict, ...]


def plan(changes: Iterable[Change]) -> Plan:
    """Say what promoting these changes would do. Requests: none beside those of `diff`."""
    steps: list[Step] = []
    conflicts: list[Conflict] = []
    settled = 0
    for change in changes:
        if change.kind == "added":
            steps.append(Step("copy", change.name, change.size_bytes, change.etag))
        elif change.kind == "replaced":
            if _is_reservation(change):
                steps.append(Step("copy", change.name, change.size_bytes, change.etag))
            else:
                conflicts.append(Conflict(change.name, OTHER_FILE))
        elif change.kind == "hidden" and change.parents is not None:
            if not change.etag:
                conflicts.append(Conflict(change.name, FORGED))
            elif (change.parents.etag, change.parents.size_bytes) == (change.etag, change.size_bytes):
                steps.append(Step("delete", change.name, change.size_bytes, change.etag))
            else:
                conflicts.append(Conflict(change.name, REPLACED))
        else:
            settled += 1
    return Plan(tuple(steps), tuple(conflicts), settled)


def check(fork: ForkedStorage, parent: MediaStorage) -> None:
    """Make sure that this run may write to both stores, before it writes to either. Requests: three or four GET.

    Raises:
        WriteRefused: the parent or the own store belongs to another environment, or was started as another store's fork.
    """
    for store in (fork, parent):
        if isinstance(store, ForkedStorage):
            check_lineage(store)
    check_owner(fork)
    check_parents_owner(parent)


def apply(
    planned: Plan, fork: ForkedStorage, parent: MediaStorage, *, report: Callable[[Step], object] = lambda step: None
) -> Outcome:
    """Carry out a plan in the parent, which is given here as a storage that may write.

    Requests: those of `check`; to copy, a HEAD, two or three that copy within one provider (else those of reading and
    saving) and a HEAD that verifies; to delete, two HEAD and two DELETE.

    Raises:
        WriteRefused: as `check`; nothing was sent.
    """
    check(fork, parent)
    done: list[Step] = []
    conflicts: list[Conflict] = list(planned.conflicts)
    failures: list[Conflict] = []
    for step in planned.steps:
        try:
            if step.action == "copy":
                _copy(step, fork, parent)
            else:
                _delete(step, fork, parent)
        except NameTaken:
            conflicts.append(Conflict(step.name, OTHER_FILE))
        except ObjectChanged as changed:
            conflicts.append(Conflict(step.name, str(changed)))
        except WriteRefused as refused:
            # The store changed hands meanwhile: no other step would fare better.
            failures.append(Conflict(step.name, str(refused)))
            break
        except HoldallError as failure:
            failures.append(Conflict(step.name, str(failure)))
        else:
            done.append(step)
            report(step)
    return Outcome(tuple(done), tuple(conflicts), tuple(failures))


def _is_reservation(change: Change) -> bool:
    # It looks like one of an earlier run that was interrupted between the two requests of a copy. Its mark shows whose it
    # is, and is checked before anything is written over it.
    return change.parents is not None and change.parents.size_bytes == 0 < change.size_bytes


def _copy(step: Step, fork: ForkedStorage, parent: MediaStorage) -> None:
    if found := _find(parent, step.name):
        if is_same(fork, Entry(step.name, step.size_bytes, step.etag), parent, found):
            return
        if found.size_bytes or not step.size_bytes:
            raise NameTaken(step.name)
    # As it is in the store, compressed if it is: the object itself is promoted.
    key = key_of(fork, step.name)
    read = partial(ObjectReader, fork.store, None, name=step.name, key=key, parameters={})
    with ObjectFile(read, name=step.name, mode="rb") as file:
        if file.reader and (file.reader.etag or step.etag) != step.etag:
            raise ObjectChanged(f'"{step.name}" was replaced in the fork since the plan was made. Plan again.')
        _create(step, fork, parent, file)
    saved = _find(parent, step.name)
    if saved is None or not is_same(fork, Entry(step.name, step.size_bytes, step.etag), parent, saved):
        raise StoreFailed(
            f'"{step.name}" is not the same in the parent after it was copied. Look at both, and run again.'
        )


def _create(step: Step, fork: ForkedStorage, parent: MediaStorage, file: ObjectFile) -> None:
    source = source_of(parent, Upload(file, name=step.name, remembered_bytes=0))
    conditional_put_holds(parent.store, None, name=step.name, key=key_of(parent, step.name))
    made = new_object(parent, step.name, file)
    # The same in each run: what one that was interrupted reserved is known again for ours.
    mark = hashlib.sha256(f"{step.name}\n{step.etag}\n{source is None}".encode()).hexdigest()[:16]
    made = replace(made, mark=mark, parameters={**made.parameters, **_kept_headers(fork, step.name)})
    # The parent may be on its way to another place.
    with writing(parent, made):
        if source is None or not made.copy(source):
            file.seek(0)
            made.create(ReadBytesWrapper(file), again=True)


def _kept_headers(fork: ForkedStorage, name: str) -> dict[str, Any]:
    """Give what belongs to the bytes and not to the place. The rest is the parent's to decide, as for any upload."""
    # By the SDK, whose answer is whole.
    key = key_of(fork, name)
    found = fork.store.call("head_object", action="reading", name=name, client=fork.store.client, Key=key)
    return {label: found[label] for label in ("ContentEncoding", "ContentLanguage") if found.get(label)}


def _delete(step: Step, fork: ForkedStorage, parent: MediaStorage) -> None:
    found = _find(parent, step.name)
    if found is not None and (found.etag, found.size_bytes) != (step.etag, step.size_bytes):
        raise ObjectChanged(REPLACED)
    if found is not None and not _delete_seen(step, parent):
        raise ObjectChanged(REPLACED)
    # Nothing is left to hide; what the parent gains later is to show.
    fork.unhide(step.name)


def _delete_seen(step: Step, parent: MediaStorage) -> bool:
    """Delete the parent's file that the fork saw, and no other that was saved under its name since."""
    own = parent.look_at_own(step.name)
    if own is not None and (own.etag, own.size_bytes) != (step.etag, step.size_bytes):
        return False
    if isinstance(parent, ForkedStorage):
        return parent.delete_own(step.name, own)
    return own is None or parent.discard(step.name, own)


def _find(storage: MediaStorage, name: str) -> Entry | None:
    with suppress(ObjectNotFound):
        return look_at(storage, name)
    return None
