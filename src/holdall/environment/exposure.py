"""Which store of an environment publishes what another one keeps private. Pure.

Where each file's ACL decides, public and private files can share a bucket. Everywhere else it is the bucket, or what
the CDN may read of it, that is public: what lies beside the public files is then public too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from holdall import providers
from holdall.environment import buckets, contract
from holdall.environment.buckets import Bucket
from holdall.environment.options import options
from holdall.environment.values import Said
from holdall.environment.variables import MIRROR, PARENT
from holdall.providers import AMAZON, B2, PROVIDERS, R2, Provider
from holdall.sites import is_below

FINDING = "D170"
# A bucket is public there as a whole or not at all: its custom domain, or its setting, knows no folders.
# https://developers.cloudflare.com/r2/buckets/public-buckets/
# https://www.backblaze.com/docs/cloud-storage-buckets (public and private buckets)
WHOLE_BUCKETS = frozenset({R2.id, B2.id})
_STATIC_BACKENDS = ("S3StaticStorage", "S3ManifestStaticStorage")
# The longer first, as it ends in the other.
_BUCKETS = ("AWS_STORAGE_BUCKET_NAME", "STORAGE_BUCKET_NAME")


class Shelf(NamedTuple):
    """What decides who can read a store's files."""

    # The prefix of its variables; None if it was not made from variables.
    prefix: str | None
    # How the settings call it.
    alias: str
    provider: Provider
    bucket_name: str
    location: str
    is_public: bool
    # Whether each file is made public by an ACL of its own.
    by_acl: bool = False
    # Whether somebody said that the domain serves this location alone.
    is_limited: bool = False
    domain: str = ""
    # All addresses that lead to the server.
    addresses: tuple[str, ...] = ()

    @property
    def bucket(self) -> Bucket:
        """The bucket, by all that leads to it."""
        return Bucket(self.provider, self.bucket_name, self.addresses)

    @property
    def where(self) -> str:
        """Its place in the bucket, in words."""
        return f'"{self.location}"' if self.location else "its root"

    def named(self, variable: str) -> str:
        """Name what sets something of this store: its variable, or its entry in the settings."""
        return f'STORAGES["{self.alias}"]' if self.prefix is None else f"`{self.prefix}{variable}`"


def shelves(alias: str, entry: Mapping[str, Any], backend: str = "") -> Iterator[Shelf]:
    """Give the store that an entry of `STORAGES` describes, those above it if it is a fork, and its mirror.

    Mode `local` is left out: its server is reached from this machine alone.
    """
    bucket_name = entry.get("bucket_name")
    if bucket_name and not entry.get("local_folder"):
        yield _shelf(alias, str(bucket_name), entry, backend)
    for other in ("parent", "mirror"):
        if entry.get(other):
            yield from shelves(alias, entry[other])


def _shelf(alias: str, bucket_name: str, entry: Mapping[str, Any], backend: str) -> Shelf:
    endpoint = entry.get("endpoint_url")
    provider = PROVIDERS.get(str(entry.get("provider"))) or providers.recognise(endpoint)[0]
    public = entry.get("public")
    if public is None:
        # A storage of another class: what it does not sign is for everybody.
        public = backend.endswith(_STATIC_BACKENDS) or not entry.get("querystring_auth", True)
    domain = str(entry.get("custom_domain") or "")
    acl = str(entry.get("default_acl") or "").startswith("public")
    # At Amazon, an ACL decides where no CDN that may read everything is in front of the bucket.
    decides = provider.public_by_acl or (provider is AMAZON and (not domain or domain.startswith(f"{bucket_name}.s3")))
    return Shelf(
        prefix=entry.get("env_prefix"),
        alias=alias,
        provider=provider,
        bucket_name=bucket_name,
        location=str(entry.get("location") or "").strip("/"),
        is_public=bool(public),
        by_acl=acl and decides,
        is_limited=bool(entry.get("domain_is_limited")),
        domain=domain,
        addresses=tuple(str(entry[name]) for name in ("endpoint_url", "public_endpoint_url") if entry.get(name)),
    )


def exposed(found: Iterable[Shelf]) -> list[tuple[Shelf, Shelf]]:
    """Give each pair of stores of which the first publishes what the second keeps private."""
    found = list(dict.fromkeys(found))
    return [
        (public, private)
        for public in found
        if public.is_public and not public.by_acl
        for private in found
        if not private.is_public and same_bucket(public, private) and _covers(public, private)
    ]


def _covers(public: Shelf, private: Shelf) -> bool:
    # Without a domain it is the bucket's policy that opens files, and a policy names folders.
    if public.provider.id in WHOLE_BUCKETS or (public.domain and not public.is_limited):
        return True
    # What serves a location serves all that is in it.
    return not public.location or is_below(private.location, public.location)


def same_bucket(one: Shelf, other: Shelf) -> bool:
    """Say whether two stores are in the same bucket, however it is addressed."""
    return buckets.is_same(one.bucket, other.bucket)


def problems(found: Iterable[Shelf]) -> list[Said]:
    """Say what is published against somebody's intent, and what to do about it."""
    return [_said(public, private) for public, private in exposed(found)]


def problems_of(found: Iterable[Shelf], mine: Collection[Shelf]) -> list[Said]:
    """Say the same of the private files of some of them."""
    return [_said(public, private) for public, private in exposed(found) if private in mine]


def _said(public: Shelf, private: Shelf) -> Said:
    """Name the fact, the place, the cause and the remedy."""
    domain = f"the domain {public.domain}" if public.domain else "the bucket's own address"
    fact = (
        f'{public.named("STORAGE_MAKE_FILES_PUBLIC")} makes files in the bucket "{public.bucket_name}" public, and the '
        f"private files of {private.named('STORAGE_BUCKET_NAME')} are in the same bucket, in {private.where}"
    )
    apart = f"Give one of the two a bucket of its own ({private.named('STORAGE_BUCKET_NAME')})"
    if public.provider.id in WHOLE_BUCKETS:
        cause = f"a bucket on {public.provider.title} is public as a whole, so {domain} shows the private files to everybody"
        remedy = f"{apart}."
    elif not public.location or is_below(private.location, public.location):
        lacking = "`STORAGE_LOCATION`" if public.prefix is not None else "`location` among their `OPTIONS`"
        inside = f"the public files have no {lacking}" if not public.location else f"{public.where} contains it"
        cause = f"{inside}, so {domain} shows the private files to everybody"
        remedy = f"{apart}."
    else:
        cause = f"{domain} may serve the whole bucket, and would show the private files to everybody"
        remedy = (
            f"{apart}. If the domain serves {public.where} alone, say so with "
            f"{_limiting(public)}; `holdall doctor` proves it."
        )
    name = "" if public.prefix is None else f"{public.prefix}STORAGE_MAKE_FILES_PUBLIC"
    return Said(f"{fact}: {cause}. {remedy}", FINDING, name)


def _limiting(public: Shelf) -> str:
    if public.prefix is None:
        return f"the option `domain_is_limited` of {public.named('')}"
    return f"`{public.prefix}STORAGE_DOMAIN_IS_LIMITED=true`"


def of_environment(environ: Mapping[str, str], *, prefix: str = "") -> list[Said]:
    """Say what the store under a prefix, one above it, or its mirror, publishes of others in the environment, or they of it.

    The others are those whose bucket is named under any prefix. Never raises for what it finds.
    """
    mine: list[Shelf] = []
    found: list[Shelf] = []
    for each in dict.fromkeys((prefix, *prefixes(environ))):
        described = list(_described(contract.read(environ, prefix=each)))
        found += described
        if each == prefix:
            mine = described
    return [_said(public, private) for public, private in exposed(found) if public in mine or private in mine]


def _described(reading: contract.Reading | None) -> Iterator[Shelf]:
    if reading is None:
        return
    if reading.store is not None:
        entry = options(reading.store, boto3_sees_environment=False, local_folder=".")
        yield from shelves(reading.prefix, entry)
    yield from _described(reading.parent)
    yield from _described(reading.mirror)


def prefixes(environ: Mapping[str, str]) -> list[str]:
    """Give the prefixes under which an environment names a bucket, without those of parents and mirrors."""
    found = set()
    for name, value in environ.items():
        ending = next((one for one in _BUCKETS if name.endswith(one)), None)
        if ending and value.strip():
            found.add(name.removesuffix(ending))
    return sorted(one for one in found if not one.endswith((PARENT, MIRROR)) and (not one or one.endswith("_")))
