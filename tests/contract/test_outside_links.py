"""Links for another address than that of requests: a server's outside name, and a CDN that passes signed links on."""

from __future__ import annotations

import datetime as dt
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any
from unittest import mock

import boto3
import pytest
import urllib3
from botocore.config import Config
from django.core.files.base import ContentFile
from django.core.files.storage.handler import StorageHandler

import holdall
from holdall.storage import MediaStorage
from holdall.storage import links as links_module
from tests.conftest import MakeStorage
from tests.contract import only
from tests.doctor.lab.cdn import Cdn
from tests.providers import Provider
from tests.stores import build_fork, build_storage

NOW = 1_795_349_017
PAIR = {"AWS_ACCESS_KEY_ID": "HOLDALLTESTKEY000001", "AWS_SECRET_ACCESS_KEY": "sec/ret+key="}
COMPOSE = {
    "STORAGE_BUCKET_NAME": "acme-media",
    "AWS_S3_REGION_NAME": "eu-central-1",
    "AWS_S3_ENDPOINT_URL": "http://minio:9000",
    "AWS_S3_PUBLIC_ENDPOINT_URL": "http://localhost:9000",
    **PAIR,
}
SPACES = {"STORAGES_MODE": "do", "DO_REGION": "fra1", "STORAGE_BUCKET_NAME": "acme-media", **PAIR}
NAMES = ["ada.jpg", "x/ä b+%.jpg", "x/ada*.jpg"]


def botocores(environ: Mapping[str, str], key: str, *, endpoint_url: str, style: str, **more: Any) -> str:
    """Sign a link as the SDK does, for the window of the moment that the tests have."""
    client = boto3.Session().client(
        "s3",
        region_name=environ.get("AWS_S3_REGION_NAME") or environ["DO_REGION"],
        endpoint_url=endpoint_url,
        aws_access_key_id=PAIR["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=PAIR["AWS_SECRET_ACCESS_KEY"],
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )
    span = links_module.window(NOW, lifetime_seconds=3600, offset=links_module.offset_of(key))
    moment = dt.datetime.fromtimestamp(span.signed_at, dt.UTC).replace(tzinfo=None)
    given = {"Bucket": environ["STORAGE_BUCKET_NAME"], "Key": key, **more}
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        return str(client.generate_presigned_url("get_object", Params=given, ExpiresIn=span.valid_seconds))


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module.time, "time", lambda: NOW)


# -- the address of browsers


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("public_endpoint", ["http://localhost:9000", "https://s3.example.com", "http://[::1]:9000"])
def test_link_is_botocores_for_the_public_endpoint(name: str, public_endpoint: str) -> None:
    environ = {**COMPOSE, "AWS_S3_PUBLIC_ENDPOINT_URL": public_endpoint}
    private = {"ResponseCacheControl": "private, max-age=3600"}

    assert build_storage(environ).url(name) == botocores(
        environ, name, endpoint_url=public_endpoint, style="path", **private
    )


@pytest.mark.usefixtures("at_now")
def test_link_below_a_location_and_with_parameters_is_for_the_public_endpoint() -> None:
    storage = build_storage({**COMPOSE, "STORAGE_LOCATION": "media/one"})
    given = {"ResponseContentDisposition": "attachment", "ResponseCacheControl": "no-store"}

    assert storage.url("a.txt", parameters=given) == botocores(
        COMPOSE, "media/one/a.txt", endpoint_url="http://localhost:9000", style="path", **given
    )


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("cdn.example.com/a%20b", "https://cdn.example.com/a%20b/x/y%20z%25.jpg"),
        ("localhost:9000/media", "http://localhost:9000/media/x/y%20z%25.jpg"),
        ("storage.googleapis.com/acme-media", "https://storage.googleapis.com/acme-media/x/y%20z%25.jpg"),
        ("f004.backblazeb2.com/file/acme", "https://f004.backblazeb2.com/file/acme/x/y%20z%25.jpg"),
    ],
)
def test_public_link_is_the_base_and_the_key_encoded_once(domain: str, url: str) -> None:
    environ = {**SPACES, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": domain, "STORAGE_LOCATION": "x"}
    assert build_storage(environ).url("y z%.jpg") == url


def test_link_that_the_sdk_makes_is_for_the_public_endpoint() -> None:
    storage: Any = build_storage(COMPOSE)

    url = storage.url("a.txt", parameters={"RequestPayer": "requester"})

    assert url.startswith("http://localhost:9000/acme-media/a.txt?")
    assert "x-amz-request-payer" in url


def test_unsigned_link_is_for_the_public_endpoint() -> None:
    options = {"bucket_name": "acme-media", "endpoint_url": "http://minio:9000", "querystring_auth": False}
    storage = MediaStorage(**options, public_endpoint_url="http://localhost:9000", signature_version="s3")

    assert MediaStorage(**options, public_endpoint_url="http://localhost:9000").url("a.txt") == (
        "http://localhost:9000/acme-media/a.txt"
    )
    # The old signature is left to the SDK.
    assert storage.url("a.txt") == "http://localhost:9000/acme-media/a.txt"


def test_client_signs_for_the_address_that_it_sends_to_and_the_link_client_for_browsers() -> None:
    storage: Any = build_storage(COMPOSE)
    given = {"Bucket": "acme-media", "Key": "a.txt"}

    inside = storage.connection.meta.client.generate_presigned_url("get_object", given)
    outside = storage.link_client.generate_presigned_url("get_object", given)
    form = storage.link_client.generate_presigned_post("acme-media", "a.txt")

    assert inside.startswith("http://minio:9000/acme-media/a.txt?")
    assert outside.startswith("http://localhost:9000/acme-media/a.txt?")
    assert form["url"] == "http://localhost:9000/acme-media"


def test_link_client_is_the_clients_own_where_browsers_use_the_endpoint() -> None:
    without = {name: value for name, value in COMPOSE.items() if name != "AWS_S3_PUBLIC_ENDPOINT_URL"}
    storage: Any = build_storage({**without, "AWS_S3_ENDPOINT_URL": "http://localhost:9000"})

    assert storage.link_client is storage.connection.meta.client


def test_second_store_has_a_public_endpoint_of_its_own() -> None:
    private = {f"PRIVATE_{name}": value for name, value in COMPOSE.items()}
    private["PRIVATE_AWS_S3_PUBLIC_ENDPOINT_URL"] = "http://127.0.0.1:9000"

    made = StorageHandler(holdall.from_env({**COMPOSE, **private}, aliases={"default": "", "private": "PRIVATE_"}))

    assert made["default"].url("a.txt").startswith("http://localhost:9000/")
    assert made["private"].url("a.txt").startswith("http://127.0.0.1:9000/")


@only("seaweedfs-http")
def test_server_is_written_under_one_name_and_read_under_another(
    make_storage: MakeStorage, provider: Provider, bucket: str
) -> None:
    outside = provider.endpoint_url.replace("127.0.0.1", "localhost")
    assert outside != provider.endpoint_url
    storage: Any = make_storage(AWS_S3_PUBLIC_ENDPOINT_URL=outside)

    name = storage.save("a b+ü.txt", ContentFile(b"by another name"))

    for url in (storage.url(name), storage.url(name, parameters={"ResponseContentType": "text/plain"})):
        assert url.startswith(f"{outside}/{bucket}/")
        assert provider.fetch(url).body == b"by another name"
    with storage.open(name) as file:
        assert file.read() == b"by another name"
    form = storage.link_client.generate_presigned_post(bucket, storage._key("form.txt"))
    answer = urllib3.request("POST", form["url"], fields={**form["fields"], "file": ("form.txt", b"by a form")})
    assert (form["url"], answer.status) == (f"{outside}/{bucket}", 204)
    with storage.open("form.txt") as file:
        assert file.read() == b"by a form"


@only("seaweedfs-http")
def test_fork_links_to_each_side_at_its_public_endpoint(provider: Provider, bucket: str, location: str) -> None:
    outside = provider.endpoint_url.replace("127.0.0.1", "localhost")
    parents = provider.environ(bucket, location=f"{location}/parent", AWS_S3_PUBLIC_ENDPOINT_URL=outside)
    own = provider.environ(bucket, location=f"{location}/fork")
    build_storage(parents).save("theirs.txt", ContentFile(b"the parent's"))
    fork = build_fork(own, parents)
    fork.save("own.txt", ContentFile(b"its own"))

    assert fork.url("theirs.txt").startswith(outside)
    assert provider.fetch(fork.url("theirs.txt")).body == b"the parent's"
    assert fork.url("own.txt").startswith(provider.endpoint_url)
    assert provider.fetch(fork.url("own.txt")).body == b"its own"


# -- a domain that passes signed links on


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("domain", ["acme-media.fra1.cdn.digitaloceanspaces.com", "https://media.example.com/files"])
def test_link_of_a_space_is_botocores_for_its_own_host_with_the_cdns_put_in(name: str, domain: str) -> None:
    storage = build_storage({**SPACES, "AWS_S3_CUSTOM_DOMAIN": domain})
    theirs = botocores(
        SPACES,
        name,
        endpoint_url="https://fra1.digitaloceanspaces.com",
        style="virtual",
        ResponseCacheControl="public, max-age=1800, must-revalidate",
    )
    origin = "https://acme-media.fra1.digitaloceanspaces.com"
    assert theirs.startswith(origin)

    assert storage.url(name) == f"https://{domain.removeprefix('https://')}{theirs.removeprefix(origin)}"


@pytest.mark.usefixtures("at_now")
def test_link_for_a_domain_has_the_path_that_was_signed_behind_the_domains_own() -> None:
    environ = {
        **COMPOSE,
        "AWS_S3_ENDPOINT_URL": "https://s3.us-west-004.backblazeb2.com",
        "AWS_S3_CUSTOM_DOMAIN": "http://localhost:8080/cdn",
        "AWS_S3_SIGN_FOR_DOMAIN": "true",
    }
    del environ["AWS_S3_PUBLIC_ENDPOINT_URL"]
    endpoint = "https://s3.us-west-004.backblazeb2.com"
    given = {"ResponseCacheControl": "public, max-age=1800, must-revalidate"}

    url = build_storage(environ).url("a b.txt")

    theirs = botocores(environ, "a b.txt", endpoint_url=endpoint, style="path", **given)
    assert url == f"http://localhost:8080/cdn{theirs.removeprefix(endpoint)}"


def test_link_for_a_domain_that_the_sdk_makes_carries_the_domain() -> None:
    storage: Any = build_storage({**SPACES, "AWS_S3_CUSTOM_DOMAIN": "media.example.com"})

    url = storage.url("a.txt", parameters={"RequestPayer": "requester"})

    assert url.startswith("https://media.example.com/a.txt?")
    assert "X-Amz-Signature" in url


def test_link_for_a_domain_stays_for_its_window_and_may_be_kept_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {**SPACES, "AWS_S3_CUSTOM_DOMAIN": "media.example.com", "STORAGE_URL_LIFETIME": "10m"}
    seen = []
    for second in range(NOW, NOW + 300):
        monkeypatch.setattr(links_module.time, "time", lambda now=second: now)
        seen.append(build_storage(environ).url("a.txt"))

    assert len(set(seen)) == 2
    for url in set(seen):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        assert query["response-cache-control"] == "public, max-age=300, must-revalidate"


def test_public_files_on_a_domain_are_not_signed() -> None:
    environ = {**SPACES, "AWS_S3_CUSTOM_DOMAIN": "media.example.com", "STORAGE_MAKE_FILES_PUBLIC": "true"}
    assert build_storage(environ).url("a.txt") == "https://media.example.com/a.txt"


@only("seaweedfs-http")
@pytest.mark.parametrize("path", ["", "/cdn"])
def test_cdn_that_passes_signed_links_on_serves_private_files_and_keeps_them(
    make_storage: MakeStorage, provider: Provider, bucket: str, path: str
) -> None:
    with Cdn(provider, "", passes_queries=True, strips=path) as cdn:
        storage: Any = make_storage(AWS_S3_CUSTOM_DOMAIN=f"{cdn.domain}{path}", AWS_S3_SIGN_FOR_DOMAIN="true")
        name = storage.save("a b+ü.txt", ContentFile(b"private"))

        url = storage.url(name)
        first, second = provider.fetch(url), provider.fetch(url)
        bare = provider.fetch(url.partition("?")[0])
        forged = provider.fetch(re.sub("X-Amz-Signature=.", "X-Amz-Signature=z", url))

        assert url.startswith(f"http://{cdn.domain}{path}/{bucket}/")
        assert (first.body, second.body) == (b"private", b"private")
        assert second.headers["x-cache"].startswith("Hit")
        assert (bare.status, forged.status) == (403, 403)


# MiniStack signs for one region, and a Space has its own.
@only("seaweedfs-http", "ceph-http")
def test_link_for_the_buckets_own_host_is_served_by_a_cdn_that_sends_that_host(
    provider: Provider, bucket: str, location: str
) -> None:
    outside = provider.endpoint_url.replace("127.0.0.1", "localhost")
    own_host = f"{bucket}.{outside.removeprefix('http://')}"
    with Cdn(provider, "", passes_queries=True, host=own_host) as cdn:
        environ = provider.environ(bucket, location=location, AWS_S3_CUSTOM_DOMAIN=cdn.domain)
        for name in ("AWS_S3_REGION_NAME", "DO_REGION"):
            environ.pop(name, None)
        # As at DigitalOcean: the bucket is before the host. Requests go to the IP address, which has no subdomains.
        environ |= {"STORAGES_MODE": "do", "AWS_S3_PUBLIC_ENDPOINT_URL": outside}
        storage: Any = build_storage(environ)
        name = storage.save("ada.txt", ContentFile(b"private"))
        url = storage.url(name)

        assert url.startswith(f"http://{cdn.domain}/{location}/ada.txt?")
        assert provider.fetch(url).body == b"private"
        assert provider.fetch(url).headers["x-cache"].startswith("Hit")
        assert provider.fetch(url.partition("?")[0]).status in {401, 403, 404}


@only("seaweedfs-http")
def test_bucket_in_the_path_of_a_domain_serves_public_files(
    provider: Provider, make_storage: MakeStorage, location: str
) -> None:
    bucket = provider.create_bucket()
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    provider.client.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    host = provider.endpoint_url.removeprefix("http://").replace("127.0.0.1", "localhost")
    environ = provider.environ(
        bucket, location=location, STORAGE_MAKE_FILES_PUBLIC="true", AWS_S3_CUSTOM_DOMAIN=f"{host}/{bucket}"
    )
    storage = build_storage(environ)

    name = storage.save("a b+ü%.txt", ContentFile(b"public"))

    assert storage.url(name).startswith(f"http://{host}/{bucket}/{location}/a")
    assert provider.fetch(storage.url(name)).body == b"public"
