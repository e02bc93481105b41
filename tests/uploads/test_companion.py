"""What stock Uppy asks of a Companion, as its own client asks it. The browser tests use the real package."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from holdall.uploads import companion
from holdall.uploads.fields import accepted
from holdall.uploads.stores import staging_of
from tests.contract import only
from tests.uploads.conftest import Browser, form_body, send

pytestmark = only("seaweedfs-http", "ceph-http")


class Uppy:
    """Uppy's client for a Companion: https://github.com/transloadit/uppy, `CompanionS3.ts` of @uppy/aws-s3 6.3.1."""

    def __init__(self, browser: Browser, token: str) -> None:
        self.client, self.base = browser.client, f"/uploads/companion/{token}/s3"

    def get(self, path: str, **query: str) -> tuple[int, Any]:
        answer = self.client.get(f"{self.base}{path}", query)
        return answer.status_code, json.loads(answer.content)

    def post(self, path: str, **given: Any) -> tuple[int, Any]:
        answer = self.client.post(f"{self.base}{path}", json.dumps(given), content_type="application/json")
        return answer.status_code, json.loads(answer.content)


@pytest.fixture
def uppy(browser: Browser) -> Uppy:
    """Uppy on the page of a form."""
    return Uppy(browser, browser.token())


def test_small_file_is_sent_by_a_form(uppy: Uppy, browser: Browser) -> None:
    status, said = uppy.get("/params", filename="Brief für Ada.txt", type="text/plain")
    assert status == 200, said
    body, headers = form_body(said["fields"], b"sent by Uppy")
    assert send("POST", said["url"], body, headers).status == 204
    status, form = browser.submit(title="x", letter=said["fields"]["key"])
    assert status == 200, form
    assert form["letter"][0] == {
        "name": "Brief für Ada.txt",
        "size": 12,
        "type": "text/plain",
        "text": "sent by Uppy",
    }


def test_form_with_an_error_elsewhere_keeps_the_upload(uppy: Uppy, browser: Browser, site: Any) -> None:
    _, said = uppy.get("/params", filename="a.txt", type="text/plain")
    body, headers = form_body(said["fields"], b"sent by Uppy")
    assert send("POST", said["url"], body, headers).status == 204
    key = said["fields"]["key"]
    status, form = browser.submit(letter=key)
    assert status == 400
    assert f'value="{key}" data-holdall-name="a.txt">' in form["html"]
    # However it is written: it is one upload, and is used up once.
    assert accepted(f"x/{key[:-1]}/{key[-1]}") == accepted(key)


def test_large_file_is_sent_in_parts(uppy: Uppy, browser: Browser) -> None:
    uppy.base = f"/uploads/companion/{browser.token(field='many')}/s3"
    content = b"0123456789" * (6 * 104_858)
    status, made = uppy.post("/multipart", filename="film.bin", type="application/octet-stream", metadata={})
    assert status == 200, made
    path, key = f"/multipart/{quote(made['uploadId'], safe='')}", made["key"]
    pieces = [content[: 5 * 1024**2], content[5 * 1024**2 :]]
    parts = []
    for number, piece in enumerate(pieces, 1):
        _, link = uppy.get(f"{path}/{number}", key=key)
        parts.append({"PartNumber": number, "ETag": send("PUT", link["url"], piece).headers["etag"].strip('"')})
    _, listed = uppy.get(path, key=key)
    assert [(one["PartNumber"], one["Size"]) for one in listed] == [(1, len(pieces[0])), (2, len(pieces[1]))]
    status, done = uppy.post(f"{path}/complete?key={key}", parts=parts)
    assert status == 200, done
    status, form = browser.submit(title="x", letter=browser.upload(browser.token(), b"a"), many=[done["key"]])
    assert (status, form["many"][0]["size"]) == (200, len(content))


def test_upload_is_cancelled(uppy: Uppy, browser: Browser) -> None:
    uppy.base = f"/uploads/companion/{browser.token(field='many')}/s3"
    _, made = uppy.post("/multipart", filename="a.txt", type="text/plain")
    path = f"/multipart/{quote(made['uploadId'], safe='')}"
    assert browser.client.delete(f"{uppy.base}{path}?key=a.txt").status_code == 200
    assert uppy.get(path, key="a.txt")[0] == 404


def test_batch_gives_several_links(uppy: Uppy, browser: Browser) -> None:
    uppy.base = f"/uploads/companion/{browser.token(field='many')}/s3"
    _, made = uppy.post("/multipart", filename="a.txt", type="text/plain")
    status, links = uppy.get(f"/multipart/{quote(made['uploadId'], safe='')}/batch", key="a", partNumbers="1,2")
    assert (status, sorted(links["presignedUrls"])) == (200, ["1", "2"])


def test_more_than_the_field_takes_is_refused_by_the_store(uppy: Uppy) -> None:
    _, said = uppy.get("/params", filename="a.txt", type="text/plain")
    body, headers = form_body(said["fields"], b"x" * 1_000_001)
    refused = send("POST", said["url"], body, headers)
    assert (refused.status, refused.code) == (400, "EntityTooLarge")


def test_field_of_files_that_uppy_sends_whole_takes_no_parts(uppy: Uppy) -> None:
    status, said = uppy.post("/multipart", filename="a.txt", type="text/plain")
    assert (status, said["error"]) == (413, "too_large")


def test_longer_parts_than_the_field_takes_are_refused_and_removed(
    uppy: Uppy, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As for a field that takes more than 100 MiB, without sending as much.
    monkeypatch.setattr(companion, "WHOLE_BYTES", 0)
    _, made = uppy.post("/multipart", filename="a.txt", type="text/plain")
    path = f"/multipart/{quote(made['uploadId'], safe='')}"
    assert uppy.get(f"{path}/2", key="a.txt")[0] == 413
    _, link = uppy.get(f"{path}/1", key="a.txt")
    etag = send("PUT", link["url"], b"x" * 1_000_001).headers["etag"].strip('"')
    assert len(list(staging_of(site).waiting())) == 1
    status, said = uppy.post(f"{path}/complete?key=a.txt", parts=[{"PartNumber": 1, "ETag": etag}])
    assert (status, said["error"]) == (413, "too_large")
    assert uppy.get(path, key="a.txt")[0] == 404
    # Neither an object nor parts of one.
    assert list(staging_of(site).waiting()) == []


@pytest.mark.parametrize("headers", [{"HTTP_ORIGIN": "https://evil.example"}, {"HTTP_SEC_FETCH_SITE": "cross-site"}])
def test_page_of_another_site_is_refused(uppy: Uppy, browser: Browser, headers: dict[str, str]) -> None:
    answer = browser.client.get(f"{uppy.base}/params?filename=a.txt&type=text/plain", **headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "other_site")


def test_other_user_cannot_use_the_token(uppy: Uppy) -> None:
    uppy.client = Browser(2).client
    status, said = uppy.get("/params", filename="a.txt", type="text/plain")
    assert (status, said["error"]) == (403, "not_yours")
