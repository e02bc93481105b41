"""A storage's files as the objects they are: what Holdall's other rooms use of a storage, beside what projects use.

Projects subclass `MediaStorage`, so it has few public names: whatever a project calls a method of its own, none of these is
replaced by accident. Nothing else outside of the storage touches its underscores, and a test watches over that.

What works on objects by itself has to do what `save` and `delete` do for a project: to ask whether a name is free, and to
tell the storage what was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from storages.utils import ReadBytesWrapper

from holdall import sites
from holdall.providers import Provider
from holdall.s3.connection import Connection
from holdall.s3.multipart import Parts
from holdall.s3.ranges import Source
from holdall.s3.saving import NewObject
from holdall.s3.target import Target
from holdall.storage.entry import Entry, Leave, unnoticed
from holdall.storage.media import MediaStorage
from holdall.storage.reading import reading_parameters
from holdall.storage.upload import Upload

__all__ = [
    "Entry",
    "cache_seconds_of",
    "client_of",
    "create_compressed",
    "has_file",
    "has_own_keys",
    "is_compressed",
    "key_of",
    "lines_of",
    "links_of",
    "look_at",
    "new_object",
    "on_its_side",
    "parts_of",
    "prefix_of",
    "reading_parameters",
    "site_of",
    "source_of",
    "target_of",
    "walk",
    "walk_own",
    "writing",
    "wrote",
]

T = TypeVar("T")


# -- where they are


def target_of(storage: MediaStorage) -> Target:
    """Give what decides where a storage's requests go, and how. Makes no connection."""
    return storage._target


def site_of(storage: MediaStorage, provider: Provider | None = None) -> sites.Site:
    """Tell where a storage's own store lies; `provider` is of one that is not made yet."""
    return sites.site(
        provider or target_of(storage).provider,
        endpoint_url=storage.endpoint_url,
        bucket_name=str(storage.bucket_name),
        location=storage.location,
        is_local=bool(storage.local_folder),
    )


def key_of(storage: MediaStorage, name: str) -> str:
    """Give the key of a file, by the project's own rule if it has one.

    Raises:
        InvalidName: the name is no file's.
    """
    return storage._key(name)


def prefix_of(storage: MediaStorage) -> str:
    """Give what all keys of a storage begin with: empty, or ending in a slash."""
    return storage._prefix("")


def has_own_keys(storage: MediaStorage) -> bool:
    """Say whether the project has a rule of its own for keys, so that a name may not be the end of its key."""
    return bool(storage._own_keys)


# -- how they are asked for


def client_of(storage: MediaStorage) -> Any:
    """Give the SDK's client that a project put in place of Holdall's connection, through which all goes then; or None."""
    return storage._client


def lines_of(storage: MediaStorage) -> Hashable:
    """Give the places that a storage speaks with: each has threads of its own, so that one that hangs delays no other."""
    return storage._places()


def links_of(storage: MediaStorage) -> Connection:
    """Give the connection to the address for which links are signed: the store's, or another that browsers use."""
    return storage._link_store()


def cache_seconds_of(storage: MediaStorage) -> int:
    """Give how long browsers may keep what a storage gives them."""
    return storage._cache_seconds


# -- what is there


def on_its_side(storage: MediaStorage, name: str, read: Callable[[MediaStorage], T]) -> T:
    """Read something of a file from the store that has it: of a fork, its own or one above.

    Requests: those of `read`; in a fork as `ForkedStorage`.
    """
    return storage._on_its_side(name, read)


def has_file(storage: MediaStorage, name: str) -> bool:
    """Say whether a file has this name; a folder never counts. One HEAD, in a fork as `ForkedStorage`."""
    return storage._has_file(name)


def look_at(storage: MediaStorage, name: str) -> Entry:
    """Look at a file of a storage. One HEAD, at most one more for each fork in between.

    Raises:
        ObjectNotFound: it shows none of this name.
    """
    return on_its_side(storage, name, lambda side: _entry(side, name))


def _entry(side: MediaStorage, name: str) -> Entry:
    found = side.store.call(
        "head_object", action="looking for", name=name, Key=side._key(name), **reading_parameters(side, name)
    )
    return Entry(name, int(found.get("ContentLength") or 0), str(found.get("ETag") or ""))


def walk(storage: MediaStorage, prefix: str = "", after: str = "", leave: Leave = unnoticed) -> Iterator[Entry]:
    """Give every file of a storage whose name begins so; of a fork, its own first. One request for each 1,000.

    `after`: only those that come after this name, in the order in which the store lists. `leave` hears of each object that
    has content under the name of a folder, which no file can have.
    """
    return storage._walk(prefix, after, leave)


def walk_own(storage: MediaStorage) -> Iterator[Entry]:
    """Give every file of a storage's own store, as `walk` does. One request for each 1,000."""
    return storage._walk_own("")


# -- what is stored


def new_object(storage: MediaStorage, name: str, content: Any, *, replace: bool | None = None) -> NewObject:
    """Prepare an object by the storage's own rules. Requests: none.

    `replace` says whether it may take the place of another, where that is not what `save` does.
    """
    return storage._new_object(name, content, replace=replace)


def parts_of(storage: MediaStorage) -> Parts:
    """Give the parts in which a storage sends a long file."""
    return storage._parts()


def source_of(storage: MediaStorage, upload: Upload) -> Source | None:
    """Find the object that an upload is a file of, if the store can copy it by itself."""
    return storage._source_of(upload)


def is_compressed(storage: MediaStorage, made: NewObject) -> bool:
    """Say whether the storage keeps such an object packed."""
    return storage._is_compressed(made.parameters)


def create_compressed(storage: MediaStorage, made: NewObject, file: Any) -> None:
    """Store a file packed. Requests: as `NewObject.create`."""
    made.parameters["ContentEncoding"] = "gzip"
    made.create(storage._compress_content(ReadBytesWrapper(file)), again=False)


def writing(storage: MediaStorage, made: NewObject) -> AbstractContextManager[None]:
    """Enclose what stores a file under a clean name.

    Requests: with a mirror those of `Mirror.claim` or `Mirror.replacing`.

    Raises:
        NameTaken: the mirror has another file of the name; this one is taken back.
    """
    return storage._writing(made)


def wrote(storage: MediaStorage, name: str) -> None:
    """Tell a storage of a file that is stored now, under a clean name: a fork remembers it, a mirror gets it."""
    storage._wrote(name)
