"""The how-to for a server in compose, followed as it is written, on a real server that is reached under two names."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import urllib3
from django.core.files.base import ContentFile

from tests.contract import only
from tests.docs.pages import DOCS, blocks
from tests.providers import Provider
from tests.stores import build_storage

PAGE = DOCS / "how-to" / "compose.md"
INSIDE, OUTSIDE = "http://minio:9000", "localhost:9000"


def environment(which: str, provider: Provider, bucket: str) -> dict[str, str]:
    """Give the environment of the page's compose file, with the names and keys of the server here."""
    [text] = [block.text for block in blocks(PAGE) if block.comment == f"compose {which}"]
    _, _, lines = text.partition("environment:\n")
    found = dict(re.findall(r'^ +([A-Z0-9_]+): "?([^"\n]+)"?$', lines, re.MULTILINE))
    outside = provider.endpoint_url.removeprefix("http://").replace("127.0.0.1", "localhost")
    assert found["STORAGE_BUCKET_NAME"] == "media"
    here = {
        name: value.replace(INSIDE, provider.endpoint_url).replace(OUTSIDE, outside).replace("/media", f"/{bucket}")
        for name, value in found.items()
    }
    keys = {"AWS_ACCESS_KEY_ID": provider.keys.access_key, "AWS_SECRET_ACCESS_KEY": provider.keys.secret_key}
    return {**here, "STORAGE_BUCKET_NAME": bucket, **keys}


@only("seaweedfs-http")
def test_private_files_are_saved_inside_and_opened_outside(provider: Provider) -> None:
    bucket = provider.create_bucket()
    storage: Any = build_storage(environment("private", provider, bucket))
    outside = provider.endpoint_url.replace("127.0.0.1", "localhost")

    name = storage.save("ada lovelace.txt", ContentFile(b"saved inside"))
    url = storage.url(name)

    assert url.startswith(f"{outside}/{bucket}/ada")
    assert provider.fetch(url).body == b"saved inside"
    assert provider.fetch(url.replace("localhost", "127.0.0.1")).status == 403
    assert provider.fetch(url.partition("?")[0]).status == 403


@only("seaweedfs-http")
def test_public_files_are_saved_inside_and_opened_outside(provider: Provider) -> None:
    bucket = provider.create_bucket()
    readable = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [readable]})
    provider.client.put_bucket_policy(Bucket=bucket, Policy=policy)
    storage: Any = build_storage(environment("public", provider, bucket))

    name = storage.save("ada.txt", ContentFile(b"for everybody"))

    outside = provider.endpoint_url.replace("127.0.0.1", "localhost")
    assert storage.url(name) == f"{outside}/{bucket}/{name}"
    assert provider.fetch(storage.url(name)).body == b"for everybody"


@only("seaweedfs-http")
def test_form_of_the_page_is_taken_outside(provider: Provider) -> None:
    bucket = provider.create_bucket()
    storage: Any = build_storage(environment("private", provider, bucket))
    [snippet] = [block.text for block in blocks(PAGE) if block.language == "python"]
    made: dict[str, Any] = {"storage": storage}
    exec(snippet, made)
    form = made["form"]

    answer = urllib3.request("POST", form["url"], fields={**form["fields"], "file": ("a.jpg", b"by a form")})

    assert form["url"].startswith(provider.endpoint_url.replace("127.0.0.1", "localhost"))
    assert answer.status == 204
    with storage.open("media/upload.jpg") as file:
        assert file.read() == b"by a form"


@pytest.mark.parametrize("which", ["private", "public"])
def test_environment_of_the_page_is_read_without_a_word(which: str) -> None:
    [text] = [block.text for block in blocks(PAGE) if block.comment == f"compose {which}"]
    found = dict(re.findall(r'^ +([A-Z0-9_]+): "?([^"\n]+)"?$', text, re.MULTILINE))

    # Any warning is an error here.
    build_storage(found)
