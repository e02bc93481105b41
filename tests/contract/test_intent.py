"""Private never leaks, public is really readable, and no file of a user becomes a page of the media domain."""

from __future__ import annotations

import io
import urllib.parse
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.core.files.uploadedfile import InMemoryUploadedFile

from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import CDN_DOMAIN, Provider

HTML = b"<!doctype html><script>alert(document.domain)</script>"
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + b"\x00" * 200


def test_private_file_is_refused_to_visitors(storage: Storage, provider: Provider, bucket: str, location: str) -> None:
    name = storage.save("private.txt", ContentFile(b"between us"))

    for method in ("GET", "HEAD", "DELETE"):
        answer = provider.fetch_anonymously(bucket, f"{location}/{name}", method=method)
        assert answer.status == 403
        assert b"between us" not in answer.body


def test_private_written_file_is_refused_to_visitors(
    storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    with storage.open("private.txt", "wb") as file:
        file.write(b"private")

    assert provider.fetch_anonymously(bucket, f"{location}/private.txt").status == 403


# Spaces make files public by an ACL sent with each; elsewhere that is the affair of the bucket's policy and the CDN.
@only("ceph-http", "ceph-https")
@pytest.mark.parametrize("size", [6, 9 * 1024 * 1024], ids=["small", "parts"])
def test_public_file_is_readable_by_visitors_in_mode_do(
    public_storage: Storage, provider: Provider, bucket: str, location: str, size: int
) -> None:
    name = public_storage.save("public.bin", ContentFile(b"p" * size))

    answer = provider.fetch_anonymously(bucket, f"{location}/{name}")
    assert (answer.status, len(answer.body)) == (200, size)


@only("ceph-http", "ceph-https")
def test_public_written_file_is_readable_by_visitors_in_mode_do(
    public_storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    with public_storage.open("public.txt", "wb") as file:
        file.write(b"public")

    assert provider.fetch_anonymously(bucket, f"{location}/public.txt").body == b"public"


@only("ceph-http")
def test_public_file_does_not_open_the_listing_or_its_neighbours(
    public_storage: Storage, storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    public_storage.save("public.txt", ContentFile(b"public"))
    storage.save("private.txt", ContentFile(b"private"))

    assert provider.fetch_anonymously(bucket, f"{location}/private.txt").status == 403
    assert provider.fetch(f"{provider.endpoint_url}/{bucket}/").status == 403


@only("ministack")
@pytest.mark.parametrize("size", [6, 9 * 1024 * 1024], ids=["small", "parts"])
def test_public_file_is_saved_to_a_fresh_amazon_bucket_and_opened_by_its_policy(
    make_storage: MakeStorage, provider: Provider, location: str, size: int
) -> None:
    bucket = provider.create_bucket()
    with pytest.raises(provider.client.exceptions.ClientError, match="AccessControlListNotSupported"):
        provider.write(bucket, "proof", b"", ACL="public-read")
    storage = make_storage(bucket=bucket, is_public=True)
    name = storage.save("public.bin", ContentFile(b"p" * size))

    assert provider.fetch_anonymously(bucket, f"{location}/{name}").status == 403
    provider.allow_public_reads(bucket)
    assert len(provider.fetch_anonymously(bucket, f"{location}/{name}").body) == size


def test_public_link_is_plain_and_leads_to_the_cdn(public_storage: Storage, location: str) -> None:
    name = public_storage.save("folder/ü +%#.txt", ContentFile(b"public"))
    url = public_storage.url(name)

    assert "?" not in url
    assert urllib.parse.unquote(url) == f"https://{CDN_DOMAIN}/{location}/{name}"
    assert urllib.parse.urlsplit(url).fragment == ""


def test_private_link_is_signed_and_leads_to_the_bucket(storage: Storage, provider: Provider) -> None:
    url = storage.url(storage.save("private.txt", ContentFile(b"private")))

    assert url.startswith(provider.endpoint_url)
    assert "X-Amz-Signature=" in url


TYPES = {
    "photo.jpg": "image/jpeg",
    "photo.PNG": "image/png",
    "paper.pdf": "application/pdf",
    "film.mp4": "video/mp4",
    "data.json": "application/json",
    "table.csv": "text/csv",
    "no-extension": "application/octet-stream",
    "unknown.zzz": "application/octet-stream",
}


@pytest.mark.parametrize("name", TYPES)
def test_type_is_that_of_the_extension(
    storage: Storage, provider: Provider, bucket: str, location: str, name: str
) -> None:
    saved = storage.save(name, ContentFile(b"\x00\x01\x02"))

    found = provider.head(bucket, f"{location}/{saved}")
    assert found["ContentType"].partition(";")[0] == TYPES[name]
    is_known = TYPES[name] != "application/octet-stream"
    assert ("attachment" in found.get("ContentDisposition", "")) is not is_known


@pytest.mark.parametrize("name", ["page.ehtml", "schema.xsd", "PAGE.EHTML", "page.jpg.ehtml", "page.html.", ".html"])
def test_page_that_a_server_knows_by_its_extension_is_a_download(storage: Any, provider: Provider, name: str) -> None:
    for saved in (storage.save(f"saved/{name}", ContentFile(HTML)), f"written/{name}"):
        if saved.startswith("written"):
            with storage.open(saved, "wb") as file:
                file.write(b"hello <script>alert(1)</script>")
        answer = provider.fetch(storage.url(saved))
        assert answer.status == 200
        assert answer.headers["content-disposition"].startswith("attachment")


class Drips(io.BytesIO):
    """A file that gives less than it was asked for, as pipes and sockets do."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 3) if size and size > 0 else size)


def test_page_that_is_read_in_drips_is_recognised(
    storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    saved = storage.save("photo.jpg", File(Drips(b" \r\n\t" + HTML), "photo.jpg"))

    assert provider.head(bucket, f"{location}/{saved}")["ContentDisposition"].startswith("attachment")
    assert provider.read(bucket, f"{location}/{saved}") == b" \r\n\t" + HTML


SCRIPTS = ["page.html", "page.HTM", "page.xhtml", "drawing.svg", "feed.xml", "script.js", "module.mjs"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_file_that_can_run_script_is_stored_as_attachment(
    storage: Storage, public_storage: Storage, provider: Provider, bucket: str, location: str, name: str
) -> None:
    for store in (storage, public_storage):
        saved = store.save(name, ContentFile(HTML))
        assert provider.head(bucket, f"{location}/{saved}")["ContentDisposition"].startswith("attachment")


def test_written_file_that_can_run_script_is_stored_as_attachment(
    storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    with storage.open("page.html", "wb") as file:
        file.write(HTML)

    assert provider.head(bucket, f"{location}/page.html")["ContentDisposition"].startswith("attachment")


def assert_no_page(found: dict[str, Any]) -> None:
    """Assert that a browser would not run it: not a page by its type, and what is unknown is only downloaded."""
    kind = found["ContentType"].partition(";")[0]
    assert kind in {"image/jpeg", "application/octet-stream"}
    if kind == "application/octet-stream":
        assert found["ContentDisposition"].startswith("attachment")


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b" \r\n\t", b"<!-- x -->"])
def test_page_disguised_as_a_picture_is_not_served_as_one(
    storage: Storage, provider: Provider, bucket: str, location: str, prefix: bytes
) -> None:
    saved = storage.save("photo.jpg", ContentFile(prefix + HTML))
    found = provider.head(bucket, f"{location}/{saved}")

    # SeaweedFS shows the type that belongs to the extension where it is told that the type is unknown.
    assert_no_page(found)
    assert found["ContentDisposition"].startswith("attachment")


@pytest.mark.parametrize("claim", ["text/html", "text/html; charset=utf-8", "image/svg+xml", "application/xhtml+xml"])
@pytest.mark.parametrize("content", [JPEG, HTML], ids=["jpeg", "html"])
def test_claim_of_the_client_is_not_believed(
    storage: Storage, provider: Provider, bucket: str, location: str, claim: str, content: bytes
) -> None:
    upload = InMemoryUploadedFile(io.BytesIO(content), "file", "photo.jpg", claim, len(content), None)
    saved = storage.save("photo.jpg", upload)

    assert_no_page(provider.head(bucket, f"{location}/{saved}"))


def test_public_file_may_be_kept_by_every_cache(
    public_storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    saved = public_storage.save("photo.jpg", ContentFile(JPEG))

    assert provider.head(bucket, f"{location}/{saved}")["CacheControl"] == "public, max-age=3600, must-revalidate"


def test_private_file_may_be_kept_by_no_shared_cache(
    storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    saved = storage.save("photo.jpg", ContentFile(JPEG))

    directives = provider.head(bucket, f"{location}/{saved}")["CacheControl"]
    assert "private" in directives
    assert "public" not in directives
    assert "private" in provider.fetch(storage.url(saved)).headers["cache-control"]


def test_header_with_a_run_of_blanks_is_stored_as_it_is(
    make_storage: MakeStorage, provider: Provider, bucket: str, location: str
) -> None:
    disposition = 'attachment; filename="Minutes  2026.pdf"'
    storage = make_storage(options={"object_parameters": {"ContentDisposition": disposition}})

    saved = storage.save("m.pdf", ContentFile(b"x"))

    assert provider.head(bucket, f"{location}/{saved}")["ContentDisposition"] == disposition
