"""Remove a fork's own store: what the fork wrote, nothing of its parent's, and nothing that was there before it.

If the store was empty when the fork was started, everything in it is the fork's. If not, others may still write there,
and a file is the fork's only if it has the fork's stamp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

from holdall.errors import ObjectNotFound, StoreFailed, WriteRefused
from holdall.fork.storage import STAMP, ForkedStorage
from holdall.fork.tombstones import HIDDEN
from holdall.s3 import claims
from holdall.s3.claims import Claim
from holdall.sites import is_below, is_reserved
from holdall.storage.batches import batched
from holdall.storage.objects import prefix_of, reading_parameters

WORKERS = 16
# Both claims are made by one write, the owner's first; one that is older was there before the fork.
TOGETHER = timedelta(minutes=1)


class Removal(NamedTuple):
    """What dropping a fork would delete."""

    keys: tuple[str, ...]
    # Own files among them, and their length; the rest is Holdall's own.
    files: int
    size_bytes: int
    # Folders of other stores, which are kept.
    others: tuple[str, ...]
    # How many objects are kept because the fork did not write them.
    kept: int
    # The versions of the objects when this was planned: what was saved under their keys since is not deleted.
    etags: Mapping[str, str]


class _Found(NamedTuple):
    key: str
    # Without the store's location.
    name: str
    size_bytes: int
    modified: datetime
    etag: str


def plan(fork: ForkedStorage) -> Removal:
    """Say what dropping a fork would delete.

    Requests: one for each 1,000 objects and one GET. One HEAD for each file, a few at a time, if the store was not
    empty when the fork was started.

    Raises:
        WriteRefused: the parent is in the own store, reached by another address; or the store was never started as a
            fork, so its files belong to somebody else.
    """
    fork.store.claims.look()
    # The fork's own bucket may contain other forks; each is known by its claim.
    others = tuple(sorted({folder for found in _objects(fork) if (folder := _store_at(found.name))}))
    # The last to go: as long as they stand, nobody else takes the store for a free one.
    last: dict[str, _Found] = {}
    mine: list[_Found] = []
    for found in _objects(fork):
        if found.name in _CLAIMS:
            last[found.name] = found
        elif not any(is_below(found.name, folder) for folder in others):
            mine.append(found)
    begun = last.get(_CLAIMS[0])
    if begun is None:
        if mine:
            raise WriteRefused(
                f"{fork.store.where()} was never started as a fork, so its files belong to somebody else. Nothing was "
                "deleted. Check the variables that name the fork's own store."
            )
        return _removal([*last.values()], others=others, kept=0)
    was_empty = _was_empty(fork)
    written = _written(fork, mine, since=begun.modified if was_empty else None)
    if not was_empty and (owner := last.get(_CLAIMS[1])) and begun.modified - owner.modified > TOGETHER:
        del last[owner.name]
    return _removal([*written, *last.values()], others=others, kept=len(mine) - len(written))


def _removal(found: list[_Found], *, others: tuple[str, ...], kept: int) -> Removal:
    files = [one for one in found if not is_reserved(one.name)]
    return Removal(
        tuple(one.key for one in found),
        len(files),
        sum(one.size_bytes for one in files),
        others,
        kept,
        {one.key: one.etag for one in found},
    )


def _was_empty(fork: ForkedStorage) -> bool:
    for claim in fork._claims():
        if claim.kind == "fork":
            said = claims.read_whole(claim, fork.store.call)
            return said is not None and said.get("was_empty") is True
    return False


def _written(fork: ForkedStorage, found: list[_Found], *, since: datetime | None) -> list[_Found]:
    """Pick what the fork wrote; all of it `since`, if that is given."""

    def is_written(one: _Found) -> bool:
        if (since is not None and one.modified > since) or one.name.startswith(HIDDEN):
            return True
        return not is_reserved(one.name) and _is_stamped(fork, one)

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="holdall-drop") as pool:
        return [one for one, is_mine in zip(found, pool.map(is_written, found), strict=True) if is_mine]


def _is_stamped(fork: ForkedStorage, found: _Found) -> bool:
    try:
        answer = fork.store.call(
            "head_object",
            action="looking for",
            name=found.name,
            Key=found.key,
            **reading_parameters(fork, found.name),
        )
    except ObjectNotFound:
        return False
    return bool(answer.get("Metadata", {}).get(STAMP) == fork.stamp)


def apply(planned: Removal, fork: ForkedStorage, *, report: Callable[[int], object] = lambda count: None) -> None:
    """Delete what the plan names, as it was then where the provider has conditional deletes.

    Requests: one for each 1,000 objects.

    Raises:
        WriteRefused: the store belongs to another environment; nothing was deleted.
        StoreFailed: some were replaced meanwhile, or could not be deleted. Run it again.
    """
    start = prefix_of(fork)
    has_condition = fork.store.target.provider.conditional_delete
    last = [key for key in planned.keys if key[len(start) :] in _CLAIMS]
    # In a request of their own: if some files stay, so do the claims on them.
    for batch in filter(None, (*batched(key for key in planned.keys if key not in last), last)):
        answer = fork.store.call(
            "delete_objects",
            action="dropping",
            name=batch[0],
            client=fork.store.client,
            Delete={
                "Objects": [
                    {"Key": key, "ETag": planned.etags[key]} if has_condition else {"Key": key} for key in batch
                ]
            },
        )
        # What is gone already is as it should be.
        if errors := [error for error in answer.get("Errors", ()) if error.get("Code") != "NoSuchKey"]:
            named = ", ".join(f'"{error["Key"]}" ({error.get("Code")})' for error in errors[:5])
            raise StoreFailed(
                f"{len(errors)} objects could not be deleted from {fork.store.where()}: {named}. Try again."
            )
        report(len(batch))


_CLAIMS = tuple(Claim(kind=kind, holder="").name for kind in ("fork", "owner"))


def _store_at(name: str) -> str:
    """Give the folder of another store, if this is the name of its claim."""
    return next((name.removesuffix(f"/{claim}") for claim in _CLAIMS if name.endswith(f"/{claim}")), "")


def _objects(fork: ForkedStorage) -> Iterator[_Found]:
    start = prefix_of(fork)
    for page in fork.store.pages(action="listing", name="", Prefix=start):
        for found in page.get("Contents", ()):
            modified = found["LastModified"]
            if not isinstance(modified, datetime):
                modified = datetime.fromisoformat(modified)
            yield _Found(found["Key"], found["Key"][len(start) :], int(found["Size"]), modified, str(found["ETag"]))
