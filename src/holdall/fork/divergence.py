"""How a fork differs from its parent: what was added, replaced and hidden."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from holdall.errors import ObjectNotFound
from holdall.fork.storage import ForkedStorage
from holdall.fork.tombstones import Hidden
from holdall.s3.bodies import sha256_of
from holdall.storage import MediaStorage
from holdall.storage.objects import Entry, look_at, walk_own

WORKERS = 16
KINDS = ("added", "replaced", "same", "hidden", "gone")


class Change(NamedTuple):
    """One name by which a fork differs from its parent.

    "added": the parent has no such file. "replaced": it has another. "same": it has the same one by now.
    "hidden": the fork deleted the parent's file. "gone": it did, and the parent has none any more.
    """

    name: str
    kind: str
    # The fork's own file, or what it hid.
    size_bytes: int
    etag: str
    # What the parent has now.
    parents: Entry | None


class Total(NamedTuple):
    """How many names of a kind there are, and how long their files are together."""

    files: int
    size_bytes: int


def diff(fork: ForkedStorage) -> Iterator[Change]:
    """Give all by which a fork differs from its parent, own files first.

    Requests: one for each 1,000 own and hidden names, one HEAD in the parent for each, and one GET for each that is
    hidden. Files of one length whose ETags cannot be compared, because they were sent in parts, are read whole.
    """
    own = {entry.name for entry in walk_own(fork)}
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="holdall-diff") as pool:
        yield from pool.map(lambda entry: _of_own(fork, entry), walk_own(fork))
        for hidden in pool.map(fork.tombstones.read, fork.tombstones.all()):
            # A name that was saved again is the fork's own.
            if hidden is not None and hidden.name not in own:
                yield _of_hidden(fork, hidden)


def totals(changes: Iterator[Change]) -> dict[str, Total]:
    """Count changes by their kind."""
    counted = dict.fromkeys(KINDS, Total(0, 0))
    for change in changes:
        files, size_bytes = counted[change.kind]
        counted[change.kind] = Total(files + 1, size_bytes + change.size_bytes)
    return counted


def is_same(one: MediaStorage, first: Entry, other: MediaStorage, second: Entry) -> bool:
    """Say whether two files are byte for byte the same: by their ETags where these tell, else by reading both."""
    if first.size_bytes != second.size_bytes:
        return False
    if first.etag == second.etag:
        return True
    # ETags that differ tell nothing: they depend on the parts of an upload, and on the keys that encrypt.
    return _digest(one, first.name) == _digest(other, second.name)


def _digest(storage: MediaStorage, name: str) -> bytes:
    with storage.open(name) as file:
        return sha256_of(file)


def _parents(fork: ForkedStorage, name: str) -> Entry | None:
    if fork.is_not_the_parents(name):
        return None
    with suppress(ObjectNotFound):
        return look_at(fork.parent, name)
    return None


def _of_own(fork: ForkedStorage, own: Entry) -> Change:
    parents = _parents(fork, own.name)
    kind = "added" if parents is None else "same" if is_same(fork, own, fork.parent, parents) else "replaced"
    return Change(own.name, kind, own.size_bytes, own.etag, parents)


def _of_hidden(fork: ForkedStorage, hidden: Hidden) -> Change:
    parents = _parents(fork, hidden.name)
    return Change(hidden.name, "hidden" if parents else "gone", hidden.size_bytes, hidden.etag, parents)
