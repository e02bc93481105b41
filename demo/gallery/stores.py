"""The two stores of the gallery, in words."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.files.storage import storages

from holdall import names
from holdall.fork import ForkedStorage
from holdall.providers import GENERIC, PROVIDERS
from holdall.storage import MediaStorage


@dataclass(frozen=True, slots=True)
class Store:
    """What a visitor may know about a store: where it is, never how to get in."""

    is_public: bool
    provider: str
    bucket: str
    endpoint: str
    domain: str


def describe(storage: MediaStorage) -> Store:
    """Put a storage into words. Requests: none, once the storage was used."""
    return Store(
        is_public=bool(storage.public),
        provider=PROVIDERS.get(storage.provider, GENERIC).title,
        bucket=storage.bucket_name,
        endpoint=storage.store.client.meta.endpoint_url,
        domain=storage.custom_domain or "",
    )


def both() -> tuple[Store, Store]:
    """Return the public store and the private one."""
    return describe(storages["public"]), describe(storages["default"])


def side_of(storage: MediaStorage, name: str) -> MediaStorage:
    """Return the storage that has the file: a fork itself, or what is above it. Requests: as a link."""
    while isinstance(storage, ForkedStorage) and storage.links_to_parent(name):
        storage = storage.parent
    return storage


def original() -> Store | None:
    """Describe the private store of the gallery of which this one is a copy; None if it is none."""
    storage = storages["default"]
    return describe(storage.parent) if isinstance(storage, ForkedStorage) else None


def key_of(storage: MediaStorage, name: str) -> str:
    """Return the key under which the bucket keeps a name: the same, behind the store's prefix if any."""
    return names.to_key(name, location=storage.location)
