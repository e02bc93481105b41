"""What servers do with headers that are not signed is as the table of providers says, and as the probe finds."""

from __future__ import annotations

from typing import Any

import pytest

from holdall.providers import PROVIDERS
from holdall.s3 import smuggling
from holdall.s3.smuggling import Unsigned
from tests.contract import only
from tests.providers import Provider

FOUND = {"seaweedfs-http": Unsigned.REFUSED, "ministack": Unsigned.OBEYED, "ceph-http": Unsigned.LISTED}
# The providers that run it.
KNOWN = {"seaweedfs-http": "seaweedfs", "ceph-http": "spaces"}


@only(*FOUND)
def test_probe_finds_what_the_server_does(storage: Any, provider: Provider, bucket: str, location: str) -> None:
    store = storage.store
    assert smuggling._probe(store, f"{location}/") is FOUND[provider.name]
    if (said := KNOWN.get(provider.name)) is not None:
        assert PROVIDERS[said].unsigned_headers == FOUND[provider.name].value
    left = provider.client.list_objects_v2(Bucket=bucket, Prefix=f"{location}/")
    assert left["KeyCount"] == 0


@only("seaweedfs-http")
def test_failure_of_the_store_decides_nothing_for_good(
    storage: Any, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = storage.store
    # Another test may have asked this server.
    store.known.pop("unsigned_headers", None)
    with monkeypatch.context() as patched:
        patched.setattr(store, "try_link", lambda *_arguments, **_options: 503)
        assert smuggling.of(store, f"{location}/") is Unsigned.OBEYED
    assert smuggling.of(store, f"{location}/") is Unsigned.REFUSED
