"""The other stores of an environment, and what their domains and endpoints show of private files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from holdall.bases import Base, base_of
from holdall.doctor.examination import Examination, Sister
from holdall.environment import exposure
from holdall.environment.exposure import Shelf
from holdall.environment.values import Said
from holdall.errors import HoldallError

_OPTIONS = (
    "bucket_name", "location", "endpoint_url", "public_endpoint_url", "provider", "public", "querystring_auth",
    "custom_domain", "default_acl", "domain_is_limited", "env_prefix", "local_folder",
)  # fmt: skip


class Door(NamedTuple):
    """An address at which somebody who knows a key might read the file."""

    # Whose it is.
    label: str
    # What comes before the key.
    base: str


def chain(storage: Any) -> Iterator[Any]:
    """Give a storage, and those above it if it is a fork."""
    while storage is not None:
        yield storage
        storage = getattr(storage, "parent", None)


def shelves(alias: str, storage: Any) -> list[Shelf]:
    """Tell who can read the files of a storage on S3, and of those above it."""
    return [
        shelf
        for one in chain(storage)
        for shelf in exposure.shelves(
            alias, {name: getattr(one, name, None) for name in _OPTIONS}, backend=type(one).__name__
        )
    ]


def published(examination: Examination) -> list[Said]:
    """Say which private files another store would publish. Requests: none."""
    if examination.entry is None:
        prefix = examination.reading.prefix if examination.reading else ""
        return exposure.of_environment(examination.environ, prefix=prefix)
    mine = shelves(examination.alias, examination.storage)
    others = [shelf for sister in examination.sisters for shelf in shelves(sister.label, sister.storage)]
    # Each is reported once: with the store whose files are in danger.
    return exposure.problems_of([*mine, *others], mine)


def doors(examination: Examination) -> list[Door]:
    """Give every domain and every endpoint of all other stores, and of all that are above one, each once.

    Requests: none, but for an Amazon region that is not configured.
    """
    found = [
        door
        for label, storage in _all(examination)
        if storage is not examination.storage
        for door in _doors(label, storage)
    ]
    return list({door.base: door for door in reversed(found)}.values())[::-1]


def domain_of(storage: Any) -> Base | None:
    """Give the base of a storage's custom domain."""
    domain = getattr(storage, "custom_domain", None)
    return base_of(domain, url_protocol=getattr(storage, "url_protocol", None)) if domain else None


def _all(examination: Examination) -> Iterator[tuple[str, Any]]:
    for one in chain(examination.storage):
        yield "the parent", one
    for sister in examination.sisters:
        for one in chain(sister.storage):
            yield sister.label, one


def _doors(label: str, storage: Any) -> Iterator[Door]:
    if base := domain_of(storage):
        yield Door(label, f"{base.url}/")
    seen_through = Examination(storage)
    if not seen_through.is_s3:
        return
    try:
        place = seen_through.connection.place()
    except HoldallError:
        # The run for that store says why.
        return
    if place is not None:
        yield Door(label, place.base)


def private_neighbours(examination: Examination) -> list[Sister]:
    """Give the stores, and those above them, that keep private files in the bucket of a public one."""
    own = shelves(examination.alias, examination.storage)[:1]
    found = [Sister(label, one) for label, one in _all(examination) if one is not examination.storage]
    return [
        sister
        for sister in found
        for shelf in shelves(sister.label, sister.storage)[:1]
        if own and not shelf.is_public and exposure.same_bucket(own[0], shelf)
    ]


def some_key(storage: Any, *, apart_from: str) -> str | None:
    """Give the key of a file that a storage of ours keeps; None if its first page lists none.

    Requests: one page of a listing.
    """
    if (connection := getattr(storage, "store", None)) is None:
        return None
    location = str(storage.location or "").strip("/")
    start = f"{location}/" if location else ""
    try:
        page = connection.call("list_objects_v2", action="checking", Prefix=start, MaxKeys=50)
    except HoldallError:
        # Keys that are not allowed to list are not a fault.
        return None
    keys = (str(entry["Key"]) for entry in page.get("Contents", ()) if entry.get("Size", 0))
    return next((key for key in keys if not key.startswith(apart_from)), None)
