"""The mirror: a second store that gets every change of the first, while a project moves from one to the other.

Changes are not played again: two writers of one name may finish in another order there than here. After each change of a
name, whoever made it brings the mirror to what the store has under that name now, looks at the store again, and repeats
until the store did not change in between. Whatever was written to the mirror last was then the store's own state.

A name that nobody had is claimed in both: while two orders of the stores run side by side, in the middle of a swap, each
names another one as its own, and the one's condition says nothing of the other. So a new file is written to the mirror
under the condition too. Where another file has the name there, neither is replaced: the save gives way, to another name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from holdall import names as file_names
from holdall.errors import (
    AccessRefused,
    HoldallError,
    InvalidName,
    NameTaken,
    ObjectChanged,
    ObjectNotFound,
    StoreFailed,
)
from holdall.s3 import owed, trash
from holdall.s3.patience import Deadline, ending_by
from holdall.s3.saving import NewObject
from holdall.sites import is_below
from holdall.storage import misses
from holdall.storage.twins import Twins, asking_the_store

# So often one name is brought up again because others change it meanwhile.
ROUNDS = 20
WORKERS = 16
REMEDY = "To bring the mirror up to date, run `holdall copy` from the store to the mirror."


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
    def _twins(self) -> Twins:
        return Twins(self._own, self.storage)

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

    def follow(self, name: str) -> None:
        """Bring the mirror to what the store has under a name that was just written. Never raises.

        Requests: a GET, a PUT to the mirror and a HEAD; within one provider a HEAD, a copy by the store and a HEAD. Of a
        long file as many more as its parts.
        """
        if self._try([name], partial(self._bring, name)) is not None:
            # `copy` finds what is missing there, and does not know by itself what is old.
            self._note([name])

    def claim(self, made: NewObject) -> None:
        """Bring a file to the mirror that was just created, under a name that must be free there too.

        Whoever is told of its name can rely on this: no other file had it in either store. If the mirror fails, that is not
        known; then nothing is replaced there, by `copy` neither.

        Requests: as `follow`, and within one provider one more PUT, which reserves the name. Where it is not known whether
        the mirror has conditional writes, three more once per process.

        Raises:
            NameTaken: another file has the name there, or here by now. The store still has this one, the mirror has not.
        """
        is_taken = False

        def deed() -> int:
            nonlocal is_taken
            is_taken = not self._claimed(made)
            return int(not is_taken)

        failure = self._try([made.name], deed)
        if is_taken:
            raise NameTaken(
                f'"{made.name}" was just given to another file, in {self.storage.store.where()}, the mirror of '
                f"{self._own.store.where()}, or in the store itself. Neither was replaced.",
                store=self.storage.store.where(),
                key=made.key,
            )
        if failure is not None and getattr(failure.error, "outcome_unknown", False):
            # It may arrive there when it was deleted here.
            self._note([made.name], mark=made.mark)

    def miss(self, name: str, error: Exception) -> None:
        """Count, log and tell that the mirror does not have a change."""
        self._misses.failed(self._own, [name], error)

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
        keys = [{"Key": self._twins.key_in_trash(key)} for key in trash_keys]

        def deed() -> None:
            store = self.storage.store
            with self._twins.limited():
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

    def _try(self, names: Collection[str], deed: Callable[[], int | None]) -> _Failure | None:
        """Do something with the mirror, and count it; `deed` gives how many changes that were, if not one for each name."""
        error: Exception | None = None
        if self._misses.admits():
            try:
                self._check_apart()
                changes = deed()
            except Exception as failure:  # noqa: BLE001  a project's own class may raise anything, and saving goes on
                error = failure
            except BaseException:
                # A time limit, or a worker that is ended: it says nothing of the mirror.
                self._misses.left()
                raise
            else:
                self._misses.followed(len(names) if changes is None else changes)
                return None
        self._misses.failed(self._own, names, error)
        return _Failure(error)

    def _note(self, names: Collection[str], *, mark: str = "") -> str:
        try:
            return owed.write(self._own.store, self._own._prefix(""), names, mark=mark)
        except HoldallError as failure:
            misses.log.warning(
                "The store could not record what its mirror may miss, which matters only if the mirror fails now: %s",
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
                with asking_the_store():
                    owed.tell(own.store, own._prefix(""), place_of(there))
        if known.is_the_store:
            raise StoreFailed(
                f"The mirror is the store itself, or overlaps it, reached by another address: {there.store.where()}. Nothing "
                f"was sent to it. Name another bucket in `{there.env_prefix or 'MIRROR_'}STORAGE_BUCKET_NAME`"
            )

    def _shows_a_note(self) -> bool:
        with asking_the_store():
            note = owed.write(self._own.store, self._own._prefix(""), ())
        try:
            with self._twins.limited():
                self.storage.store.call("head_object", action="looking for", name=note, Key=note)
        except (ObjectNotFound, AccessRefused):
            # Refused, where the keys end at the mirror's location, or may not list.
            return False
        finally:
            self._settle(note)
        return True

    # -- one name

    def _claimed(self, made: NewObject) -> bool:
        """Bring a new file there. False: another one has the name, there or here by now; the mirror has nothing of this."""
        twins = self._twins
        deadline = Deadline(twins.seconds)
        for _ in range(ROUNDS):
            try:
                twins.create(made, deadline)
            except NameTaken:
                try:
                    with ending_by(deadline):
                        # Whoever copies may have been there first.
                        if twins.is_there(made):
                            return True
                        if self.storage.look_at_own(made.name) is not None:
                            return False
                except AccessRefused:
                    return False
                # It has gone away meanwhile: it was given up there too, or deleted.
                continue
            except (ObjectChanged, ObjectNotFound):
                # Replaced or deleted while it was copied.
                pass
            if twins.is_here(made):
                return True
            # Whoever deleted or replaced it did not mean this file: nobody knew that it had this name.
            twins.take_back(made, deadline)
            return False
        raise StoreFailed(f'"{made.name}" was changed {ROUNDS} times while it was mirrored')

    def _bring(self, name: str, *, is_gone: bool = False, trash_key: str = "") -> None:
        twins = self._twins
        deadline = Deadline(twins.seconds)
        for _ in range(ROUNDS):
            try:
                version = None if is_gone else twins.put(name, deadline)
                if version is None:
                    twins.remove(name, trash_key, deadline)
            except (ObjectChanged, ObjectNotFound):
                # Replaced or deleted while it was copied.
                is_gone = False
                continue
            now = twins.look_here(name)
            if now is None if version is None else version.is_now(now):
                return
            is_gone = now is None
        raise StoreFailed(f'"{name}" was changed {ROUNDS} times while it was mirrored')

    def _bring_removed(self, names: list[str], trash_key: str) -> None:
        if len(names) == 1:
            self._bring(names[0], is_gone=True, trash_key=trash_key)
            return
        there = self.storage
        keys = [{"Key": there._key(name)} for name in names]
        with self._twins.limited():
            answer = there.store.call(
                "delete_objects", action="deleting", client=there.store.client, Delete={"Objects": keys}
            )
        if refused := answer.get("Errors"):
            first = refused[0]
            raise StoreFailed(f'"{first.get("Key")}" and perhaps others could not be deleted ({first.get("Code")})')
        with ThreadPoolExecutor(min(WORKERS, len(names)), thread_name_prefix="holdall-mirror") as pool:
            for name, now in zip(names, pool.map(self._twins.look_here, names), strict=True):
                if now is not None:
                    self._bring(name)


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
