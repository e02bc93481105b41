"""Stores that fail in one way each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from storages.backends.s3 import S3Storage

from tests.providers import Provider
from tests.servers.fault_proxy import Answer, Fault, FaultProxy, Request, Rule, answers

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
