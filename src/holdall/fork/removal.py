"""Remove a fork's own store: all of its objects, none of its parent's, and none of another store's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from holdall.errors import StoreFailed, WriteRefused
from holdall.fork.storage import ForkedStorage
from holdall.s3.claims import Claim
from holdall.sites import is_below, is_reserved
from holdall.storage.media import batched


class Removal(NamedTuple):
    """What dropping a fork would delete."""

    keys: tuple[str, ...]
    # Own files among them, and their length; the rest is Holdall's own.
    files: int
    size_bytes: int
    # Folders in which other stores lie, which stay.
    others: tuple[str, ...]


def plan(fork: ForkedStorage) -> Removal:
    """Say what dropping a fork would delete. One request for each 1,000 objects.

    Raises:
        WriteRefused: the parent lies in the own store, reached by another address; or the store was never begun as a
            fork, so that its files are somebody else's.
    """
    fork.make_sure()
    start = fork._prefix("")
    # In an own bucket other forks may lie, each known by its claim.
    others = tuple(sorted({folder for key, _ in _objects(fork) if (folder := _store_at(key[len(start) :]))}))
    keys: list[str] = []
    claims: list[str] = []
    files = size_bytes = 0
    for key, length in _objects(fork):
        name = key[len(start) :]
        if any(is_below(name, folder) for folder in others):
            continue
        if name in _CLAIMS:
            # The last to go: as long as they stand, nobody else takes the store for a free one.
            claims.append(key)
            continue
        keys.append(key)
        if not is_reserved(name):
            files, size_bytes = files + 1, size_bytes + length
    if keys and f"{start}{_CLAIMS[0]}" not in claims:
        raise WriteRefused(
            f"{fork.store.where()} was never begun as a fork, so what lies there is somebody else's. Nothing was deleted. "
            "Check the variables that name the fork's own store."
        )
    return Removal((*keys, *claims), files, size_bytes, others)


def apply(planned: Removal, fork: ForkedStorage, *, report: Callable[[int], object] = lambda count: None) -> None:
    """Delete what the plan names. One request for each 1,000 objects.

    Raises:
        WriteRefused: the store belongs to another environment; nothing was deleted.
        StoreFailed: some could not be deleted. Run it again.
    """
    start = fork._prefix("")
    last = [key for key in planned.keys if key[len(start) :] in _CLAIMS]
    # In a request of their own: if some files stay, so do the claims on them.
    for batch in filter(None, (*batched(key for key in planned.keys if key not in last), last)):
        answer = fork.store.call(
            "delete_objects",
            action="dropping",
            name=batch[0],
            client=fork.store.client,
            Delete={"Objects": [{"Key": key} for key in batch]},
        )
        if errors := answer.get("Errors"):
            named = ", ".join(f'"{error["Key"]}" ({error.get("Code")})' for error in errors[:5])
            raise StoreFailed(
                f"{len(errors)} objects could not be deleted from {fork.store.where()}: {named}. Try again."
            )
        report(len(batch))


_CLAIMS = tuple(Claim(kind=kind, holder="").name for kind in ("fork", "owner"))


def _store_at(name: str) -> str:
    """Give the folder of another store, if this is the name of its claim."""
    return next((name.removesuffix(f"/{claim}") for claim in _CLAIMS if name.endswith(f"/{claim}")), "")


def _objects(fork: ForkedStorage) -> Iterator[tuple[str, int]]:
    for page in fork.store.pages(action="listing", name="", Prefix=fork._prefix("")):
        yield from ((found["Key"], int(found["Size"])) for found in page.get("Contents", ()))
