"""The mirror: a second store that gets every change of the first, while a project moves from one to the other.

Changes are not played again: two writers of one name may finish in another order there than here. After each change of a
name, whoever made it brings the mirror to what the store has under that name now, looks at the store again, and repeats
until the store did not change in between. Whatever was written to the mirror last was then the store's own state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from django.core.files.base import ContentFile

from holdall import names as file_names
from holdall.errors import AccessRefused, HoldallError, InvalidName, ObjectChanged, ObjectNotFound, StoreFailed
from holdall.s3 import owed, trash
from holdall.s3.begun import MARK
from holdall.s3.bodies import in_parts
from holdall.s3.multipart import LEAST_WORK_BYTES_PER_SECOND
from holdall.s3.patience import Deadline, ending_by
from holdall.s3.ranges import MAX_COPY_BYTES, Source
from holdall.s3.reading import ObjectReader
from holdall.s3.saving import KEPT, NewObject
from holdall.sites import is_below
from holdall.storage import misses
from holdall.storage.objects import reading_parameters

# So often one name is brought up again because others change it meanwhile.
ROUNDS = 20
WORKERS = 16
# The metadata that is Holdall's own, and is each store's own.
_OURS = "holdall-"
REMEDY = "`holdall copy` from the store to the mirror makes it good."
# A version of a file: its ETag and the mark of the save that made it.
Version = tuple[str, str]


class Mirror:
    """The mirror of one storage. Nothing that goes wrong with it reaches whoever saves or deletes."""

    def __init__(self, own: Any, options: Mapping[str, Any]) -> None:
        self._own, self._options = own, options
        self._storage: Any = None
        location = str(options.get("location") or "").strip("/")
        place = (
            str(options.get("endpoint_url") or options.get("local_folder") or ""),
            str(options["bucket_name"]),
            location,
        )
        under = f', under "{location}"' if location else ""
        where = f'bucket "{options["bucket_name"]}"{under} at {place[0] or "Amazon S3"}'
        self._misses = misses.of(place, where, REMEDY)

    @classmethod
    def between(cls, own: Any, storage: Any) -> Mirror:
        """Give a storage's mirror for another storage that is known to be it."""
        names = ("bucket_name", "endpoint_url", "local_folder", "location")
        made = cls(own, {name: getattr(storage, name) for name in names})
        made._storage = storage
        return made

    @property
    def storage(self) -> Any:
        """The mirror as a storage of its own: of the same class and with the same options, in another place."""
        if self._storage is None:
            made = type(self._own)(**self._options)
            # It shares nothing of what is known about the way to the own store: where one is stuck, the other may not be.
            made._target = replace(made._target, is_mirror=True)
            self._storage = made
        return self._storage

    @property
    def mirrored(self) -> int:
        """How many changes this process has brought to the mirror."""
        return self._misses.mirrored

    @property
    def missed(self) -> int:
        """How many changes of this process the mirror missed. `holdall copy` makes them good."""
        return self._misses.missed

    @property
    def last_failure(self) -> str:
        """What went wrong last; empty if nothing did."""
        return self._misses.last_failure

    @property
    def is_paused(self) -> bool:
        """Whether the mirror is left alone at present, because it did not answer. Every change is missed meanwhile."""
        return self._misses.is_paused

    # -- what the storage tells of

    def follow(self, name: str, *, is_new: bool = False) -> None:
        """Bring the mirror to what the store has under a name that was just written. Never raises.

        Requests: a GET, a PUT to the mirror and a HEAD; within one provider a HEAD, a copy by the store and a HEAD. Of a
        long file as many more as its parts.
        """
        failure = self._try([name], partial(self._bring, name))
        if failure is not None and (not is_new or getattr(failure.error, "outcome_unknown", False)):
            # `copy` finds what is missing there, and does not know by itself what is old.
            self._note([name])

    @contextmanager
    def replacing(self, name: str) -> Iterator[None]:
        """Enclose what replaces a file of the store, or may do so, and bring the mirror up after it. Adds no error.

        Requests: a PUT and a DELETE of a note, and those of `follow`.
        """
        note = self._note([name])
        try:
            yield
        except HoldallError as failure:
            if failure.answer is not None and not failure.outcome_unknown:
                # Refused for certain.
                self._settle(note)
            raise
        if self._try([name], partial(self._bring, name)) is None:
            self._settle(note)

    def removing(
        self, names: Collection[str], remove: Callable[[], Collection[str]], *, trash_key: str = ""
    ) -> Collection[str]:
        """Remove files from the store by `remove`, which gives those that are gone, and then from the mirror.

        `trash_key`: where in the store's trash the file is now; the mirror's goes into the mirror's trash.

        Requests: a PUT and a DELETE of a note; a DELETE to the mirror, for up to 1,000 files, and a HEAD for each. With a
        trash a HEAD and a copy by the mirror more.

        Raises:
            HoldallError: what `remove` raises. The mirror never does.
        """
        note = self._note(names)
        try:
            gone = remove()
        except HoldallError as failure:
            if failure.answer is not None and not failure.outcome_unknown:
                # Refused for certain.
                self._settle(note)
            raise
        if not gone or self._try(gone, partial(self._bring_removed, list(gone), trash_key)) is None:
            self._settle(note)
        return gone

    def forget(self, trash_keys: Collection[str]) -> None:
        """Delete from the mirror's trash what was deleted from the store's. One request. Never raises."""
        keys = [{"Key": self._there(key)} for key in trash_keys]

        def deed() -> None:
            store = self.storage.store
            with self._limited():
                store.call("delete_objects", action="deleting", client=store.client, Delete={"Objects": keys})

        self._try(list(trash_keys), deed)

    def bring(self, name: str) -> None:
        """Bring the mirror to what the store has under a name now; what the store has no more goes into the mirror's trash.

        Requests: as `follow`, and as `removing` with a trash.

        Raises:
            HoldallError: it could not be done, or the name is changed by others without end.
        """
        self._check_apart()
        trash_key = ""
        # Of a name that is too long for the trash, the mirror's file is deleted.
        with suppress(InvalidName):
            trash_key = trash.new_key(self._own._prefix(""), file_names.clean(name))
        self._bring(name, trash_key=trash_key)

    # -- whatever goes wrong

    def _try(self, names: Collection[str], deed: Callable[[], None]) -> _Failure | None:
        error: Exception | None = None
        if self._misses.admits():
            try:
                self._check_apart()
                deed()
            except Exception as failure:  # noqa: BLE001  a project's own class may raise anything, and saving goes on
                error = failure
            else:
                self._misses.followed(len(names))
                return None
        self._misses.failed(self._own, names, error)
        return _Failure(error)

    def _note(self, names: Collection[str]) -> str:
        try:
            return owed.write(self._own.store, self._own._prefix(""), names)
        except HoldallError as failure:
            misses.log.warning(
                "It could not be noted in the store what its mirror may miss, which matters if the mirror fails now: %s",
                failure,
            )
            return ""

    def _settle(self, note: str) -> None:
        if note:
            # One that stays is read by `copy`, and changes nothing.
            with suppress(HoldallError):
                owed.settle(self._own.store, note)

    def _check_apart(self) -> None:
        """Make sure, once per process, that the mirror is not the store itself, reached by another address.

        Requests: one PUT, which says in the store which one the mirror is; a PUT, a HEAD and a DELETE where the buckets have
        one name and the locations are not apart.

        Raises:
            StoreFailed: it is. Nothing was changed.
        """
        own, there, known = self._own, self.storage, self._misses
        if not known.is_apart and not known.is_the_store:
            mine, theirs = own.location.strip("/"), there.location.strip("/")
            nested = not mine or not theirs or is_below(mine, theirs) or is_below(theirs, mine)
            if own.bucket_name == there.bucket_name and nested:
                known.is_the_store = self._shows_a_note()
            known.is_apart = not known.is_the_store
            if known.is_apart:
                owed.tell(own.store, own._prefix(""), place_of(there))
        if known.is_the_store:
            raise StoreFailed(
                f"The mirror is the store itself, or overlaps it, reached by another address: {there.store.where()}. Nothing "
                f"was sent to it. Name another bucket in `{there.env_prefix or 'MIRROR_'}STORAGE_BUCKET_NAME`"
            )

    def _shows_a_note(self) -> bool:
        note = owed.write(self._own.store, self._own._prefix(""), ())
        try:
            with self._limited():
                self.storage.store.call("head_object", action="looking for", name=note, Key=note)
        except (ObjectNotFound, AccessRefused):
            # Refused, where the keys end at the mirror's location, or may not list.
            return False
        finally:
            self._settle(note)
        return True

    # -- one name

    def _bring(self, name: str, *, is_gone: bool = False, trash_key: str = "") -> None:
        deadline = Deadline(self._seconds)
        for _ in range(ROUNDS):
            try:
                version = None if is_gone else self._put(name, deadline)
                if version is None:
                    self._remove(name, trash_key, deadline)
            except (ObjectChanged, ObjectNotFound):
                # Replaced or deleted while it was copied.
                is_gone = False
                continue
            now = self._own.look_at_own(name)
            if (None if now is None else (now.etag, now.mark)) == version:
                return
            is_gone = now is None
        raise StoreFailed(f'"{name}" was changed {ROUNDS} times while it was mirrored')

    def _bring_removed(self, names: list[str], trash_key: str) -> None:
        if len(names) == 1:
            self._bring(names[0], is_gone=True, trash_key=trash_key)
            return
        there = self.storage
        keys = [{"Key": there._key(name)} for name in names]
        with self._limited():
            answer = there.store.call(
                "delete_objects", action="deleting", client=there.store.client, Delete={"Objects": keys}
            )
        if refused := answer.get("Errors"):
            first = refused[0]
            raise StoreFailed(f'"{first.get("Key")}" and perhaps others could not be deleted ({first.get("Code")})')
        with ThreadPoolExecutor(min(WORKERS, len(names)), thread_name_prefix="holdall-mirror") as pool:
            for name, now in zip(names, pool.map(self._own.look_at_own, names), strict=True):
                if now is not None:
                    self._bring(name)

    def _put(self, name: str, deadline: Deadline) -> Version | None:
        """Copy what the store has now, and give its version; None if it has none."""
        own, there = self._own, self.storage
        asked = {"name": name, "Key": own._key(name), **reading_parameters(own, name)}
        client = own._client or own.store.client
        try:
            if own._target.with_bucket(None) == there._target.with_bucket(None):
                found = own.store.call("head_object", action="looking for", client=client, **asked)
                if self._copied(name, found, asked, deadline):
                    return _version(found)
            found = own.store.call("get_object", action="reading", client=client, **asked)
        except ObjectNotFound:
            return None
        size_bytes, body = int(found["ContentLength"]), found["Body"]
        made = self._new_object(name, found)
        if size_bytes <= made.parts.threshold_bytes:
            with own.store.translating("reading", name=name, is_request=False):
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
            with self._limited():
                made.start(again=True)
            etags = made.send_all(in_parts(reader, made.parts.part_bytes))
            with self._limited(size_bytes):
                made.finish(etags)

    def _copied(self, name: str, found: Mapping[str, Any], asked: Mapping[str, Any], deadline: Deadline) -> bool:
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
        with ending_by(deadline) if size_bytes < LEAST_WORK_BYTES_PER_SECOND else self._limited(size_bytes):
            return self._new_object(name, found).copy(source)

    def _new_object(self, name: str, found: Mapping[str, Any]) -> NewObject:
        """Prepare the mirror's object: all that the own store says of the file; who can read it, and how it is encrypted,
        is the mirror's.
        """
        made: NewObject = self.storage._new_object(name, ContentFile(b""), replace=True)
        kept = {parameter: found[parameter] for parameter in KEPT if found.get(parameter)}
        others = {
            parameter: value for parameter, value in made.parameters.items() if parameter not in {*KEPT, "Metadata"}
        }
        metadata = {label: text for label, text in (found.get("Metadata") or {}).items() if not label.startswith(_OURS)}
        # The version is known again by its mark, whoever copies it.
        etag, mark = _version(found)
        return replace(made, mark=mark or etag.strip('"'), parameters={**kept, **others, "Metadata": metadata})

    def _remove(self, name: str, trash_key: str, deadline: Deadline) -> None:
        there = self.storage
        with ending_by(deadline), suppress(ObjectNotFound):
            if not trash_key:
                there.store.call("delete_object", action="deleting", name=name, Key=there._key(name))
                return
            while (seen := there.look_at_own(name)) is not None:
                if there.into_trash(name, seen, self._there(trash_key)):
                    return

    def _there(self, trash_key: str) -> str:
        """Give the mirror's key of what has a key in the store's trash."""
        return f"{self.storage._prefix('')}{trash_key.removeprefix(self._own._prefix(''))}"

    @property
    def _seconds(self) -> float:
        return float(self.storage._target.timeout_seconds)

    @contextmanager
    def _limited(self, size_bytes: int = 0) -> Iterator[None]:
        """Wait for the mirror no longer than its time limit inside, and longer for its work on a long file."""
        with ending_by(Deadline(self._seconds + size_bytes / LEAST_WORK_BYTES_PER_SECOND)):
            yield


class _Failure:
    """A change that the mirror missed, and why; None: it was not asked."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


def place_of(storage: Any) -> dict[str, str]:
    """Say where a storage's store is, so that it is known again."""
    return {
        "bucket_name": str(storage.bucket_name),
        "location": storage.location.strip("/"),
        "address": str(storage.local_folder or storage.endpoint_url or ""),
    }


def _version(found: Mapping[str, Any]) -> Version:
    return str(found["ETag"]), str((found.get("Metadata") or {}).get(MARK) or "")
