"""The two stores of the gallery, in words."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.files.storage import Storage, storages


@dataclass(frozen=True, slots=True)
class Store:
    """What a visitor may know about a store: where it is, never how to get in."""

    is_public: bool
    bucket: str
    provider: str
    endpoint: str
    domain: str


def describe(storage: Storage, *, is_public: bool) -> Store:
    """Put a storage into words."""
    endpoint = storage.endpoint_url or ""
    host = urlsplit(endpoint).hostname or "amazonaws.com"
    if host in ("127.0.0.1", "localhost", "::1"):
        provider = "embedded S3 server"
    elif host.endswith(".digitaloceanspaces.com"):
        provider = "DigitalOcean Spaces"
    elif host.endswith("amazonaws.com"):
        provider = "Amazon S3"
    else:
        provider = host
    return Store(is_public, storage.bucket_name, provider, endpoint, storage.custom_domain or "")


def both() -> tuple[Store, Store]:
    """Return the public store and the private one."""
    return describe(storages["public"], is_public=True), describe(storages["default"], is_public=False)


def key_of(storage: Storage, name: str) -> str:
    """Return the key under which the bucket keeps a name: the same, behind the store's prefix if any."""
    return storage._normalize_name(name)
