"""The twins: for each file of a store the mirror's one of the same name, made, compared, and taken away. Raises what fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace as changed
from typing import Any, NamedTuple

from django.core.files.base import ContentFile

from holdall.errors import HoldallError, NameTaken, ObjectChanged, ObjectNotFound, StoreFailed
from holdall.s3 import deleting
from holdall.s3.begun import MARK, mark_of_copy
from holdall.s3.bodies import in_parts
from holdall.s3.condition import conditional_put_holds
from holdall.s3.deleting import Seen
from holdall.s3.multipart import LEAST_WORK_BYTES_PER_SECOND
from holdall.s3.patience import Deadline, ending_by
from holdall.s3.ranges import MAX_COPY_BYTES, Source
from holdall.s3.reading import ObjectReader
from holdall.s3.said import KEPT, said_of
from holdall.s3.saving import NewObject
from holdall.storage.reading import reading_parameters

# The metadata that is Holdall's own, and is each store's own.
_OURS = "holdall-"


class Version(NamedTuple):
    """What a version of a file is known by: the mark of the save that made it, and where there is none its ETag."""

    etag: str
    mark: str
    size_bytes: int

    def is_now(self, seen: Seen | None) -> bool:
        """Say whether a file that was looked at is this version."""
        if seen is None:
            return False
        if self.mark and seen.mark:
            # Parts of another length make another ETag of the same bytes. What reserves a name is empty.
            return (seen.mark, seen.size_bytes) == (self.mark, self.size_bytes)
        return (seen.etag, seen.mark) == (self.etag, self.mark)


@contextmanager
def asking_the_store() -> Iterator[None]:
    """Tell a failure of the store itself from one of its mirror, which is left alone for a while if it does not answer.

    Raises:
        StoreFailed: the store failed.
    """
    try:
        yield
    except (ObjectChanged, ObjectNotFound):
        raise
    except HoldallError as failure:
        raise StoreFailed(f"it was not told what the store itself has: {failure}") from failure


class Twins:
    """The files of a mirror, each made from the store's of the same name."""

    def __init__(self, own: Any, there: Any) -> None:
        self._own, self._there = own, there

    @property
    def seconds(self) -> float:
        """How long the mirror is waited for."""
        return float(self._there._target.timeout_seconds)

    @contextmanager
    def limited(self, size_bytes: int = 0) -> Iterator[None]:
        """Wait for the mirror no longer than its time limit inside, and longer for its work on a long file."""
        with ending_by(Deadline(self.seconds + size_bytes / LEAST_WORK_BYTES_PER_SECOND)):
            yield

    def key_in_trash(self, trash_key: str) -> str:
        """Give the mirror's key of what has a key in the store's trash."""
        return f"{self._there._prefix('')}{trash_key.removeprefix(self._own._prefix(''))}"

    # -- made

    def create(self, made: NewObject, deadline: Deadline) -> None:
        """Copy what was just saved, if no other file has its name there.

        Raises:
            NameTaken: one has. Nothing was changed.
            ObjectChanged, ObjectNotFound: the store's file was replaced or deleted meanwhile.
        """
        there, name = self._there, made.name
        with ending_by(deadline):
            holds = conditional_put_holds(there.store, None, name=name, key=there._key(name))
            # Without the condition names are random for whoever saves there first, and cannot be those of others.
            if not holds and there.look_at_own(name) is not None and not self.is_there(made):
                raise NameTaken(name)
        self.put(name, deadline, replace=not holds)

    def put(self, name: str, deadline: Deadline, *, replace: bool = True) -> Version | None:
        """Copy what the store has now, and give its version; None if it has none.

        Raises:
            NameTaken: without `replace`, another file has the name there. Nothing was changed.
            ObjectChanged, ObjectNotFound: the store's file was replaced or deleted meanwhile.
        """
        own, there = self._own, self._there
        asked = {"name": name, "Key": own._key(name), **reading_parameters(own, name)}
        client = own._client or own.store.client
        try:
            if own._target.with_bucket(None) == there._target.with_bucket(None):
                with asking_the_store():
                    found = own.store.call("head_object", action="looking for", client=client, **asked)
                if self._copied(self._new_object(name, found, replace=replace), found, asked, deadline):
                    return _version(found)
            with asking_the_store():
                found = own.store.call("get_object", action="reading", client=client, **asked)
        except ObjectNotFound:
            return None
        size_bytes, body = int(found["ContentLength"]), found["Body"]
        made = self._new_object(name, found, replace=replace)
        if size_bytes <= made.parts.threshold_bytes:
            with asking_the_store(), own.store.translating("reading", name=name, is_request=False):
                data = body.read()
            with ending_by(deadline):
                made.put(data)
            return _version(found)
        body.close()
        parameters = {key: value for key, value in asked.items() if key not in {"name", "Key"}}
        with ObjectReader(own.store, own._client, name=name, key=asked["Key"], parameters=parameters) as reader:
            if reader.etag != found["ETag"]:
                raise ObjectChanged(f'"{name}" was replaced meanwhile.')
            self._send(made, reader, size_bytes)
        return _version(found)

    def _send(self, made: NewObject, reader: ObjectReader, size_bytes: int) -> None:
        """Send a long file in parts. Each may wait as long as any request; they take as long as they move."""
        with made.taking_back():
            with self.limited():
                made.start(again=True)
            etags = made.send_all(in_parts(reader, made.parts.part_bytes))
            with self.limited(size_bytes):
                made.finish(etags)

    def _copied(self, made: NewObject, found: Mapping[str, Any], asked: Mapping[str, Any], deadline: Deadline) -> bool:
        """Let the store copy a file by itself. False: it does not, and the file can be sent."""
        size_bytes = int(found.get("ContentLength") or 0)
        if size_bytes > MAX_COPY_BYTES:
            return False
        source = Source(
            bucket_name=str(self._own.bucket_name),
            key=asked["Key"],
            etag=str(found["ETag"]),
            size_bytes=size_bytes,
            parameters={key: value for key, value in asked.items() if key not in {"name", "Key"}},
        )
        with ending_by(deadline) if size_bytes < LEAST_WORK_BYTES_PER_SECOND else self.limited(size_bytes):
            return made.copy(source)

    def _new_object(self, name: str, found: Mapping[str, Any], *, replace: bool) -> NewObject:
        """Prepare the mirror's object: all that the own store says of the file; who can read it, and how it is encrypted,
        is the mirror's.
        """
        made: NewObject = self._there._new_object(name, ContentFile(b""), replace=replace)
        kept = said_of(found)
        others = {
            parameter: value for parameter, value in made.parameters.items() if parameter not in {*KEPT, "Metadata"}
        }
        metadata = {label: text for label, text in kept.pop("Metadata").items() if not label.startswith(_OURS)}
        # The version is known again by its mark, whoever copies it.
        version = _version(found)
        mark = version.mark or version.etag.strip('"')
        return changed(made, mark=mark, parameters={**kept, **others, "Metadata": metadata})

    # -- compared

    def is_there(self, made: NewObject) -> bool:
        """Say whether the mirror's file is what was just saved, or a copy of it that `holdall copy` has made. One HEAD."""
        there = self._there.look_at_own(made.name)
        return there is not None and (_is_of(there, made) or there.mark == _copys_mark(there, made))

    def look_here(self, name: str) -> Seen | None:
        """Look at what the store has now. One HEAD."""
        with asking_the_store():
            here: Seen | None = self._own.look_at_own(name)
        return here

    def is_here(self, made: NewObject) -> bool:
        """Say whether the store still has what was just saved. One HEAD."""
        here = self.look_here(made.name)
        return here is not None and _is_of(here, made)

    # -- taken away

    def remove(self, name: str, trash_key: str, deadline: Deadline) -> None:
        """Delete the mirror's file, or move it to where the store's is in its trash."""
        there = self._there
        with ending_by(deadline), suppress(ObjectNotFound):
            if not trash_key:
                there.store.call("delete_object", action="deleting", name=name, Key=there._key(name))
                return
            while (seen := there.look_at_own(name)) is not None:
                if there.into_trash(name, seen, self.key_in_trash(trash_key)):
                    return

    def take_back(self, made: NewObject, deadline: Deadline) -> None:
        """Delete from the mirror what was just saved; never what somebody else has put there since."""
        there, name = self._there, made.name
        with ending_by(deadline):
            seen = there.look_at_own(name)
            if seen is not None and _is_of(seen, made):
                deleting.delete(there.store, None, seen, name=name, parameters=reading_parameters(there, name))


def _version(found: Mapping[str, Any]) -> Version:
    mark = str((found.get("Metadata") or {}).get(MARK) or "")
    return Version(str(found["ETag"]), mark, int(found.get("ContentLength") or 0))


def _is_of(seen: Seen, made: NewObject) -> bool:
    """Say whether an object is of this save. Not every server keeps the mark."""
    return seen.mark == made.mark if seen.mark else seen.etag == made.etag


def _copys_mark(seen: Seen, made: NewObject) -> str:
    return mark_of_copy(made.name, seen.size_bytes, made.etag.strip('"'))
