"""Whether two names of a bucket, at two addresses, are one bucket. Pure, but that links between folders are followed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from holdall import hosts, providers
from holdall.providers import AMAZON, B2, HETZNER, OVH, WASABI, Provider

# No two buckets there have one name, whichever of the provider's addresses leads to them.
# https://www.backblaze.com/docs/cloud-storage-buckets
# https://docs.wasabi.com/docs/creating-a-bucket
# https://docs.hetzner.com/storage/object-storage/faq/buckets-objects/
_ONE_NAMESPACE = frozenset({AMAZON.id, B2.id, WASABI.id, HETZNER.id})
_LOOPBACK = "localhost"


class Bucket(NamedTuple):
    """A bucket, and all addresses that lead to its server."""

    provider: Provider
    name: str
    addresses: tuple[str, ...] = ()
    # Of an embedded server, which has no address before it runs: the folder that it keeps.
    folder: str = ""


def is_same(one: Bucket, other: Bucket) -> bool:
    """Say whether two buckets are one, however it is addressed."""
    return one.name == other.name and not _places(one).isdisjoint(_places(other))


def _places(bucket: Bucket) -> frozenset[tuple[str, str]]:
    """Give what buckets of one name have in common exactly if they are one."""
    if bucket.folder:
        return frozenset({("folder", str(Path(bucket.folder).resolve()))})
    provider = _provider(bucket)
    if provider.id in _ONE_NAMESPACE or not bucket.addresses:
        return frozenset({(provider.id, "")})
    if provider is OVH:
        # Two addresses a region, for two classes of storage.
        return frozenset((provider.id, str(providers.recognise(address)[1])) for address in bucket.addresses)
    return frozenset(("", _server(address, bucket.name)) for address in bucket.addresses)


def _provider(bucket: Bucket) -> Provider:
    """Give the provider, also where an address has the bucket in front, as it stands in links."""
    bare = (address.replace(f"//{bucket.name}.", "//", 1) for address in bucket.addresses)
    found = [provider for provider, _ in map(providers.recognise, bare) if provider.id in _ONE_NAMESPACE]
    return found[0] if found else bucket.provider


def _server(address: str, bucket_name: str) -> str:
    """Give a server's host, with the port where it is not the usual one, without the bucket in front or behind.

    Below other paths of one host there may be other servers.
    """
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return address
    host = host.removeprefix(f"{bucket_name}.")
    if hosts.is_loopback(host):
        host = _LOOPBACK
    path = parts.path.strip("/")
    way = f"/{path}" if path not in {"", bucket_name} else ""
    return f"{host}{way}" if port in {None, 80, 443} else f"{host}:{port}{way}"
