"""The part of the storage that takes files away: for good, or into the trash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from holdall import names
from holdall.errors import HoldallError, ObjectNotFound, StoreFailed
from holdall.s3 import deleting, trash
from holdall.storage.batches import batched
from holdall.storage.commits import after_commit
from holdall.storage.reading import reading_parameters
from holdall.storage.writing import WritingStorage

WORKERS = 16


class DiscardingStorage(WritingStorage):
    """The storage that writes, with what deletes files. `MediaStorage` gives it its options."""

    trash: int | None

    def delete(self, name: str) -> None:
        """Delete a file; if it does not exist, this is not an error. One DELETE; with a mirror five requests.

        With `trash` it is moved into the trash instead, if a transaction of a database is open when that commits; a file
        that is saved under its name meanwhile stays. One HEAD, one copy by the store and one DELETE.

        Raises:
            ValueError: the name is empty, which would mean the whole store.
        """
        if not name:
            raise ValueError("The name must be given to delete().")
        if self.trash:
            self._discard_later([name])
            return
        self._removed(name, lambda: self._delete_for_good(name))

    def _delete_for_good(self, name: str) -> bool:
        with suppress(ObjectNotFound), self.translating("deleting", name):
            answer = self.bucket.Object(self._key(name)).delete()
            self.store.check_whole("delete_object", {}, answer, action="deleting", name=name)
        return True

    def delete_many(self, names: Iterable[str]) -> None:
        """Delete files; missing ones are not an error. One request for each 1,000; with `trash` as `delete`, for each.

        Raises:
            StoreFailed: some could not be deleted, and which; all others are.
        """
        if self.trash:
            self._discard_later([_given(name) for name in names])
            return
        failed: list[str] = []
        for batch in batched({self._key(name): name for name in names if _given(name)}.items()):
            by_key: dict[str, str] = dict(batch)
            if (mirror := self.mirror) is None:
                self._delete_batch(by_key, failed)
            else:
                mirror.removing(list(by_key.values()), partial(self._delete_batch, by_key, failed))
        if failed:
            raise StoreFailed(f"Could not be deleted from {self.store.where()}: {', '.join(failed)}.")

    def _delete_batch(self, by_key: dict[str, str], failed: list[str]) -> list[str]:
        """Delete files by their keys and give the names of those that are gone; add to `failed` what the others met."""
        answer = self.store.call(
            "delete_objects",
            action="deleting",
            name=next(iter(by_key.values())),
            client=self.connection.meta.client,
            Delete={"Objects": [{"Key": key} for key in by_key]},
        )
        refused = {str(error["Key"]): error.get("Code") for error in answer.get("Errors", ())}
        failed += [f'"{by_key[key]}" ({code})' for key, code in refused.items()]
        return [name for key, name in by_key.items() if key not in refused]

    def _discard_later(self, given: list[str]) -> None:
        """Move files, as they are now, into the trash, as soon as no open transaction could bring their rows back."""
        with ThreadPoolExecutor(min(WORKERS, len(given)) or 1, thread_name_prefix="holdall-look") as pool:
            looked = zip(given, pool.map(self.look_at_own, given), strict=True)
            found = {name: seen for name, seen in looked if seen is not None}
        after_commit(
            lambda: self._discard_all(found, self.discard), lambda: self._discard_all(found, self._discard_same)
        )

    def _discard_all(self, found: Mapping[str, deleting.Seen], discard: Callable[[str, deleting.Seen], object]) -> None:
        def deed(name: str) -> HoldallError | None:
            try:
                discard(name, found[name])
            except HoldallError as failure:
                return failure
            return None

        with ThreadPoolExecutor(min(WORKERS, len(found)) or 1, thread_name_prefix="holdall-trash") as pool:
            done = zip(found, pool.map(deed, found), strict=True)
            refuse_failed({name: failure for name, failure in done if failure is not None}, of=len(found))

    def _discard_same(self, name: str, seen: deleting.Seen) -> None:
        """Discard a file that was looked at a while ago: one of the same bytes may have been saved in its place since."""
        if self.look_at_own(name) == seen:
            self.discard(name, seen)

    def look_at_own(self, name: str) -> deleting.Seen | None:
        """Look at a file in this very store, not in a fork's parent. One HEAD."""
        parameters = reading_parameters(self, name)
        return deleting.look(self.store, self._client, name=name, key=self._key(name), parameters=parameters)

    def discard(self, name: str, seen: deleting.Seen) -> bool:
        """Delete the file that was looked at, or move it into the trash if there is one. False: another one has the name.

        Requests: those of `holdall.s3.deleting.delete`; with `trash` one copy more.
        """
        if not self.trash:
            parameters = reading_parameters(self, name)
            return self._removed(
                name, lambda: deleting.delete(self.store, self._client, seen, name=name, parameters=parameters)
            )
        return self.into_trash(name, seen, trash.new_key(self._prefix(""), names.clean(name)))

    def into_trash(self, name: str, seen: deleting.Seen, key: str) -> bool:
        """Move the file that was looked at into the trash, under this key. False: another one has its name.

        Requests: those of `holdall.s3.trash.move`.
        """
        parameters = self.get_object_parameters(name)
        return self._removed(
            name,
            lambda: trash.move(self.store, self._client, seen, name=name, to=key, parameters=parameters),
            trash_key=key,
        )

    def _removed(self, name: str, remove: Callable[[], bool], *, trash_key: str = "") -> bool:
        """Remove a file by `remove`, from the mirror too if there is one; `remove` says whether it is gone."""
        if (mirror := self.mirror) is None:
            return remove()
        return bool(mirror.removing([name], lambda: [name] if remove() else [], trash_key=trash_key))


def refuse_failed(failed: Mapping[str, HoldallError], *, of: int) -> None:
    """Raise what went wrong with so many files: of a single one its own error, else one that names those that failed.

    Raises:
        StoreFailed: some of several could not be deleted.
    """
    if failed and of == 1:
        raise next(iter(failed.values()))
    if failed:
        named = "; ".join(f'"{name}": {failure}' for name, failure in failed.items())
        raise StoreFailed(f"Could not be deleted, {len(failed):,} of {of:,}; all others are: {named}")


def _given(name: str) -> str:
    if not name:
        raise ValueError("The name must be given to delete_many().")
    return name
