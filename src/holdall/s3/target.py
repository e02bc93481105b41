"""Where a store is and how it is spoken to: everything that decides which client is needed. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from boto3.s3.transfer import S3Transfer, TransferConfig
from botocore.config import Config

from holdall.providers import Provider
from holdall.s3.claims import Claim
from holdall.secret import Secret
from holdall.sites import Site

CONNECT_TIMEOUT_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
ATTEMPTS = 4
# Of the SDK's own pool, which is used where a test has patched the SDK; the sockets that are shared have no such bound.
POOL_SIZE = 100
PART_BYTES = 8 * 1024 * 1024
PART_WORKERS = 4
# What may be said of a file when it is uploaded.
UPLOAD_ARGUMENTS = frozenset(S3Transfer.ALLOWED_UPLOAD_ARGS)


class Above(NamedTuple):
    """A store above a fork: where it lies, and how it is spoken to."""

    site: Site
    target: Target


@dataclass(frozen=True, kw_only=True)
class Target:
    """Everything that decides which client is needed; equal targets share one."""

    provider: Provider
    bucket_name: str | None
    endpoint_url: str | None = None
    region_name: str | None = None
    # Wrapped, because error pages show the variables of every frame.
    access_key: Secret | None = None
    secret_key: Secret | None = None
    token: Secret | None = None
    profile: str | None = None
    local_folder: str | None = None
    # Whether plain requests may use the fast lane.
    fast: bool = True
    # Only in mode `local`, whose bucket is made on demand.
    public: bool = False
    use_ssl: bool = True
    verify: Any = None
    signature_version: Any = None
    addressing_style: str | None = None
    proxies: tuple[tuple[str, str], ...] = ()
    client_config: Config | None = None
    # The longest that an operation waits without progress, all attempts together.
    timeout_seconds: float = TIMEOUT_SECONDS
    # Whether this is a fork's parent: nothing but reads is ever sent, whatever the keys may do.
    read_only: bool = False
    # Whether this is the mirror of another store, which shares none of what is known about the way there.
    is_mirror: bool = False
    # What must be written in the store before anything else is.
    claims: tuple[Claim, ...] = ()
    # The prefix outside of which a fork changes nothing, whoever asks: the rest of the bucket may be its parent's.
    within: str = ""
    # Of a fork: where it is, and the stores above it, its parent first.
    site: Site | None = None
    above: tuple[Above, ...] = ()

    @property
    def style(self) -> str:
        """Where the bucket's name stands in an address: "virtual" is before the host, "path" behind it.

        Not the SDK's "auto", which leads links and requests to different hosts at Amazon.
        """
        return self.provider.addressing if self.addressing_style in {None, "", "auto"} else str(self.addressing_style)

    @property
    def address(self) -> str:
        """What leads to the store: stores of one address are told apart by their buckets."""
        return f"folder {self.local_folder}" if self.local_folder else (self.endpoint_url or "").rstrip("/").lower()

    @property
    def connect_seconds(self) -> float:
        """The longest that one attempt to connect may take."""
        return min(CONNECT_TIMEOUT_SECONDS, self.timeout_seconds)

    @property
    def attempts(self) -> int:
        """How often a request is sent at most: what `AWS_MAX_ATTEMPTS` says, as for every program that uses the SDK."""
        said = os.environ.get("AWS_MAX_ATTEMPTS", "").strip()
        return int(said) if said.isdigit() and int(said) > 0 else ATTEMPTS

    @property
    def retry_mode(self) -> str:
        """Whether the SDK holds requests back when it is told to slow down ("adaptive")."""
        return "adaptive" if os.environ.get("AWS_RETRY_MODE", "").strip().lower() == "adaptive" else "standard"

    def __repr__(self) -> str:
        return f"<{self.provider.title}, bucket {self.bucket_name!r}>"

    def with_bucket(self, bucket_name: str | None) -> Target:
        """Give the same place and keys for another bucket."""
        return replace(
            self,
            bucket_name=bucket_name,
            public=False,
            read_only=False,
            is_mirror=False,
            timeout_seconds=TIMEOUT_SECONDS,
            claims=(),
            within="",
            site=None,
            above=(),
        )

    def config(self) -> Config:
        """Give the SDK's configuration: explicit in all that the SDK would otherwise guess, the caller's on top."""
        checksums = "when_supported" if self.provider.sdk_checksums else "when_required"
        # A dictionary, because the SDK's stubs do not know all of its options.
        chosen: dict[str, Any] = {
            # Without it boto3 signs links the old way in some regions, which newer buckets and R2 refuse.
            "signature_version": self.signature_version or "s3v4",
            # With boto3's default, links for a bucket outside us-east-1 name a host that redirects, which breaks
            # their signature (jschneier/django-storages#782).
            "s3": {"addressing_style": self.style},
            "proxies": dict(self.proxies) or None,
            "retries": {"mode": self.retry_mode, "total_max_attempts": self.attempts},
            "connect_timeout": self.connect_seconds,
            "read_timeout": self.timeout_seconds,
            "max_pool_connections": POOL_SIZE,
            "tcp_keepalive": True,
            # Over HTTPS boto3's own checksums travel as a trailer, which other servers refuse or store inside the
            # file (boto/boto3#4392, #4435).
            "request_checksum_calculation": checksums,
            "response_checksum_validation": checksums,
            # AWS_ENDPOINT_URL in the environment, or a profile's, must not redirect the media.
            "ignore_configured_endpoint_urls": True,
        }
        ours = Config(**chosen)
        return ours.merge(self.client_config) if self.client_config else ours


def transfer_config(*, use_threads: bool = True) -> TransferConfig:
    """Give the transfer configuration that is safe everywhere.

    "classic", because boto3's CRT path ignores the endpoint: media meant for Spaces was addressed to Amazon
    (boto/boto3#4839).
    """
    return TransferConfig(
        multipart_threshold=PART_BYTES,
        multipart_chunksize=PART_BYTES,
        max_concurrency=PART_WORKERS,
        use_threads=use_threads,
        preferred_transfer_client="classic",
    )
