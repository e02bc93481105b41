"""Links that save a file under a name of one's own, on servers that check signatures."""

from __future__ import annotations

import urllib.parse
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.storage import links as links_module
from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider
from tests.stores import build_fork, build_storage

NAMES = ["Invoice 7.pdf", "Rechnung für Ada.pdf", "فاتورة 🧾.pdf", 'a"b\r\nX-Evil: 1.pdf']
ON_A_CDN = {
    "STORAGE_BUCKET_NAME": "acme-media",
    "STORAGE_MAKE_FILES_PUBLIC": "true",
    "AWS_S3_REGION_NAME": "eu-central-1",
    "AWS_S3_CUSTOM_DOMAIN": "media.example.com",
    "AWS_ACCESS_KEY_ID": "HOLDALLTESTKEY000001",
    "AWS_SECRET_ACCESS_KEY": "s" * 40,
}


def overrides(url: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


@pytest.mark.parametrize("download_as", NAMES)
def test_download_has_the_name_that_was_asked_for(storage: Any, provider: Provider, download_as: str) -> None:
    name = storage.save("7.pdf", ContentFile(b"%PDF-1.7"))

    url = storage.url(name, download_as=download_as)

    answer = provider.fetch(url)
    assert (answer.status, answer.body) == (200, b"%PDF-1.7")
    assert answer.headers["content-disposition"] == overrides(url)["response-content-disposition"]
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "x-evil" not in {header.lower() for header in answer.headers}


@only("seaweedfs-http")
def test_download_link_stays_for_a_window_and_is_one_in_every_process(
    make_storage: MakeStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for second in range(1_795_349_017, 1_795_349_017 + 1_800, 60):
        monkeypatch.setattr(links_module.time, "time", lambda second=second: second)
        seen.add(make_storage().url("7.pdf", download_as="Invoice 7.pdf"))

    assert len(seen) <= 2


@only("seaweedfs-http")
def test_download_link_goes_with_other_parameters_and_a_lifetime(storage: Any, provider: Provider) -> None:
    name = storage.save("7.txt", ContentFile(b"text"))

    url = storage.url(name, {"ResponseContentType": "text/csv"}, 60, download_as="table.csv")

    answer = provider.fetch(url)
    assert answer.headers["content-type"] == "text/csv"
    assert overrides(url)["X-Amz-Expires"] == "90"


def test_download_of_a_public_file_is_signed_for_the_bucket() -> None:
    """A CDN does not pass the override on, and a store refuses it for what is not signed."""
    storage = build_storage(ON_A_CDN)

    url = urllib.parse.urlsplit(storage.url("7.pdf", download_as="Invoice 7.pdf"))

    assert url.hostname == "acme-media.s3.eu-central-1.amazonaws.com"
    assert "X-Amz-Signature" in url.query
    assert storage.url("7.pdf") == "https://media.example.com/7.pdf"


@only("seaweedfs-http")
def test_download_of_a_public_file_works(public_storage: Any, provider: Provider) -> None:
    name = public_storage.save("7.pdf", ContentFile(b"%PDF-1.7"))

    answer = provider.fetch(public_storage.url(name, download_as="Invoice 7.pdf"))

    assert (answer.status, answer.body) == (200, b"%PDF-1.7")
    assert answer.headers["content-disposition"] == 'attachment; filename="Invoice 7.pdf"'


def test_download_through_a_domain_that_passes_signed_links_on_keeps_the_domain() -> None:
    private = {**ON_A_CDN, "STORAGE_MAKE_FILES_PUBLIC": "false", "AWS_S3_SIGN_FOR_DOMAIN": "true"}

    url = build_storage(private).url("7.pdf", download_as="Invoice 7.pdf")

    assert url.startswith("https://media.example.com/7.pdf?response-content-disposition=")


@only("seaweedfs-http")
def test_download_of_the_parents_file_is_the_parents(provider: Provider, bucket: str, location: str) -> None:
    above = provider.environ(bucket, location=f"{location}/above")
    name = build_storage(above).save("7.pdf", ContentFile(b"the parent's"))
    fork = build_fork(provider.environ(bucket, location=f"{location}/fork"), above)

    url = fork.url(name, download_as="Invoice 7.pdf")

    assert f"/{location}/above/" in url
    assert provider.fetch(url).body == b"the parent's"
