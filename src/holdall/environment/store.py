"""One configured place, as the environment describes it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from holdall import sites
from holdall.bases import Base
from holdall.environment.variables import DEFAULT_CACHE_SECONDS, DEFAULT_LIFETIME_SECONDS, DEFAULT_TIMEOUT_SECONDS
from holdall.providers import Provider
from holdall.secret import Secret


class Keys(NamedTuple):
    """A key pair, with its token when it is temporary; it shows itself nowhere."""

    access_key: Secret
    secret_key: Secret
    token: Secret | None = None


class Store(NamedTuple):
    """One configured place, as the environment describes it."""

    mode: str
    provider: Provider
    bucket_name: str
    public: bool = False
    location: str = ""
    url_lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS
    cache_lifetime_seconds: int = DEFAULT_CACHE_SECONDS
    # None: Amazon's own.
    endpoint_url: str | None = None
    # None: boto3's, or asked from the bucket.
    region_name: str | None = None
    # None: browsers use the endpoint.
    public_endpoint_url: str | None = None
    # None: the provider's.
    addressing_style: str | None = None
    custom_domain: Base | None = None
    # The domain serves this location alone.
    domain_is_limited: bool = False
    # Links to private files are signed for the bucket, and carry the domain.
    signs_for_domain: bool = False
    # None: boto3's chain finds them.
    keys: Keys | None = None
    # The environment contains the keys exactly as boto3 will read them.
    boto3_reads_keys: bool = False
    cloudfront_key_id: Secret | None = None
    cloudfront_key: Secret | None = None
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    # How long deleted files are kept; None: not at all.
    trash_seconds: int | None = None
    environment: str | None = None
    # The prefix of its variables.
    env_prefix: str = ""


def site(store: Store) -> sites.Site:
    """Tell where a store lies."""
    return sites.site(
        store.provider,
        endpoint_url=store.endpoint_url,
        bucket_name=store.bucket_name,
        location=store.location,
        is_local=store.mode == "local",
    )


def summary(store: Store) -> str:
    """Say in a few words what a store is."""
    who = "public" if store.public else "private"
    under = f', under "{store.location}"' if store.location else ""
    # A server that is not known has no name but its address.
    where = str(store.endpoint_url) if store.provider.id == "generic" else store.provider.title
    return f'{who} files in bucket "{store.bucket_name}"{under} on {where}'
