"""A storage behind a proxy that fails, and clients that do not wait long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import botocore.retries.standard
import pytest
from boto3.s3.transfer import TransferConfig
from django.core.files.storage import Storage

from holdall.environment import contract
from holdall.s3 import circuit, fastlane, patience
from tests.providers import Provider
from tests.servers.fault_proxy import Fault, FaultProxy, Request, Rule
from tests.stores import build_storage

MIB = 1024 * 1024
# S3's parts have this many bytes at least, but for the last.
PART_BYTES = 5 * MIB
# What an operation may wait at the longest, so that a stall shows soon.
PATIENCE_SECONDS = 4.0


@pytest.fixture(scope="module", autouse=True)
def _impatient() -> Iterator[None]:
    """Wait for an answer, and between retries, no longer than tests can."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract, "DEFAULT_TIMEOUT_SECONDS", PATIENCE_SECONDS)
        patch.setattr(patience, "WORK_SECONDS", PATIENCE_SECONDS)
        patch.setattr(circuit, "OPEN_SECONDS", 0.0)
        patch.setattr(fastlane, "MAX_PAUSE_SECONDS", 0)
        patch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
        yield


@dataclass
class Line:
    """A storage, and the proxy through which it speaks with its store."""

    storage: Storage
    proxy: FaultProxy
    provider: Provider
    bucket: str
    location: str

    @property
    def names(self) -> list[str]:
        """Every name that the store has, looked at past the proxy."""
        return [key.removeprefix(f"{self.location}/") for key in self.provider.keys_in(self.bucket, self.location)]

    @property
    def unfinished(self) -> list[str]:
        return self.provider.unfinished_uploads(self.bucket, self.location)

    def put(self, name: str, content: bytes) -> None:
        """Store something past the proxy."""
        self.provider.write(self.bucket, f"{self.location}/{name}", content)

    def stored(self, name: str) -> bytes:
        return self.provider.read(self.bucket, f"{self.location}/{name}")


Connect = Callable[..., Line]


def options(provider: str = "seaweedfs") -> dict[str, Any]:
    parts = TransferConfig(
        multipart_threshold=PART_BYTES,
        multipart_chunksize=PART_BYTES,
        max_concurrency=2,
        preferred_transfer_client="classic",
    )
    return {"transfer_config": parts, "provider": provider}


@pytest.fixture
def connect(provider: Provider, bucket: str, location: str) -> Iterator[Connect]:
    """Make a storage whose requests meet these faults.

    `kind` is the provider that it takes the server for, `more` are options.
    """
    with ExitStack() as stack:

        def make(
            *rules: Rule,
            choose: Callable[[Request], Fault | None] | None = None,
            kind: str = "seaweedfs",
            **more: Any,
        ) -> Line:
            proxy = stack.enter_context(FaultProxy(provider.endpoint_url, *rules, choose=choose))
            environ = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url)
            return Line(build_storage(environ, **options(kind), **more), proxy, provider, bucket, location)

        yield make
