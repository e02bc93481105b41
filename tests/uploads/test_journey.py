"""What uploading looks like when nobody means harm."""

from __future__ import annotations

import io
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile

from holdall.s3.connection import Connection
from holdall.s3.reading import ObjectReader
from holdall.uploads import tickets
from holdall.uploads.stores import staging_of
from tests.contract import only
from tests.uploads.conftest import Browser, send
from tests.uploads.site.models import Letter

everywhere = only("seaweedfs-http", "ministack", "ceph-http")
on_one_server = only("seaweedfs-http")


@everywhere
def test_file_becomes_a_row(browser: Browser, site: Any, rows: None) -> None:
    token = browser.token("/letter", "file")
    ticket = browser.upload(token, b"Dear Ada, ...", name="ada.txt")
    status, saved = browser.submit("/letter", title="Ada", file=ticket)
    assert status == 200, saved
    assert saved["file"].startswith("letters/20")
    assert saved["file"].endswith("/ada.txt")
    with site.open(saved["file"]) as file:
        assert file.read() == b"Dear Ada, ..."
    assert Letter.objects.get().file.name == saved["file"]


@on_one_server
def test_validators_see_the_file(browser: Browser) -> None:
    ticket = browser.upload(browser.token(), b"refuse me")
    status, said = browser.submit(title="x", letter=ticket)
    assert (status, said["errors"]["letter"][0]["code"]) == (400, "begins_wrongly")


@on_one_server
def test_form_with_an_error_elsewhere_keeps_the_ticket(browser: Browser) -> None:
    ticket = browser.upload(browser.token(), b"keep me")
    status, said = browser.submit(letter=ticket)
    assert status == 400
    assert list(said["errors"]) == ["title"]
    assert f'value="{ticket}"' in said["html"]
    status, said = browser.submit(letter=ticket, title="now")
    assert (status, said["letter"][0]["text"]) == (200, "keep me")


@on_one_server
def test_without_a_ticket_the_file_comes_through_the_server(browser: Browser) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    status, said = browser.submit(title="x", letter=SimpleUploadedFile("a.txt", b"by the server"))
    assert (status, said["letter"][0]["text"]) == (200, "by the server")


@everywhere
def test_large_file_goes_in_parts(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 1_000_000, "PART_SIZE": 5 * 1024**2}
    token = browser.token(field="many")
    content = b"0123456789abcdef" * (6 * 65536)
    ticket = browser.upload(token, content, name="film.bin", kind="")
    status, said = browser.submit(title="x", letter=browser.upload(browser.token(), b"a"), many=[ticket])
    assert status == 200, said
    assert said["many"][0]["size"] == len(content)


@everywhere
@pytest.mark.parametrize("count", [0, 1])
def test_empty_file_is_refused_and_one_byte_is_taken(browser: Browser, count: int) -> None:
    token = browser.token(field="many")
    ticket = browser.upload(token, b"x" * count)
    status, said = browser.submit(title="x", letter=browser.upload(browser.token(), b"a"), many=[ticket])
    if count:
        assert status == 200, said
    else:
        assert said["errors"]["many"][0]["code"] == "empty"


def picture(kind: str = "PNG") -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.effect_noise((800, 600), 100).save(made, kind)
    return made.getvalue()


@on_one_server
def test_picture_is_looked_at_by_pillow(browser: Browser, site: Any, rows: None) -> None:
    token, second = browser.token("/letter", "picture"), browser.token("/letter", "file")
    good = browser.upload(token, picture(), name="noise.png", kind="image/png")
    status, saved = browser.submit("/letter", title="x", file=browser.upload(second, b"a"), picture=good)
    assert (status, saved["picture"]) == (200, "pictures/noise.png")
    assert Letter.objects.get().picture.width == 800

    broken = browser.upload(token, picture()[:40_000], name="noise.png", kind="image/png")
    status, said = browser.submit("/letter", title="x", file=browser.upload(second, b"a"), picture=broken)
    assert status == 400
    assert "not an image or a corrupted image" in said["html"]


@on_one_server
def test_large_picture_is_not_read_whole(browser: Browser, site: Any) -> None:
    """A JPEG's header tells all that Django asks."""
    from PIL import Image

    made = io.BytesIO()
    Image.effect_noise((3000, 2000), 100).save(made, "JPEG", quality=95)
    ticket = browser.upload(browser.token(field="picture"), made.getvalue(), name="noise.jpg", kind="image/jpeg")
    letter = browser.upload(browser.token(), b"a")
    read: list[str] = []
    with mock.patch.object(ObjectReader, "_get", autospec=True, side_effect=_counting(read)):
        status, said = browser.submit(title="x", letter=letter, picture=ticket)
    assert (status, said["picture"][0]["type"]) == (200, "image/jpeg")
    # One for each file.
    assert len(read) == 2
    assert len(made.getvalue()) > 1_000_000


def _counting(read: list[str]) -> Any:
    get = ObjectReader._get

    def counted(self: Any, span: str) -> Any:
        read.append(span)
        return get(self, span)

    return counted


@on_one_server
def test_several_files_are_a_list(browser: Browser) -> None:
    token = browser.token(field="many")
    tickets = [browser.upload(token, f"file {number}".encode(), name=f"{number}.txt") for number in range(3)]
    letter = browser.upload(browser.token(), b"a")
    status, said = browser.submit(title="x", letter=letter, many=tickets)
    assert (status, [one["text"] for one in said["many"]]) == (200, ["file 0", "file 1", "file 2"])
    status, said = browser.submit(title="x", letter=letter, many=[*tickets, tickets[0]])
    assert said["errors"]["many"][0]["code"] == "too_many_files"


@everywhere
def test_saved_file_has_the_storages_own_headers(public_site: Any, rows: None, provider: Any, bucket: str) -> None:
    browser = Browser(1)
    ticket = browser.upload(browser.token("/letter", "picture"), picture(), name="noise.png", kind="image/png")
    letter = browser.upload(browser.token("/letter", "file"), b"a", name="a.txt")
    _, saved = browser.submit("/letter", title="x", picture=ticket, file=letter)
    public_site.save("by-the-server.png", ContentFile(picture()))
    ours = provider.client.head_object(Bucket=bucket, Key=public_site._key(saved["picture"]))
    other = provider.client.head_object(Bucket=bucket, Key=public_site._key("by-the-server.png"))
    for name in ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding"):
        assert ours.get(name) == other.get(name), name


@on_one_server
def test_name_is_free_and_fits(browser: Browser, site: Any, rows: None) -> None:
    token = browser.token("/letter", "file")
    long = "x" * 50 + ".txt"
    names = []
    for _ in range(2):
        _, saved = browser.submit("/letter", title="x", file=browser.upload(token, b"a", name=long))
        names.append(saved["file"])
    assert len(set(names)) == 2
    assert all(len(name) <= 60 and name.endswith(".txt") for name in names)


@on_one_server
def test_cost_is_two_requests_to_django(browser: Browser, settings: Any) -> None:
    """One to begin and one to finish; none a part."""
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 100}
    token = browser.token()
    asked: list[str] = []
    post = browser.post

    def counted(what: str, **given: Any) -> Any:
        asked.append(what)
        return post(what, **given)

    with mock.patch.object(browser, "post", counted):
        browser.upload(token, b"small")
        browser.upload(token, b"large" * 100)
    assert asked == ["begin", "finish", "begin", "finish"]


@only("seaweedfs-http", "ceph-http")  # a server that only forms are for is asked about conditions while it saves
def test_no_byte_passes_through_django(browser: Browser, site: Any, rows: None) -> None:
    """Saving copies in the store: of a file of 3 MB the first 64 KiB are read, and nothing is sent."""
    ticket = browser.upload(browser.token("/letter", "file"), b"m" * 3_000_000, name="m.bin", kind="")
    sent: list[tuple[str, int]] = []
    call = Connection.call

    def noted(self: Any, operation: str, **given: Any) -> Any:
        sent.append((operation, len(given.get("Body") or b"")))
        return call(self, operation, **given)

    with mock.patch.object(Connection, "call", noted):
        status, _ = browser.submit("/letter", title="x", file=ticket)
    assert status == 200
    assert sent == [
        ("get_object", 0),
        # It is used once.
        ("put_object", 0),
        # Its name is reserved, and filled.
        ("put_object", 0),
        ("copy_object", 0),
        ("delete_object", 0),
    ]


@everywhere
def test_cancelled_upload_is_gone(browser: Browser, site: Any, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 100}
    token = browser.token()
    for content in (b"small", b"large" * 100):
        begun = browser.begin(token, content)
        assert browser.post("cancel", ticket=begun["ticket"])[0] == 204
    # An empty object keeps the link from storing something after all.
    assert sum(one.size_bytes for one in staging_of(site).waiting()) == 0
    assert not any(one.upload_id for one in staging_of(site).waiting())


@everywhere
def test_parts_that_have_arrived_are_told(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 100, "PART_SIZE": 5 * 1024**2}
    content = b"p" * (5 * 1024**2 + 10)
    begun = browser.begin(browser.token(field="many"), content, name="a.bin", kind="")
    if "parts" not in begun:
        return
    assert send("PUT", begun["parts"][1]["url"], content[5 * 1024**2 :]).status == 200
    _, said = browser.post("parts", ticket=begun["ticket"])
    assert [(one["number"], one["size"]) for one in said["parts"]] == [(2, 10)]
    _, fresh = browser.post("sign", ticket=begun["ticket"], parts=[1])
    assert send("PUT", fresh["parts"][0]["url"], content[: 5 * 1024**2]).status == 200
    assert browser.post("finish", ticket=begun["ticket"])[0] == 200
    # The answer may have been lost.
    assert browser.post("finish", ticket=begun["ticket"])[0] == 200


@everywhere
def test_empty_file_is_a_length_too(browser: Browser, site: Any, provider: Any, bucket: str) -> None:
    begun = browser.begin(browser.token(field="many"), b"", kind="")
    assert 400 <= browser.send(begun, b"not empty").status < 500
    key = f"{site._prefix('')}{tickets.read_ticket(begun['ticket']).key}"
    provider.client.put_object(Bucket=bucket, Key=key, Body=b"not empty")
    assert browser.post("finish", ticket=begun["ticket"])[1]["error"] == "size_differs"


@only("seaweedfs-http")
def test_new_secret_key_spoils_no_upload(browser: Browser, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS = []
    token = browser.token()
    begun, ticket = browser.begin(token, b"early"), browser.upload(token, b"early")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the new key", [settings.SECRET_KEY]
    assert browser.send(begun, b"early").status < 300
    assert browser.post("finish", ticket=begun["ticket"])[0] == 200
    assert browser.submit(title="x", letter=ticket)[0] == 200
