"""Stores that fail in one way each, buckets that visitors may read, and a CDN in front of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.core.files.storage import Storage
from storages.backends.s3 import S3Storage

from tests.doctor.lab import juicefs
from tests.doctor.lab.cdn import Cdn
from tests.providers import Keys, Provider
from tests.servers.fault_proxy import Answer, Fault, FaultProxy, Request, Rule, answers
from tests.servers.identities import with_policy
from tests.servers.processes import ServerDied
from tests.stores import build_storage

# Each time it is asked.
ALWAYS = 10_000


def s3_error(status: int, code: str, message: str, **headers: str) -> Fault:
    """Answer as S3 does when it refuses; a HEAD gets no body, as from S3."""

    def make(request: Request) -> Answer:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        is_head = request.method == "HEAD"
        named = [
            ("Content-Type", "application/xml"),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]
        return Answer(status, tuple(named), b"" if is_head else body, is_head)

    return answers(make)


def always(operation: str, fault: Fault) -> Rule:
    return Rule(operation, fault, times=ALWAYS)


Through = Callable[..., dict[str, str]]


@pytest.fixture
def through(provider: Provider, bucket: str, location: str) -> Iterator[Through]:
    """Describe the store behind a proxy that answers some requests in its place."""
    with ExitStack() as stack:

        def describe(
            *rules: Rule, choose: Callable[[Request], Fault | None] | None = None, **more: Any
        ) -> dict[str, str]:
            proxy = stack.enter_context(FaultProxy(provider.endpoint_url, *rules, choose=choose))
            return provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url, **more)

        yield describe


MakePlain = Callable[..., S3Storage]


@pytest.fixture
def plain(provider: Provider, bucket: str, location: str) -> MakePlain:
    """Make django-storages' own storage as a project without Holdall has it."""

    def make(**options: Any) -> S3Storage:
        given = {
            "bucket_name": bucket,
            "location": location,
            "endpoint_url": provider.endpoint_url,
            "region_name": provider.region,
            "access_key": provider.keys.access_key,
            "secret_key": provider.keys.secret_key,
            "signature_version": "s3v4",
            "addressing_style": "path",
        }
        return S3Storage(**{**given, **options})

    return make


StartCdn = Callable[..., Cdn]


@pytest.fixture
def start_cdn(provider: Provider) -> Iterator[StartCdn]:
    """Start a CDN in front of a bucket; keywords are those of `tests.doctor.lab.cdn.Behaviour`."""
    with ExitStack() as stack:

        def start(bucket: str, **behaviour: Any) -> Cdn:
            return stack.enter_context(Cdn(provider, bucket, **behaviour))

        yield start


MakePublic = Callable[..., Storage]


@pytest.fixture
def make_public(provider: Provider, public_bucket: str, location: str) -> MakePublic:
    """Make a storage for public files behind a domain; options are put over those of the contract."""

    def make(domain: str, *, bucket: str = "", **options: Any) -> Storage:
        environ = provider.environ(
            bucket or public_bucket, location=location, is_public=True, AWS_S3_CUSTOM_DOMAIN=domain
        )
        return build_storage(environ, **options)

    return make


@pytest.fixture
def own_bucket(provider: Provider) -> str:
    """A bucket for one test: for what the whole bucket is set to."""
    return provider.create_bucket()


@pytest.fixture(scope="session")
def public_bucket(provider: Provider) -> str:
    """A bucket whose policy lets visitors read, as it is for public files where ACLs have no effect."""
    bucket = provider.create_bucket()
    if not provider.name.startswith("ceph"):
        # There, as at DigitalOcean, each file is made public by the ACL that is sent with it.
        _open(provider, bucket)
    return bucket


def _open(provider: Provider, bucket: str) -> None:
    if provider.name == "ministack":
        provider.allow_public_reads(bucket)
    else:
        # SeaweedFS knows no public access block.
        provider.client.put_bucket_policy(Bucket=bucket, Policy=public_policy(bucket))


def public_policy(bucket: str, *actions: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(actions or ["s3:GetObject"]),
        "Resource": [f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="session")
def weak_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """JuiceFS's gateway, an S3 that lacks much of S3; tests with it are skipped where it cannot be installed."""
    try:
        juicefs.program()
    except ServerDied as error:
        pytest.skip(f"JuiceFS's gateway is not installed, so a weak S3 was not tried: {error}")
    with juicefs.start(tmp_path_factory.mktemp("juicefs")) as provider:
        yield provider


# What files need, and nothing about the bucket.
FILES = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListBucket"]


def keys_with(provider: Provider, *, allow: list[str], deny: list[str] | None = None) -> Keys:
    """Make keys that may do this, where the server has Amazon's own way to say so."""
    statements = [{"Effect": "Allow", "Action": allow, "Resource": "*"}]
    if deny:
        statements.append({"Effect": "Deny", "Action": deny, "Resource": "*"})
    return with_policy(provider, {"Version": "2012-10-17", "Statement": statements})


def without(*actions: str) -> list[str]:
    """Give what files need but for these."""
    return [action for action in FILES if action not in actions]
