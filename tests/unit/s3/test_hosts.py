"""Where requests go, held to the SDK: whatever is configured, the fast lane, the SDK, links and forms name one host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.config import Config
from django.core.files.base import ContentFile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdall.providers import GENERIC
from holdall.s3 import fastlane, hosts, sessions, sockets
from holdall.s3.exchange import Request
from holdall.s3.target import Target
from holdall.storage import MediaStorage

KEYS = {"access_key": "HOLDALLTESTKEY000001", "secret_key": "s" * 40}
ACCELERATED = "[default]\ns3 =\n    use_accelerate_endpoint = true\n"
# (name, what the storage is given, the environment, the SDK's configuration file, the address of the bucket)
PLACES: list[tuple[str, dict[str, Any], dict[str, str], str, str]] = [
    ("plain", {"region_name": "eu-west-1"}, {}, "", "https://{bucket}.s3.eu-west-1.amazonaws.com"),
    ("oldest", {"region_name": "us-east-1"}, {}, "", "https://{bucket}.s3.amazonaws.com"),
    (
        "regional",
        {"region_name": "us-east-1"},
        {"AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional"},
        "",
        "https://{bucket}.s3.us-east-1.amazonaws.com",
    ),
    (
        "standard",
        {"region_name": "us-east-1"},
        {"AWS_DEFAULTS_MODE": "standard"},
        "",
        "https://{bucket}.s3.us-east-1.amazonaws.com",
    ),
    (
        "fips",
        {"region_name": "us-gov-west-1"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        "",
        "https://{bucket}.s3-fips.us-gov-west-1.amazonaws.com",
    ),
    (
        "dual",
        {"region_name": "eu-west-1"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        "",
        "https://{bucket}.s3.dualstack.eu-west-1.amazonaws.com",
    ),
    (
        "both",
        {"region_name": "us-east-1"},
        {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
        "",
        "https://{bucket}.s3-fips.dualstack.us-east-1.amazonaws.com",
    ),
    ("china", {"region_name": "cn-north-1"}, {}, "", "https://{bucket}.s3.cn-north-1.amazonaws.com.cn"),
    ("europe", {"region_name": "eusc-de-east-1"}, {}, "", "https://{bucket}.s3.eusc-de-east-1.amazonaws.eu"),
    ("iso", {"region_name": "us-iso-east-1"}, {}, "", "https://{bucket}.s3.us-iso-east-1.c2s.ic.gov"),
    ("accelerated", {"region_name": "eu-west-1"}, {}, ACCELERATED, "https://{bucket}.s3-accelerate.amazonaws.com"),
    (
        "accelerated-endpoint",
        {"region_name": "eu-west-1", "endpoint_url": "https://s3-accelerate.amazonaws.com"},
        {},
        "",
        "https://{bucket}.s3-accelerate.amazonaws.com",
    ),
    (
        "configured",
        {"region_name": "eu-west-1", "client_config": Config(s3={"use_dualstack_endpoint": True})},
        {},
        "",
        "https://{bucket}.s3.dualstack.eu-west-1.amazonaws.com",
    ),
    ("dotted.name", {"region_name": "eu-west-1"}, {}, "", "https://s3.eu-west-1.amazonaws.com/{bucket}"),
    (
        "in-the-path",
        {"region_name": "eu-west-1", "addressing_style": "path"},
        {},
        "",
        "https://s3.eu-west-1.amazonaws.com/{bucket}",
    ),
    (
        "automatic",
        {"region_name": "eu-west-1", "addressing_style": "auto"},
        {},
        "",
        "https://{bucket}.s3.eu-west-1.amazonaws.com",
    ),
    ("in-clear", {"region_name": "eu-west-1", "use_ssl": False}, {}, "", "http://{bucket}.s3.eu-west-1.amazonaws.com"),
    (
        "at-an-access-point-abcdef-s3alias",
        {"region_name": "eu-west-1"},
        {},
        "",
        "https://{bucket}.s3.eu-west-1.amazonaws.com",
    ),
    (
        "private-link",
        {
            "region_name": "us-east-1",
            "endpoint_url": "https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
        },
        {},
        "",
        "https://{bucket}.bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
    ),
    (
        "elsewhere",
        {"region_name": "auto", "endpoint_url": "https://0a1b.r2.cloudflarestorage.com"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        "",
        "https://0a1b.r2.cloudflarestorage.com/{bucket}",
    ),
    (
        "below-a-path",
        {"region_name": "eu-central-1", "endpoint_url": "https://abc.storage.supabase.co/storage/v1/s3"},
        {},
        "",
        "https://abc.storage.supabase.co/storage/v1/s3/{bucket}",
    ),
    (
        "below-a-path-and-before-a-host",
        {"region_name": "r1", "endpoint_url": "https://s3.example.com/minio", "addressing_style": "virtual"},
        {},
        "",
        "https://{bucket}.s3.example.com/minio",
    ),
    (
        "at-an-address",
        {"region_name": "r1", "endpoint_url": "http://10.0.0.5:9000", "addressing_style": "virtual"},
        {},
        "",
        "http://10.0.0.5:9000/{bucket}",
    ),
]


class Sent(Exception):
    """A request was about to leave."""


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[dict[str, str], str], None]]:
    """Set what the SDK reads."""

    def set_to(environ: dict[str, str], file: str) -> None:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        if file:
            (tmp_path / "config").write_text(file)
            monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
            # It reads its file once.
            monkeypatch.setattr(sessions, "_sessions", {})
            hosts._reader.cache_clear()

    yield set_to
    hosts._reader.cache_clear()


def addresses(storage: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the address of the bucket that each way of asking names."""
    found: dict[str, str] = {}
    asked: list[str] = []

    def sent(request: Any, **_event: Any) -> None:
        asked.append(request.url)
        raise Sent

    def exchange(pool: Any, request: Request, **_limits: Any) -> None:
        asked.append(pool + request.target)
        raise Sent

    monkeypatch.setattr(sockets, "pool", lambda scheme, host, **_more: f"{scheme}://{host}")
    monkeypatch.setattr(fastlane, "exchange", exchange)
    store = storage.store
    found["link"] = storage.url("a.jpg").partition("?")[0].removesuffix("/a.jpg")
    # A client of its own, so that the fast lane finds the storage's plain.
    client = type(store)(storage._target).client
    client.meta.events.register_first("before-send.s3", sent)
    fast: dict[str, Callable[[], Any]] = {
        "put": lambda: storage.save("a.jpg", ContentFile(b"a")),
        "head": lambda: storage.exists("a.jpg"),
        "list": lambda: storage.listdir(""),
    }
    if store._fast_lane() is not None:
        for what, deed in fast.items():
            with pytest.raises(Sent):
                deed()
            found[f"fast lane, {what}"] = asked.pop()
    slow: dict[str, Callable[[], Any]] = {
        "put": lambda: client.put_object(Bucket=bucket, Key="a.jpg", Body=b"a"),
        "copy": lambda: client.copy_object(Bucket=bucket, Key="a.jpg", CopySource={"Bucket": bucket, "Key": "b"}),
        "delete": lambda: client.delete_object(Bucket=bucket, Key="a.jpg"),
        "head": lambda: client.head_object(Bucket=bucket, Key="a.jpg"),
        "list": lambda: client.list_objects_v2(Bucket=bucket),
        "delete many": lambda: client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a.jpg"}]}),
        "multipart": lambda: client.create_multipart_upload(Bucket=bucket, Key="a.jpg"),
    }
    for what, deed in slow.items():
        with pytest.raises(Sent):
            deed()
        found[f"SDK, {what}"] = asked.pop()
    found["form"] = client.generate_presigned_post(bucket, "a.jpg")["url"]
    keys = ("/a.jpg", "/.holdall/probe")
    return {what: _without(url.partition("?")[0].rstrip("/"), keys) for what, url in found.items()}


def _without(url: str, keys: tuple[str, ...]) -> str:
    return next((url.removesuffix(key) for key in keys if url.endswith(key)), url)


@pytest.mark.parametrize(("bucket", "options", "environ", "file", "address"), PLACES, ids=[one[0] for one in PLACES])
def test_every_request_and_link_leads_to_one_address(
    bucket: str,
    options: dict[str, Any],
    environ: dict[str, str],
    file: str,
    address: str,
    configure: Callable[[dict[str, str], str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(environ, file)
    storage = MediaStorage(bucket_name=bucket, **KEYS, **options)

    found = addresses(storage, bucket, monkeypatch)

    assert set(found.values()) == {address.format(bucket=bucket)}, found
    assert len(found) >= 9


# What the fast lane knows, with parameters of the SDK's.
OPERATIONS: dict[str, dict[str, Any]] = {
    "put_object": {"Body": b"a"},
    "get_object": {"Range": "bytes=0-9"},
    "head_object": {},
    "upload_part": {"UploadId": "an id+/=", "PartNumber": 2, "Body": b"a"},
}


@cache
def _captured(endpoint_url: str, style: str) -> tuple[Any, list[str]]:
    """Give a client of the SDK, and the list of what it would send."""
    asked: list[str] = []

    def sent(request: Any, **_event: Any) -> None:
        asked.append(f"{request.method} {request.url}")
        raise Sent

    client = boto3.Session().client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="r1",
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        config=Config(s3={"addressing_style": style}, request_checksum_calculation="when_required"),
    )
    client.meta.events.register_first("before-send.s3", sent)
    return client, asked


@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize("endpoint_url", ["https://s3.example.com", "https://s3.example.com:8443/storage/v1/s3"])
@settings(max_examples=60, deadline=None)
@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    operation=st.sampled_from([*OPERATIONS, "list_objects_v2", "head_bucket"]),
)
@example(key="späße/a b+%2F?#.txt", operation="put_object")
@example(key="a", operation="list_objects_v2")
@example(key="a", operation="head_bucket")
def test_fast_lane_asks_for_what_the_sdk_asks_for(endpoint_url: str, style: str, key: str, operation: str) -> None:
    target = Target(provider=GENERIC, bucket_name="acme", addressing_style=style)
    place = hosts.place(target, endpoint_url, "r1")
    assert place is not None
    parameters: dict[str, Any] = {"Prefix": key} if operation == "list_objects_v2" else {}
    if operation in OPERATIONS:
        parameters = {"Key": key, **OPERATIONS[operation]}
    client, asked = _captured(endpoint_url, style)

    method, path, query, *_ = fastlane._request(operation, parameters, place)

    with pytest.raises(Sent):
        getattr(client, operation)(Bucket="acme", **parameters)
    theirs, _, their_query = asked.pop().partition("?")
    assert f"{method} {place.scheme}://{place.host}{path}" == theirs
    assert sorted(parse_qsl(query)) == sorted(parse_qsl(their_query))
