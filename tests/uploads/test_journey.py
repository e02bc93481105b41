"""What uploading looks like when nobody means harm."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract import only
from tests.uploads.conftest import Browser
from tests.uploads.site.models import Letter

pytestmark = only("seaweedfs-http", "ministack", "ceph-http")


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


def test_validators_see_the_file(browser: Browser) -> None:
    ticket = browser.upload(browser.token(), b"refuse me")
    status, said = browser.submit(title="x", letter=ticket)
    assert (status, said["errors"]["letter"][0]["code"]) == (400, "begins_wrongly")


def test_form_with_an_error_elsewhere_keeps_the_ticket(browser: Browser) -> None:
    ticket = browser.upload(browser.token(), b"keep me")
    status, said = browser.submit(letter=ticket)
    assert status == 400
    assert list(said["errors"]) == ["title"]
    assert f'value="{ticket}"' in said["html"]
    status, said = browser.submit(letter=ticket, title="now")
    assert (status, said["letter"][0]["text"]) == (200, "keep me")


def test_without_a_ticket_the_file_comes_through_the_server(browser: Browser) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    status, said = browser.submit(title="x", letter=SimpleUploadedFile("a.txt", b"by the server"))
    assert (status, said["letter"][0]["text"]) == (200, "by the server")


def test_large_file_goes_in_parts(browser: Browser, settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"PARTS_FROM": 1_000_000, "PART_SIZE": 5 * 1024**2}
    token = browser.token(field="many")
    content = b"0123456789abcdef" * (6 * 65536)
    ticket = browser.upload(token, content, name="film.bin", kind="")
    status, said = browser.submit(title="x", letter=browser.upload(browser.token(), b"a"), many=[ticket])
    assert status == 200, said
    assert said["many"][0]["size"] == len(content)


@pytest.mark.parametrize("count", [0, 1])
def test_sizes_at_the_edge(browser: Browser, count: int) -> None:
    token = browser.token(field="many")
    ticket = browser.upload(token, b"x" * count)
    status, said = browser.submit(title="x", letter=browser.upload(browser.token(), b"a"), many=[ticket])
    if count:
        assert status == 200, said
    else:
        assert said["errors"]["many"][0]["code"] == "empty"
