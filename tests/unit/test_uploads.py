"""Direct uploads, as far as they need no store: limits, names, tickets, and who asks."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.test import RequestFactory

from holdall.uploads import digests, inspection, limits, tickets
from holdall.uploads.checks import check_cache
from holdall.uploads.forms import UploadField
from holdall.uploads.inspection import BEGINNINGS, is_disguised
from holdall.uploads.middleware import UploadsMiddleware
from holdall.uploads.options import options
from holdall.uploads.owners import current_request
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.tickets import FieldToken, Ticket
from holdall.uploads.transfer import part_size_of
from holdall.uploads.views import body_of

MIB = 1024**2


@pytest.mark.parametrize(
    ("name", "said", "types", "expected"),
    [
        ("a.png", "image/png", ("image/*",), "image/png"),
        ("a.PNG", "", ("image/png",), "image/png"),
        ("a.png", "application/octet-stream", (".png",), "image/png"),
        ("a.zip", "application/x-zip-compressed", (), "application/x-zip-compressed"),
        ("a.ZIP", "application/x-zip-compressed", (".zip",), "application/zip"),
        ("a.csv", "application/vnd.ms-excel", (".csv", ".txt"), "text/csv"),
        ("a.jpg", "image/pjpeg", ("image/*",), "image/pjpeg"),
        ("a.zip", "application/x-zip-compressed", ("application/zip",), "application/zip"),
        ("a.csv", "application/vnd.ms-excel", ("text/csv",), "text/csv"),
        ("a.TAR.gz", "application/x-gzip", (".tar.gz",), "application/gzip"),
        ("a.txt", "text/plain; charset=utf-8", ("text/plain",), "text/plain"),
        ("a.unheard-of", "", (), "application/octet-stream"),
        ("a.png", "image/png", ("*/*",), "image/png"),
    ],
)
def test_type_that_fits_is_taken(name: str, said: str, types: tuple[str, ...], expected: str) -> None:
    assert limits.check_type(name, said, types) == expected


@pytest.mark.parametrize(
    ("name", "said", "types"),
    [
        ("a.exe", "image/png", ("image/*",)),
        ("a.png", "text/html", ("image/*",)),
        ("a", "image/png", ("image/*",)),
        ("a.png.html", "image/png", ("image/*",)),
        ("a.pdf", "application/pdf", (".png",)),
        ("a.zip", "text/html", (".zip",)),
        ("a.csv", "application/x-zip-compressed", ("text/csv",)),
        (".pdf", "application/pdf", (".pdf",)),
        ("tar.gz", "", (".tar.gz",)),
    ],
)
def test_type_that_does_not_fit_is_refused(name: str, said: str, types: tuple[str, ...]) -> None:
    with pytest.raises(UploadRefused) as refused:
        limits.check_type(name, said, types)
    assert refused.value.reason == "type_refused"


@pytest.mark.parametrize("said", [7, "no type", "a/b/c", "text/html\r\nx: y"])
def test_what_is_no_type_is_malformed(said: Any) -> None:
    with pytest.raises(UploadRefused) as refused:
        limits.check_type("a.txt", said, ())
    assert refused.value.reason == "malformed"


def test_name_is_cut_as_django_does() -> None:
    assert limits.clean_name("C:\\fakepath\\a.txt") == "a.txt"
    long = limits.clean_name("x" * 400 + ".tar")
    assert (len(long), long[-4:]) == (255, ".tar")


def test_waiting_files_run_no_script() -> None:
    for name in ("a.html", "a.svg", "a.xml", "a.js", "a.unheard-of", "a"):
        assert limits.staged_type(name) == "application/octet-stream"
    assert limits.staged_type("a.jpg") == "image/jpeg"


@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.pdf", "a.zip", "a.mp4", "a.webp", "a.tiff", "a.docx", "a.ods", "a.tgz"]
)
def test_first_bytes_tell_a_disguise(name: str) -> None:
    begins = BEGINNINGS[limits.type_of(name)]
    for at, right in begins:
        assert not is_disguised(name, b"\x00" * max(at, 0) + right + b"rest")
    assert is_disguised(name, b"MZ\x90\x00" + b"\x00" * 1200)
    assert is_disguised(name, b"<html><script>")


def test_scanner_may_close_what_came_through_the_server(settings: Any) -> None:
    def scan(file: Any, _ticket: Any) -> None:
        with file.open() as opened:
            assert opened.read() == b"content"

    settings.HOLDALL_UPLOADS = {"SCAN": scan}
    with TemporaryUploadedFile("a.txt", "text/plain", 7, None) as long:
        long.write(b"content")
        for file in (SimpleUploadedFile("a.txt", b"content"), long):
            inspection.scan(file, field="")
            assert file.read() == b"content"
    # The project may close it for good.
    assert long.closed


class _Endless(io.RawIOBase):
    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("It was read.")


def test_body_without_a_length_is_not_read() -> None:
    request = ASGIRequest({"type": "http", "method": "POST", "path": "/", "headers": []}, _Endless())
    assert body_of(request) == {}


def test_form_in_place_of_json_is_malformed() -> None:
    """Django's CSRF middleware has read it by then."""
    request = RequestFactory().post("/", {"a": "b"})
    assert request.POST["a"] == "b"
    with pytest.raises(UploadRefused, match="malformed"):
        body_of(request)


def test_several_files_that_are_cleared_are_none() -> None:
    field = UploadField(multiple=True, required=False)
    assert field.clean([False]) == field.clean([]) == []


def test_strictest_limit_holds() -> None:
    """A form's own limit, and Wagtail's for all pictures."""
    assert [limits.strictest(*both) for both in [(5, 10), (10, None), (None, 0), (None, None)]] == [5, 10, 0, None]


def test_parts_are_no_more_than_s3_takes() -> None:
    assert part_size_of(200_000_000) == 16 * MIB
    huge = 5 * 1024**4
    assert -(-huge // part_size_of(huge)) <= 10_000
    assert part_size_of(huge) % MIB == 0


@pytest.mark.parametrize("given", [{"sha256": "zz"}, {"md5": "!"}, {"md5": 7}, {"sha256": "aGFsbG8="}])
def test_what_is_no_digest_is_malformed(given: dict[str, Any]) -> None:
    with pytest.raises(UploadRefused):
        digests.read(given)


def test_tickets_come_back_as_they_were() -> None:
    token = FieldToken(field="a.B.c@d", store="alias:default", owner="o", max_size=7, types=("image/*",), max_files=3)
    assert tickets.read_field(tickets.sign_field(token)) == token
    ticket = Ticket(
        field="f", store="s", stamp="x", owner="o", key="k", name="ü.txt", type="text/plain", size=0, max_size=9, slot=2
    )
    assert tickets.read_ticket(tickets.sign_ticket(ticket)) == ticket
    accepted = tickets.read_accepted(tickets.sign_accepted(ticket, size=0, etag='"e"'))
    assert (accepted.etag, accepted.size, accepted.name) == ('"e"', 0, "ü.txt")


def test_middleware_tells_the_request_in_both_worlds() -> None:
    seen: list[Any] = []

    def answer(request: Any) -> HttpResponse:
        seen.append(current_request())
        return HttpResponse()

    async def answer_later(request: Any) -> HttpResponse:
        await asyncio.sleep(0)
        return answer(request)

    request = RequestFactory().get("/")
    UploadsMiddleware(answer)(request)
    asyncio.run(UploadsMiddleware(answer_later)(request))  # type: ignore[arg-type]  # Django's own type is of the answer alone
    assert seen == [request, request]
    assert current_request() is None


def test_options_are_read_again_when_they_change(settings: Any) -> None:
    settings.HOLDALL_UPLOADS = {"MAX_SIZE": 3, "SCAN": "holdall.uploads.clamav.scan"}
    assert (options().max_size, options().scan.__name__) == (3, "scan")  # type: ignore[union-attr]  # a hook is set


@pytest.mark.parametrize(("backend", "found"), [("locmem.LocMemCache", ["holdall.U004"]), ("db.DatabaseCache", [])])
def test_cache_of_one_process_is_told(settings: Any, backend: str, found: list[str]) -> None:
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    assert [one.id for one in check_cache()] == found
