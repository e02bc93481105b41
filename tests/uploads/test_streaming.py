"""Files that go through the server: into the store while they arrive, and out of it again unless they are saved."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.files.storage import Storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import StopFutureHandlers
from django.forms import ImageField
from django.test import Client, RequestFactory

from holdall.asgi import StreamingASGIHandler
from holdall.s3.reading import ObjectReader
from holdall.uploads.handlers import StoreUploadHandler
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.uploads.site.streamed import staged

pytestmark = only("seaweedfs-http")
MIB = 1024 * 1024
LARGE = os.urandom(20 * MIB)
BOUNDARY = "holdall"
HANDLER = "holdall.uploads.handlers.StoreUploadHandler"


@pytest.fixture
def proxy(provider: Provider) -> Iterator[FaultProxy]:
    with FaultProxy(provider.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def place(provider: Provider, bucket: str, location: str, proxy: FaultProxy) -> dict[str, str]:
    return provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url)


@pytest.fixture(autouse=True)
def _streams(site: Storage, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ROOT_URLCONF = "tests.uploads.site.streamed"
    settings.FILE_UPLOAD_HANDLERS = [HANDLER]
    settings.HOLDALL_UPLOADS = {}

    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("a temporary file was made")

    # No byte of what is uploaded touches a disk.
    monkeypatch.setattr(tempfile, "_mkstemp_inner", refused)
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refused)


def form(**fields: Any) -> bytes:
    """What a browser sends for a form."""
    body = b""
    for name, value in fields.items():
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if isinstance(value, bytes):
            body += f'; filename="{name}.bin"\r\nContent-Type: text/html\r\n\r\n'.encode() + value
        else:
            body += f"\r\n\r\n{value}".encode()
        body += b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def by_wsgi(path: str, body: bytes, **more: Any) -> tuple[int, Any]:
    answer = Client().generic("POST", path, body, f"multipart/form-data; boundary={BOUNDARY}", **more)
    return answer.status_code, json.loads(answer.content)


class Visitor:
    """A visitor of an ASGI application, who sends a body in pieces and may go away."""

    def __init__(self, path: str, body: bytes, *, goes_after: int | None = None) -> None:
        self.path, self.body, self.goes_after = path, body, goes_after
        self.sent_bytes = 0
        self.status = 0
        self.answer = b""

    async def visit(self) -> tuple[int, Any]:
        scope = {
            "type": "http",
            "method": "POST",
            "path": self.path,
            "query_string": b"",
            "headers": [
                (b"host", b"testserver"),
                (b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode()),
                (b"content-length", str(len(self.body)).encode()),
            ],
        }
        await StreamingASGIHandler()(scope, self.receive, self.send)
        return self.status, json.loads(self.answer or b"null") if self.status < 500 else None

    async def receive(self) -> dict[str, Any]:
        if self.goes_after is not None and self.sent_bytes >= self.goes_after:
            return {"type": "http.disconnect"}
        if self.sent_bytes >= len(self.body):
            await asyncio.Event().wait()
        piece = self.body[self.sent_bytes : self.sent_bytes + 65_536]
        self.sent_bytes += len(piece)
        return {"type": "http.request", "body": piece, "more_body": self.sent_bytes < len(self.body)}

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.answer += message.get("body", b"")


def by_asgi(path: str, body: bytes) -> tuple[int, Any]:
    return asyncio.run(Visitor(path, body).visit())


WAYS = pytest.mark.parametrize("send", [by_wsgi, by_asgi], ids=["WSGI", "ASGI"])


@WAYS
@pytest.mark.parametrize("path", ["/plain", "/awaited"])
def test_large_file_is_in_the_store_before_the_view_and_saved_by_a_copy(
    site: Storage, proxy: FaultProxy, send: Any, path: str
) -> None:
    status, said = send(path, form(title="x", file=LARGE))
    assert status == 200, said
    assert said["file"]["kind"] == "StreamedFile"
    assert said["file"]["size"] == len(LARGE)
    assert said["staged"] == 1
    with site.open(said["file"]["saved"]) as file:
        assert file.read() == LARGE
    operations = proxy.operations
    assert operations.count("CopyObject") == 1
    # The first of a process may be preceded by a byte that asks what the store compares.
    assert operations.count("UploadPart") in {3, 4}
    assert max(len(one.body) for one in proxy.exchanges) <= 8 * MIB + 256 * 1024
    assert staged() == []


@WAYS
def test_small_request_stays_in_memory(proxy: FaultProxy, send: Any) -> None:
    status, said = send("/plain", form(title="x", file=b"content"))
    assert (status, said["file"]["kind"], said["staged"]) == (200, "InMemoryUploadedFile", 0)


@WAYS
def test_files_beyond_what_memory_may_hold_are_streamed(site: Storage, proxy: FaultProxy, send: Any) -> None:
    status, said = send("/plain", form(title="x", file=LARGE, second=b"short"))
    assert status == 200, said
    assert (said["second"]["kind"], said["staged"]) == ("InMemoryUploadedFile", 1)
    with site.open(said["second"]["saved"]) as file:
        assert file.read() == b"short"
    half = b"x" * (2 * MIB)
    _, said = send("/plain", form(title="x", file=half, second=half))
    assert [said[field]["kind"] for field in ("file", "second")] == ["InMemoryUploadedFile", "StreamedFile"]
    with site.open(said["second"]["saved"]) as file:
        assert file.read() == half
    assert staged() == []


def test_tiny_files_cost_the_store_nothing(proxy: FaultProxy) -> None:
    """The attack: a hundred of them in a request that is long otherwise, and that no view wants."""
    tiny = {f"file{number}": b"x" for number in range(90)}
    assert by_wsgi("/plain", form(large=LARGE, **tiny))[0] == 400
    asked = [one for one in proxy.operations if "List" not in one]
    assert len(asked) <= 8


@WAYS
def test_form_that_is_invalid_leaves_nothing(provider: Provider, bucket: str, location: str, send: Any) -> None:
    for fields in ({"file": LARGE}, {"title": "x", "file": b"refuse" + LARGE}):
        status, said = send("/plain", form(**fields))
        assert (status, said["staged"]) == (400, 1)
        assert staged() == []
    assert provider.keys_in(bucket, location) == []
    assert provider.unfinished_uploads(bucket, location) == []


class Line(io.BytesIO):
    """The connection of a visitor who goes away: it breaks, or it ends."""

    def __init__(self, body: bytes, *, breaks_at: int = sys.maxsize) -> None:
        super().__init__(body)
        self._breaks_at = breaks_at

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self._breaks_at:
            raise OSError("the connection was reset")
        return super().read(size)


def by_a_line(line: Line, length: int) -> Any:
    request = RequestFactory().generic("POST", "/plain")
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    environ = {**request.environ, "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(length), "wsgi.input": line}
    return Client(raise_request_exception=False).request(**environ)


def test_visitor_who_goes_away_leaves_nothing_under_wsgi(
    provider: Provider, bucket: str, location: str, proxy: FaultProxy
) -> None:
    body = form(title="x", file=LARGE)
    by_a_line(Line(body, breaks_at=12 * MIB), len(body))
    assert "UploadPart" in proxy.operations
    assert staged() == []
    assert provider.unfinished_uploads(bucket, location) == []


def test_file_that_breaks_off_leaves_those_before_it(
    site: Storage, provider: Provider, bucket: str, location: str
) -> None:
    """A WSGI server ends the body where the visitor went away, and Django gives the view what was complete."""
    body = form(title="x", file=LARGE[: 3 * MIB], second=LARGE)
    said = json.loads(by_a_line(Line(body[: 20 * MIB]), len(body)).content)
    assert "second" not in said
    with site.open(said["file"]["saved"]) as file:
        assert file.read() == LARGE[: 3 * MIB]
    assert staged() == []
    assert provider.unfinished_uploads(bucket, location) == []


@pytest.mark.parametrize("after", [0, 1 * MIB, 12 * MIB])
def test_visitor_who_goes_away_leaves_nothing_under_asgi(
    provider: Provider, bucket: str, location: str, after: int
) -> None:
    asyncio.run(Visitor("/plain", form(title="x", file=LARGE), goes_after=after).visit())
    gc.collect()
    assert staged() == []
    assert provider.unfinished_uploads(bucket, location) == []


def test_server_that_ends_waits_for_no_slow_visitor(
    provider: Provider, bucket: str, location: str, proxy: FaultProxy
) -> None:
    """It cancels what is under way, and a thread that waited without end would keep the process."""

    class Slow(Visitor):
        async def receive(self) -> dict[str, Any]:
            if self.sent_bytes >= 18 * MIB:
                stalled.set()
                await asyncio.Event().wait()
            return await super().receive()

    async def serve() -> None:
        visiting = asyncio.create_task(Slow("/plain", form(title="x", file=LARGE)).visit())
        await stalled.wait()
        visiting.cancel()
        async with asyncio.timeout(20):
            with pytest.raises(asyncio.CancelledError):
                await visiting

    stalled = asyncio.Event()
    asyncio.run(serve())
    assert "UploadPart" in proxy.operations
    assert staged() == []
    assert provider.unfinished_uploads(bucket, location) == []


def test_loop_that_would_wait_for_a_long_body_is_told(caplog: pytest.LogCaptureFixture) -> None:
    visitor = Visitor("/on-the-loop", form(title="x", file=LARGE))
    assert asyncio.run(visitor.visit())[0] == 500
    assert "sync_to_async" in caplog.text
    # What nobody reads is not received.
    assert visitor.sent_bytes < 4 * MIB


def test_short_body_is_read_on_the_loop() -> None:
    assert by_asgi("/on-the-loop", form(title="x", file=b"short")) == (200, {"title": "x"})


def test_file_that_is_too_long_is_refused_before_it_has_arrived(settings: Any, proxy: FaultProxy) -> None:
    settings.HOLDALL_UPLOADS = {"MAX_SIZE": 9 * MIB}
    answer = Client().generic(
        "POST", "/plain", form(title="x", file=LARGE), f"multipart/form-data; boundary={BOUNDARY}"
    )
    assert answer.status_code in {400, 413}
    assert proxy.operations.count("UploadPart") <= 2
    assert staged() == []


def test_store_of_another_kind_is_told(settings: Any) -> None:
    settings.STORAGES = {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    with pytest.raises(ImproperlyConfigured, match="from_env"):
        by_wsgi("/plain", form(title="x", file=LARGE))


def test_picture_is_looked_at_without_reading_all_of_it(site: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack: a picture of some gigabytes, which Django's field would read into memory."""
    from PIL import Image

    content = io.BytesIO()
    Image.frombytes("RGB", (1_100, 1_000), LARGE[: 1_100 * 1_000 * 3]).save(content, "PNG")

    def refused(*_: Any) -> Any:
        raise AssertionError("all of it was read")

    for written, is_picture in ((content.getvalue(), True), (LARGE[: 4 * MIB], False)):
        handler = StoreUploadHandler()
        with pytest.raises(StopFutureHandlers):
            handler.new_file("file", "ada.png", "image/png", None)
        handler.receive_data_chunk(written, 0)
        file = handler.file_complete(len(written))
        with monkeypatch.context() as patched:
            patched.setattr(ObjectReader, "readall", refused)
            if is_picture:
                cleaned: Any = ImageField().clean(file)
                assert (cleaned.image.size, cleaned.content_type, cleaned.tell()) == ((1_100, 1_000), "image/png", 0)
            else:
                with pytest.raises(ValidationError):
                    ImageField().clean(file)
        # It is no file on the disk to anybody else.
        assert not hasattr(file, "temporary_file_path")
        file.seek(0)
        assert file.read() == written
        handler.take_back()
    assert staged() == []


# What a visitor's header `Content_Length` becomes is what the framework's parser believes.
@pytest.mark.parametrize(("way", "claims"), [("raw", {}), ("form", {}), ("raw", {"HTTP_CONTENT_LENGTH": "1"})])
def test_api_of_rest_framework_streams(
    site: Storage, proxy: FaultProxy, settings: Any, way: str, claims: dict[str, str]
) -> None:
    pytest.importorskip("rest_framework", reason="Django REST framework is not installed")
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.contenttypes", "django.contrib.auth"]
    body, kind = (LARGE, "application/octet-stream") if way == "raw" else (form(file=LARGE), None)
    answer = Client().generic(
        "POST",
        f"/api/{way}",
        body,
        kind or f"multipart/form-data; boundary={BOUNDARY}",
        headers={"content-disposition": "attachment; filename=file.bin"},
        **claims,
    )
    said = json.loads(answer.content)
    assert said["kind"] == "StreamedFile"
    with site.open(said["saved"]) as file:
        assert file.read() == LARGE
    assert "CopyObject" in proxy.operations
    assert staged() == []


def test_model_saves_what_was_streamed(site: Storage, rows: None, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.uploads.site.urls"
    answer = Client().post("/letter", {"title": "x", "file": SimpleUploadedFile("ada.txt", LARGE)})
    saved = json.loads(answer.content)
    assert saved["file"].endswith("/ada.txt")
    with site.open(saved["file"]) as file:
        assert file.read() == LARGE
    assert staged() == []
