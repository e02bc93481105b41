"""Sockets belong to a place: all stores of it share them, they follow what is used, and go when nobody needs them."""

from __future__ import annotations

import gc
import resource
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.s3 import clients, connection, sockets
from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.stores import build_storage

THREADS = 80
TENANTS = 40

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    gc.collect()
    for one in list(sockets._idle):
        one.close()
    yield
    for one in list(sockets._idle):
        one.close()


def open_sockets() -> int:
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found += str(descriptor.readlink()).startswith("socket:")
        except OSError:
            continue
    return found


@only("seaweedfs-http", "seaweedfs-https")
@pytest.mark.parametrize("fast_lane", [True, False])
def test_stores_of_one_place_share_its_sockets(
    provider: Provider, bucket: str, location: str, make_storage: MakeStorage, fast_lane: bool
) -> None:
    before = open_sockets()
    storages = []

    for number in range(TENANTS if fast_lane else 5):
        storage = make_storage(
            location=f"{location}/tenant-{number}",
            options={"environment": "production", "fast_lane": fast_lane},
        )
        storage.save("a.txt", ContentFile(b"a"))
        storages.append(storage)

    assert open_sockets() - before <= 2
    del storages


@only("seaweedfs-http")
def test_connection_that_no_storage_holds_is_let_go(make_storage: MakeStorage, location: str) -> None:
    for number in range(100):
        make_storage(location=f"{location}/{number}", options={"environment": "production"}).exists("a.txt")
    gc.collect()

    assert len(connection._connections) < 60


@only("seaweedfs-http")
@pytest.mark.parametrize("fast_lane", [True, False])
def test_many_threads_are_served_without_a_warning_and_without_connecting_anew(
    provider: Provider, bucket: str, location: str, fast_lane: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultProxy(provider.endpoint_url) as proxy:
        storage = build_storage(
            provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url), fast_lane=fast_lane
        )
        storage.save("a.txt", ContentFile(b"a" * 1000))
        gate = threading.Barrier(THREADS)

        def use(_: int) -> bool:
            right = True
            for _round in range(3):
                # All at once, so that each needs a connection of its own.
                gate.wait(timeout=120)
                with storage.open("a.txt") as file:
                    right = right and file.read() == b"a" * 1000
            return right

        with ThreadPoolExecutor(THREADS) as pool, warnings.catch_warnings():
            warnings.simplefilter("error")
            assert all(pool.map(use, range(THREADS)))

        assert proxy.connections <= THREADS + 1
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@only("seaweedfs-http")
def test_connection_that_is_idle_for_long_is_closed_when_any_other_is_used(
    make_storage: MakeStorage, provider: Provider, bucket: str, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(provider.endpoint_url) as proxy:
        other = build_storage(provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url))
        other.exists("a.txt")
        before = open_sockets()
        monkeypatch.setattr(sockets, "IDLE_SECONDS", 0.0)
        monkeypatch.setattr(sockets, "_looked_at", 0.0)

        make_storage().exists("a.txt")

        # But for the one that was used last.
        assert sum(map(len, sockets._idle)) <= 1
        assert open_sockets() <= before + 1


def test_idle_connections_of_a_process_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:
        closed = False

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(sockets, "MOST_IDLE", 5)
    # Other tests leave threads, and each may keep a connection.
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    hosts = [sockets.Idle() for _ in range(4)]
    made = [Fake() for _ in range(100)]
    for number, one in enumerate(made):
        monkeypatch.setattr(sockets, "_looked_at", 0.0)
        hosts[number % 4].put(one)

    assert sum(map(len, hosts)) <= 6
    # The oldest go first.
    assert made[0].closed
    assert not made[-1].closed


@only("seaweedfs-http")
def test_few_descriptors_are_enough_for_many_tenants(make_storage: MakeStorage, location: str) -> None:
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 20, usual[1]))
    try:
        for number in range(60):
            make_storage(location=f"{location}/{number}", options={"environment": "production"}).save(
                "a.txt", ContentFile(b"a")
            )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


def test_sdk_is_built_as_the_shared_sockets_need_it() -> None:
    # What is private to the SDK: were it renamed, clients would quietly be as the SDK makes them.
    import boto3
    from botocore.httpsession import URLLib3Session

    client: Any = boto3.client("s3", region_name="us-east-1")
    made = client._endpoint.http_session
    assert type(made) is URLLib3Session
    clients.prepare(client)
    shared = client._endpoint.http_session._shared
    manager = shared._get_connection_manager("https://s3.amazonaws.com/")
    pool = manager.connection_from_url("https://s3.amazonaws.com/")
    assert isinstance(pool, sockets._SDKTLSPool)
    assert isinstance(pool.pool, sockets.Idle)
    assert pool.ConnectionCls is sockets._SDKTLSConnection
    assert manager is shared._get_connection_manager("https://s3.eu-west-1.amazonaws.com/")
