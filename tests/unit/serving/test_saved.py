"""Files behind links that were made earlier, by whichever program."""

from __future__ import annotations

import urllib.parse
from typing import Any

import pytest
from django.core.files.storage import storages
from storages.backends.s3 import S3Storage

import holdall
from holdall.serving.saved import name_of, rewritten, signed_links
from tests.stores import build_storage

ENVIRON = {
    "STORAGE_BUCKET_NAME": "acme-media",
    "AWS_ACCESS_KEY_ID": "HOLDALLTESTKEY000001",
    "AWS_SECRET_ACCESS_KEY": "s" * 40,
}


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "https://acme-media.s3.amazonaws.com/{}?X-Amz-Signature=1"),
        ({}, "https://acme-media.s3.eu-central-1.amazonaws.com/{}?X-Amz-Signature=1"),
        ({}, "https://s3.eu-central-1.amazonaws.com/acme-media/{}?AWSAccessKeyId=A&Signature=1"),
        ({}, "https://s3-eu-central-1.amazonaws.com/acme-media/{}"),
        ({"STORAGES_MODE": "do"}, "https://acme-media.ams3.digitaloceanspaces.com/{}"),
        ({"STORAGES_MODE": "do"}, "https://ams3.digitaloceanspaces.com/acme-media/{}"),
        ({"AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/acme-media/{}"),
        (
            {"AWS_S3_ENDPOINT_URL": "http://minio:9000", "AWS_S3_PUBLIC_ENDPOINT_URL": "https://s3.example.com"},
            "https://s3.example.com/acme-media/{}",
        ),
        (
            {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "example.com/media"},
            "https://example.com/media/{}",
        ),
    ],
)
@pytest.mark.parametrize("location", ["", "sites/one"])
def test_file_behind_a_link_is_found_wherever_the_link_leads(environ: dict[str, str], url: str, location: str) -> None:
    place = {} if "STORAGES_MODE" in environ else {"AWS_S3_REGION_NAME": "eu-central-1"}
    storage: Any = build_storage({**ENVIRON, **place, "STORAGE_LOCATION": location, **environ})
    prefix = f"{location}/" if location else ""

    for name in ("a.png", "x/Ä b+c.png"):
        assert name_of(storage, url.format(prefix + urllib.parse.quote(name))) == name
        assert name_of(storage, storage.url(name)) == name
    for other in ("../a.png", "x/../a.png", "", "x//a.png"):
        assert name_of(storage, url.format(prefix + other)) is None
    assert name_of(storage, url.format("a.png").replace("acme-media", "other").replace("example.com", "x.com")) is None
    if location:
        assert name_of(storage, url.format("a.png")) is None


def test_links_that_django_storages_signed_are_known() -> None:
    plain = S3Storage(
        bucket_name="acme-media", region_name="eu-central-1", access_key="A", secret_key="s", location="media"
    )
    storage: Any = build_storage({**ENVIRON, "STORAGE_LOCATION": "media", "AWS_S3_REGION_NAME": "eu-central-1"})

    assert name_of(storage, plain.url("x/Ä b.png")) == "x/Ä b.png"


def test_link_to_the_parents_file_is_known(settings: Any) -> None:
    own = {**ENVIRON, "AWS_S3_REGION_NAME": "eu-central-1"}
    above = {**own, "STORAGE_BUCKET_NAME": "acme-production"}
    settings.STORAGES = holdall.from_env(own | {f"PARENT_{name}": value for name, value in above.items()})
    fork: Any = storages["default"]

    assert name_of(fork, "https://acme-production.s3.amazonaws.com/a.png") == "a.png"
    assert name_of(fork, "https://acme-media.s3.amazonaws.com/a.png") == "a.png"


LINK = "https://b.example.com/a.png?X-Amz-Algorithm=A&amp;X-Amz-Signature=abc"
PLAIN = LINK.replace("&amp;", "&")


@pytest.mark.parametrize(
    "text",
    [
        '<div style="background:url(&quot;{}&quot;)">',
        "<div style='background:url(&#39;{}&#39;)'>",
        "url(&#x27;{}&#x27;);",
        "&lt;img src=&quot;{}&quot;&gt;",
        "&apos;{}&apos;",
        "{}&nbsp;and more",
        "<img srcset='{}  1x,\n{} 2x'>",
        "<img srcset={},{}>",
        "<img src={}>",
        "({}).",
        '[ada]({} "Ada")',
        '{{"src": "{}\\n"}}',
    ],
)
@pytest.mark.parametrize(
    "link",
    [
        LINK,
        PLAIN,
        LINK.replace("&amp;", "&#38;"),
        LINK.replace("&amp;", "\\u0026"),
        LINK.replace("https", "HTTPS"),
        LINK.removeprefix("https:"),
        LINK + "#there",
    ],
)
def test_nothing_but_the_address_is_replaced(text: str, link: str) -> None:
    asked = []

    def change(url: str) -> str:
        asked.append(url)
        return "/pictures/a.png"

    assert rewritten(text.format(link, link), change) == text.format("/pictures/a.png", "/pictures/a.png")
    assert {url.lower().removeprefix("https:").removesuffix("#there") for url in asked} == {
        PLAIN.lower().removeprefix("https:")
    }


@pytest.mark.parametrize("text", ["https://[x?X-Amz-Signature=a", "https://[::1/?Signature=1", "https://", "////"])
def test_text_that_is_no_address_stays(text: str) -> None:
    assert rewritten(text, lambda url: None) == text
    assert list(signed_links(text)) == []
