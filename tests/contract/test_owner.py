"""The owner marker: the first environment that writes owns the store, and no other changes anything in it."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall import devserver
from holdall.errors import StoreFailed, WriteRefused
from holdall.s3 import claims
from holdall.s3.connection import Connection
from tests.conftest import MakeStorage
from tests.contract import only
from tests.forks import fingerprint, put, read
from tests.providers import Provider
from tests.servers.fault_proxy import Answer, FaultProxy, Request, Rule, answers, resets_after
from tests.stores import build_storage

MIB = 1024 * 1024


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(claims, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def environment(make_storage: MakeStorage) -> Any:
    def make(name: str, **changes: Any) -> Any:
        return make_storage(STORAGE_ENVIRONMENT=name, **changes)

    return make


def test_first_environment_that_writes_owns_the_store(
    environment: Any, provider: Provider, bucket: str, location: str
) -> None:
    production, staging = environment("production"), environment("staging")
    production.exists("ada.jpg")
    assert list(provider.objects_in(bucket, f"{location}/")) == []

    put(production, "ada.jpg")

    before = fingerprint(provider, bucket, location)
    with pytest.raises(WriteRefused) as refused:
        put(staging, "bob.jpg")
    said = str(refused.value)
    assert 'belong to the environment "production"; this environment is "staging"' in said
    assert "`PARENT_`" in said
    assert "`holdall owner take`" in said
    assert isinstance(refused.value, PermissionError)
    assert read(staging, "ada.jpg") == b"x"
    assert staging.listdir("") == ([], ["ada.jpg"])
    assert fingerprint(provider, bucket, location) == before


def test_no_way_to_write_leads_around_the_marker(
    environment: Any, provider: Provider, bucket: str, location: str
) -> None:
    put(environment("production"), "ada.jpg")
    before = fingerprint(provider, bucket, location)
    other, over = environment("staging"), environment("staging", options={"file_overwrite": True})
    key = f"{location}/ada.jpg"
    client = other.connection.meta.client

    def write(storage: Any, size: int) -> None:
        with storage.open("new.bin", "wb") as file:
            file.write(b"x" * size)

    for deed in (
        lambda: put(other, "ada.jpg"),
        lambda: other.save("large.bin", ContentFile(b"x" * 9 * MIB)),
        lambda: put(over, "ada.jpg"),
        lambda: over.save("large.bin", ContentFile(b"x" * 9 * MIB)),
        lambda: write(other, 5),
        lambda: write(other, 9 * MIB),
        lambda: write(over, 9 * MIB),
        lambda: other.delete("ada.jpg"),
        lambda: other.delete_many(["ada.jpg"]),
        lambda: other.save("copy.jpg", other.open("ada.jpg")),
        lambda: other.url("ada.jpg", http_method="PUT"),
        lambda: other.bucket.Object(key).delete(),
        lambda: other.bucket.upload_fileobj(io.BytesIO(b"x"), key),
        lambda: client.generate_presigned_post(bucket, key),
        lambda: client.generate_presigned_url("delete_object", {"Bucket": bucket, "Key": key}),
        lambda: client.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": []}),
    ):
        with pytest.raises(WriteRefused, match='belong to the environment "production"'):
            deed()
    assert fingerprint(provider, bucket, location) == before
    assert provider.unfinished_uploads(bucket, location) == []


def test_environments_that_start_at_once_get_one_owner(
    environment: Any, provider: Provider, bucket: str, location: str
) -> None:
    """Eight environments with four writers each."""
    gate = threading.Barrier(32)
    told: list[tuple[str, bool]] = []

    def write(name: str, storage: Any) -> None:
        gate.wait(timeout=60)
        try:
            put(storage, f"{name}.txt")
        except WriteRefused:
            told.append((name, False))
        else:
            told.append((name, True))

    storages = [(f"env-{number}", environment(f"env-{number}")) for number in range(8) for _ in range(4)]
    threads = [threading.Thread(target=write, args=one) for one in storages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(told) == 32
    winners = {name for name, wrote in told if wrote}
    assert len(winners) == 1
    assert sum(wrote for _, wrote in told) == 4
    assert all(winners.pop() in key for key in provider.keys_in(bucket, location)[:1])


def test_marker_costs_one_request_a_process(environment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(environment("production"), "first.txt")
    storage = environment("production", options={"addressing_style": "path"})
    seen: list[str] = []
    send = Connection._send

    def note(self: Connection, operation: str, parameters: dict[str, Any], client: Any) -> Any:
        seen.append(f"{operation} {parameters.get('Key', '')}")
        return send(self, operation, parameters, client)

    monkeypatch.setattr(Connection, "_send", note)
    for number in range(5):
        put(storage, f"{number}.txt")
        storage.exists(f"{number}.txt")
    assert len([one for one in seen if "owner.json" in one]) == 1


def test_taken_store_is_noticed_within_a_minute(
    environment: Any, clock: SimpleNamespace, provider: Provider, bucket: str, location: str
) -> None:
    production = environment("production")
    put(production, "ada.jpg")
    taken = claims.Claim(kind="owner", holder="staging", location=location)
    provider.write(bucket, taken.key, taken.body())
    put(production, "within the minute.jpg")

    clock.now += claims.CLAIM_SECONDS

    with pytest.raises(WriteRefused, match='belong to the environment "staging"'):
        put(production, "late.jpg")
    put(environment("staging"), "the new owner's.jpg")


def test_environment_without_a_name_leaves_no_marker(
    storage: Any, provider: Provider, bucket: str, location: str
) -> None:
    put(storage, "ada.jpg")
    assert [found["Key"] for found in provider.objects_in(bucket, f"{location}/")] == [f"{location}/ada.jpg"]


@only("seaweedfs-http")
def test_marker_that_can_not_be_understood_stops_every_write(
    environment: Any, provider: Provider, bucket: str, location: str
) -> None:
    for body in (b"not json", b"[]", b'{"version": 1}', b'{"owner": 7}'):
        provider.write(bucket, f"{location}/.holdall/owner.json", body)
        with pytest.raises(StoreFailed, match="cannot be read"):
            put(environment("production"), "ada.jpg")
    assert provider.keys_in(bucket, location) == []


def test_marker_is_made_with_keys_that_may_not_list(environment: Any, provider: Provider) -> None:
    """Where a missing object is refused instead of not found."""
    storage = environment("production", keys=provider.no_list)
    assert put(storage, "ada.jpg") == "ada.jpg"
    with pytest.raises(WriteRefused):
        put(environment("staging", keys=provider.no_list), "bob.jpg")


@only("seaweedfs-http")
def test_marker_whose_answer_was_lost_is_ones_own(environment: Any, provider: Provider) -> None:
    with FaultProxy(provider.endpoint_url, Rule("PutObject", resets_after)) as proxy:
        assert put(environment("production", AWS_S3_ENDPOINT_URL=proxy.url), "ada.jpg") == "ada.jpg"


@only("seaweedfs-http")
def test_provider_without_conditions_has_one_owner_when_nobody_races(environment: Any, provider: Provider) -> None:
    """What a store answers that does not know the condition.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (NotImplemented)
    """

    def refuse(request: Request) -> Answer:
        return Answer(501, (), b"<Error><Code>NotImplemented</Code><Message>A header is not known.</Message></Error>")

    def is_conditional(request: Request) -> Any:
        return answers(refuse) if request.header("If-None-Match") else None

    with FaultProxy(provider.endpoint_url, choose=is_conditional) as proxy:
        changes = {"AWS_S3_ENDPOINT_URL": proxy.url, "options": {"provider": "generic"}}
        put(environment("production", **changes), "ada.jpg")
        with pytest.raises(WriteRefused, match='"production"'):
            put(environment("staging", **changes), "bob.jpg")


def test_bucket_of_local_mode_is_made_before_its_marker(tmp_path: Path) -> None:
    """The first write of all makes the bucket, asks who owns it, and makes the marker."""
    try:
        environ = {"STORAGES_MODE": "local", "STORAGE_ENVIRONMENT": "laptop"}
        storage: Any = build_storage(environ, local_folder=str(tmp_path))
        # Many at once: who makes the bucket and who asks for its owner wait for one another.
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: put(storage, f"{number}.jpg"), range(16)))
        assert len(storage.listdir("")[1]) == 16
    finally:
        devserver.leave(tmp_path)
