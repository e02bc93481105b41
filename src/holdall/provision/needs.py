"""What a store asks of the infrastructure, as a value. Pure.

The person who is asked has nothing yet: keys, and the domain of a CDN that is still to be made, may be missing from
the environment, because they are what comes back. Everything else has to be present and valid.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from holdall.bases import Base
from holdall.environment import contract, exposure, variables
from holdall.environment.store import Store
from holdall.errors import ContractError, HoldallError
from holdall.providers import AMAZON, R2, SPACES, Provider
from holdall.sites import RESERVED, Site, site

KEY_PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
DOMAIN = "AWS_S3_CUSTOM_DOMAIN"
SIGNER = "AWS_CLOUDFRONT_KEY_ID"
# Placeholders for the values that are asked for, while the rest is read; nobody sees them.
_STAND_INS = {DOMAIN: "asked-for.invalid", SIGNER: "asked", **dict.fromkeys(KEY_PAIR, "asked")}

_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")
_DISTRIBUTION = re.compile(r"arn:aws(-[a-z]+)*:cloudfront::[0-9]{12}:distribution/[A-Z0-9]+")


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What one store needs: the store as the environment describes it, and what was asked for on top."""

    store: Store
    # Variables that the infrastructure is to send back.
    asked: tuple[str, ...] = ()
    prefix: str = ""
    # The sites whose pages may read files with fetch, canvas or as fonts.
    origins: tuple[str, ...] = ()
    # For the parent of a fork: reading and listing alone.
    read_only: bool = False
    # Rights to look at the bucket's settings, which `holdall` uses to explain and never needs to work.
    with_doctor: bool = False
    # Expire the content of the folders of direct uploads and of the trash.
    with_areas: bool = False
    # Browsers upload straight to the bucket (`holdall.uploads`).
    with_uploads: bool = False
    # The CloudFront distribution, once there is one.
    distribution_arn: str | None = None
    # What the environment's other stores in this bucket need: a bucket has one lifecycle for all of them.
    neighbours: tuple[Needs, ...] = ()

    @property
    def provider(self) -> Provider:
        return self.store.provider

    @property
    def on_amazon(self) -> bool:
        return self.provider.id == AMAZON.id

    @property
    def on_spaces(self) -> bool:
        return self.provider.id == SPACES.id

    @property
    def on_r2(self) -> bool:
        return self.provider.id == R2.id

    @property
    def where(self) -> str:
        """The provider's name or, where it is not known, the server's address."""
        known = self.provider.host is not None or not self.store.endpoint_url
        return self.provider.title if known else str(self.store.endpoint_url)

    @property
    def bucket(self) -> str:
        return self.store.bucket_name

    @property
    def region(self) -> str | None:
        return self.store.region_name

    @property
    def base(self) -> Base | None:
        """What links begin with, if it is known already and of use."""
        return None if DOMAIN in self.asked else self.store.custom_domain

    @property
    def domain(self) -> str | None:
        """The host of the CDN, which is what certificates, DNS records and distributions are made for."""
        return self.base.host if self.base else None

    @property
    def through_cloudfront(self) -> bool:
        """Whether visitors fetch from a CloudFront distribution, with or without a signature."""
        return self.on_amazon and not self.read_only and (self.store.public or self.signed_by_cloudfront)

    @property
    def signed_by_cloudfront(self) -> bool:
        return self.store.cloudfront_key is not None

    @property
    def through_spaces_cdn(self) -> bool:
        """Whether visitors fetch from the CDN of a Space, which also passes signed links on."""
        return self.on_spaces and not self.read_only and (self.store.public or self.store.signs_for_domain)

    @property
    def sends_acl(self) -> bool:
        """Whether each file is made public by an ACL that is sent with it."""
        return self.store.public and self.provider.public_by_acl and not self.read_only

    @property
    def partition(self) -> str:
        """The first part of Amazon's resource names: https://docs.aws.amazon.com/general/latest/gr/aws-arns-and-namespaces.html"""
        region = self.region or ""
        return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def key_prefix(self) -> str:
        """What every key of the store begins with."""
        return f"{self.store.location}/" if self.store.location else ""

    @property
    def objects_arn(self) -> str:
        """The resource name of every object of the store, and of no other."""
        return f"{self.bucket_arn}/{_literal(self.key_prefix)}*"

    @property
    def staging_arn(self) -> str:
        """The resource name of everything that waits to be looked at."""
        return f"{self.bucket_arn}/{_literal(self.key_prefix)}{RESERVED}/uploads/*"

    @property
    def is_limited(self) -> bool:
        """Whether the bucket also holds private files of another store, which visitors must not reach."""
        return self.store.public and self.store.domain_is_limited

    @property
    def suffix(self) -> str:
        """What tells the store from another one in the same bucket; nothing where it has the bucket for itself."""
        return _suffix(self.store.location)

    def mark(self, what: str) -> str:
        """Name a rule or statement of ours: the same for the same store at every run."""
        return mark(what, self.store.location)

    @property
    def identity(self) -> str:
        """How the user, policy or key is called: 64 letters, as IAM allows a user, and no dots, as CloudFront has it."""
        tail = "".join(f"-{part}" for part in (self.suffix, "read" if self.read_only else "") if part)
        return f"holdall-{self.bucket.replace('.', '-')}"[: 64 - len(tail)] + tail


def mark(what: str, location: str) -> str:
    """Name a rule or statement of ours by the store's location: the same for the same store at every run.

    Letters and digits alone, which is all that a policy's Sid may have.
    """
    return f"Holdall{what}{_suffix(location)}"


def _suffix(location: str) -> str:
    return hashlib.sha256(location.encode()).hexdigest()[:8] if location else ""


def _literal(text: str) -> str:
    """Keep IAM from reading patterns and variables into a location.

    The attack: a location named `*` that grants the whole bucket.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
    """
    return re.sub(r"[*?$]", lambda found: f"${{{found[0]}}}", text)


def read(
    environ: Mapping[str, str],
    *,
    prefix: str = "",
    origins: tuple[str, ...] = (),
    read_only: bool = False,
    with_doctor: bool = False,
    with_areas: bool = False,
    with_uploads: bool = False,
    distribution_arn: str | None = None,
    live: bool = False,
) -> tuple[Needs, contract.Reading]:
    """Read what is needed from the environment; `live` says that a bucket will be spoken to, so keys must be there.

    Raises:
        ContractError: something is wrong beyond what the infrastructure is asked for.
        HoldallError: the mode is local, so there is nothing to ask anybody for.
    """
    # What a store needs has nothing to do with its parent or its mirror, for which there are prefixes.
    whole = environ
    others = (f"{prefix}{variables.PARENT}", f"{prefix}{variables.MIRROR}")
    environ = {name: value for name, value in environ.items() if not name.startswith(others)}
    asked = _missing(environ, prefix, live=live)
    reading = contract.read({**environ, **{f"{prefix}{name}": _STAND_INS[name] for name in asked}}, prefix=prefix)
    if reading.problems:
        raise ContractError(reading.problems)
    if reading.store is None:
        raise ContractError(
            [f"`{prefix}BUILD_MODE` is true: an image is being built, which needs no bucket. Unset it."]
        )
    if reading.store.mode == "local":
        raise HoldallError(
            f"`{prefix}STORAGES_MODE` is local: the embedded server needs nothing from anybody, so there is nothing to hand over."
        )
    whole = {**whole, **{f"{prefix}{name}": _STAND_INS[name] for name in asked}}
    if not read_only and (published := exposure.of_environment(whole, prefix=prefix)):
        # What would be granted for the public files would open the private ones.
        raise ContractError(published)
    needs = Needs(
        store=reading.store,
        asked=_worth_asking(reading.store, asked),
        prefix=prefix,
        origins=origins,
        read_only=read_only,
        with_doctor=with_doctor,
        with_areas=with_areas,
        with_uploads=with_uploads,
        distribution_arn=distribution_arn,
    )
    return replace(needs, neighbours=tuple(_neighbours(needs, environ))), reading


def _neighbours(needs: Needs, environ: Mapping[str, str]) -> Iterator[Needs]:
    """Give what the other stores need that the environment keeps in the same bucket."""
    for prefix in exposure.prefixes(environ):
        asked = {f"{prefix}{name}": _STAND_INS[name] for name in _missing(environ, prefix, live=False)}
        store = contract.read({**environ, **asked}, prefix=prefix).store if prefix != needs.prefix else None
        if store is not None and _site(store)[:2] == _site(needs.store)[:2]:
            yield replace(needs, store=store, prefix=prefix, asked=(), origins=())


def _site(store: Store) -> Site:
    return site(
        store.provider,
        endpoint_url=store.endpoint_url,
        bucket_name=store.bucket_name,
        location=store.location,
        is_local=store.mode == "local",
    )


def _missing(environ: Mapping[str, str], prefix: str, *, live: bool) -> tuple[str, ...]:
    """Name the unset variables that the infrastructure sends back, and that the store cannot do without."""
    shown = {row.name.removeprefix(prefix): row for row in contract.read(environ, prefix=prefix).settings}
    unset = {name for name, row in shown.items() if row.source == "unset"}
    wanted: list[str] = []
    if shown["STORAGES_MODE"].value == "do" and not live:
        wanted += KEY_PAIR
    trues = {name for name in ("STORAGE_MAKE_FILES_PUBLIC", "AWS_S3_SIGN_FOR_DOMAIN") if shown[name].value == "true"}
    if trues or shown["AWS_CLOUDFRONT_KEY"].value:
        wanted.append(DOMAIN)
    if shown["AWS_CLOUDFRONT_KEY"].value and shown["STORAGE_MAKE_FILES_PUBLIC"].value != "true":
        wanted.append(SIGNER)
    return tuple(name for name in wanted if name in unset)


def _worth_asking(store: Store, asked: tuple[str, ...]) -> tuple[str, ...]:
    # On Amazon no keys is a way of its own: a role. Elsewhere there is none.
    keys = KEY_PAIR if store.keys is None and store.provider.id != AMAZON.id else ()
    return tuple(dict.fromkeys((*keys, *asked)))


def origin(text: str) -> str:
    """Check the origin of a site, as a browser sends it: scheme, host and port where there is one.

    Raises:
        ValueError: it is none; a pattern is none either, for it would let in sites that nobody named.
    """
    cleaned = text.strip().rstrip("/").lower()
    if not _ORIGIN.fullmatch(cleaned):
        raise ValueError(f"{text!r} is not an origin; write only the site's address, such as https://www.example.com.")
    return cleaned


def distribution(text: str) -> str:
    """Check the resource name of a CloudFront distribution.

    Raises:
        ValueError: it is none.
    """
    if not _DISTRIBUTION.fullmatch(text):
        raise ValueError(
            f"{text!r} is not an ARN such as arn:aws:cloudfront::111122223333:distribution/EDFDVBD6EXAMPLE."
        )
    return text
