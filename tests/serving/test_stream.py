"""Files that pass through the application: what clients may ask for, and what they are told."""

from __future__ import annotations

import asyncio
import gzip
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, storages
from django.core.handlers.asgi import ASGIHandler
from django.test import Client
from django.utils.http import http_date, parse_http_date

import holdall
from holdall.s3.spans import SpanReader
from holdall.serving import serve, serve_files, stream
from holdall.serving.bodies import AsyncBody
from tests.contract import only
from tests.providers import Keys, Provider
from tests.servers.fault_proxy import FaultProxy, Rule, answers_503_before, cuts_answer, resets_before, stalls_before
from tests.serving.conftest import Paper, Serve, add, content, everybody

pytestmark = only("seaweedfs-http")

TEXT = b"0123456789" * 10
LARGE = bytes(range(256)) * 4_096 * 2  # 2 MiB

Ask = Callable[..., Any]


@pytest.fixture
def ask(project: Any, urls: Serve, client: Client, proxy: FaultProxy) -> Ask:
    """Save a file and ask for it; what was asked of the store is in `proxy.operations`."""
    urls(paper=serve(Paper, "file", allow=everybody, by=stream))
    saved: dict[tuple[bytes, str], int] = {}

    def get(body: bytes = TEXT, method: str = "GET", name: str = "a.txt", **headers: str) -> Any:
        if (body, name) not in saved:
            saved[body, name] = add(body, name).pk
        proxy.exchanges.clear()
        return client.generic(
            method,
            f"/papers/{saved[body, name]}/",
            headers={key.replace("_", "-"): value for key, value in headers.items()},
        )

    return get


def test_whole_file_comes_with_all_that_a_cache_needs(ask: Ask, proxy: FaultProxy) -> None:
    response = ask()

    assert (response.status_code, content(response)) == (200, TEXT)
    assert response["Content-Length"] == "100"
    assert response["Accept-Ranges"] == "bytes"
    assert response["ETag"].startswith('"')
    assert parse_http_date(response["Last-Modified"])
    assert response["Cache-Control"] == "private, no-cache"
    assert response["Content-Type"] == "text/plain"
    assert response["Content-Disposition"].startswith('inline; filename="a')
    assert proxy.operations == ["HeadObject", "GetObject"]


def test_large_file_is_one_request_for_its_bytes(ask: Ask, proxy: FaultProxy) -> None:
    assert content(ask(LARGE)) == LARGE
    assert proxy.operations == ["HeadObject", "GetObject"]


def test_head_tells_the_same_without_reading(ask: Ask, proxy: FaultProxy) -> None:
    whole = ask()
    content(whole)

    response = ask(method="HEAD")

    assert (response.status_code, response.content) == (200, b"")
    assert {**response.headers} == {**whole.headers}
    assert proxy.operations == ["HeadObject"]


def test_head_has_no_ranges(ask: Ask) -> None:
    response = ask(method="HEAD", Range="bytes=0-4")

    assert (response.status_code, response["Content-Length"]) == (200, "100")


@pytest.mark.parametrize(
    ("asked", "span", "part"),
    [
        ("bytes=10-19", "10-19", TEXT[10:20]),
        ("bytes=95-", "95-99", TEXT[95:]),
        ("bytes=-5", "95-99", TEXT[-5:]),
        ("bytes=90-2000", "90-99", TEXT[90:]),
        ("bytes=0-0", "0-0", b"0"),
    ],
)
def test_range_is_that_part_alone(asked: str, span: str, part: bytes, ask: Ask, proxy: FaultProxy) -> None:
    response = ask(Range=asked)

    assert (response.status_code, content(response)) == (206, part)
    assert response["Content-Range"] == f"bytes {span}/100"
    assert response["Content-Length"] == str(len(part))
    # No more than that left the store.
    assert proxy.exchanges[-1].header("Range") == f"bytes={span}"


@pytest.mark.parametrize(("body", "asked"), [(TEXT, "bytes=100-"), (TEXT, "bytes=-0"), (b"", "bytes=0-")])
def test_range_behind_the_end_is_refused(body: bytes, asked: str, ask: Ask, proxy: FaultProxy) -> None:
    response = ask(body, Range=asked)

    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(body)}")
    assert response.content == b""
    assert proxy.operations == ["HeadObject"]


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=0-,0-,0-", "lines=1-2", "bytes=x", "bytes=5-1"])
def test_several_ranges_and_unknown_ones_give_the_whole_file(asked: str, ask: Ask) -> None:
    response = ask(Range=asked)

    assert (response.status_code, content(response)) == (200, TEXT)
    assert "Content-Range" not in response


def test_empty_file_is_sent_without_a_request_for_nothing(ask: Ask, proxy: FaultProxy) -> None:
    response = ask(b"")

    assert (response.status_code, response["Content-Length"], content(response)) == (200, "0", b"")
    assert proxy.operations == ["HeadObject"]


def test_what_did_not_change_is_not_sent_again(ask: Ask, proxy: FaultProxy) -> None:
    first = ask()
    content(first)
    etag, modified = first["ETag"], first["Last-Modified"]
    later = http_date(parse_http_date(modified) + 60)
    before = http_date(parse_http_date(modified) - 60)

    for headers in (
        {"If_None_Match": etag},
        {"If_None_Match": f"W/{etag}"},
        {"If_None_Match": f'"other", {etag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": modified},
        {"If_Modified_Since": later},
        # The ETag decides where both are given.
        {"If_None_Match": etag, "If_Modified_Since": before},
        {"If_None_Match": etag, "Range": "bytes=0-4"},
    ):
        response = ask(**headers)
        assert (response.status_code, response.content) == (304, b""), headers
        assert response["ETag"] == etag
        assert response["Cache-Control"] == "private, no-cache"
        assert proxy.operations == ["HeadObject"]

    for headers in (
        {"If_None_Match": '"other"'},
        {"If_Modified_Since": before},
        {"If_None_Match": '"other"', "If_Modified_Since": later},
        {"If_Match": etag},
        {"If_Match": "*"},
        {"If_Unmodified_Since": modified},
        {"If_Modified_Since": "nonsense"},
    ):
        response = ask(**headers)
        assert (response.status_code, content(response)) == (200, TEXT), headers

    for headers in ({"If_Match": '"other"'}, {"If_Match": f"W/{etag}"}, {"If_Unmodified_Since": before}):
        response = ask(**headers)
        assert (response.status_code, response["Cache-Control"]) == (412, "private, no-cache"), headers


def test_if_range_gives_the_part_of_the_same_file_alone(ask: Ask) -> None:
    first = ask()
    content(first)

    for same in (first["ETag"], first["Last-Modified"]):
        assert ask(Range="bytes=10-19", If_Range=same).status_code == 206
    for other in ('"other"', f"W/{first['ETag']}", http_date(0), "nonsense"):
        response = ask(Range="bytes=10-19", If_Range=other)
        assert (response.status_code, content(response)) == (200, TEXT)
    # Even a range that the new file does not have.
    assert ask(Range="bytes=2000-", If_Range='"other"').status_code == 200


def test_page_never_runs_on_the_site(ask: Ask) -> None:
    response = ask(b"<script>alert(1)</script>", name="page.html")

    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment;")
    assert response["Content-Security-Policy"].startswith("sandbox;")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_stored_type_is_not_believed(
    project: Any, urls: Serve, client: Client, provider: Provider, bucket: str, location: str
) -> None:
    urls(media=serve_files(allow=everybody, by=stream))
    provider.write(bucket, f"{location}/ada.jpg", b"<script>", ContentType="text/html", ContentDisposition="inline")

    assert client.get("/media/ada.jpg")["Content-Type"] == "image/jpeg"


# -- packed


@pytest.fixture
def packed(
    project: Any, urls: Serve, client: Client, provider: Provider, bucket: str, location: str
) -> Callable[..., Any]:
    urls(media=serve_files(allow=everybody, by=stream))
    # Two members, as log files have them.
    body = gzip.compress(TEXT * 500) + gzip.compress(TEXT * 500)
    provider.write(bucket, f"{location}/a.txt", body, ContentEncoding="gzip")
    return lambda method="GET", **headers: client.generic(method, "/media/a.txt", headers=headers)


def test_packed_file_goes_as_it_is_to_whom_takes_it(packed: Callable[..., Any]) -> None:
    response = packed(**{"Accept-Encoding": "br, gzip;q=0.8"})

    body = content(response)
    assert response["Content-Encoding"] == "gzip"
    assert int(response["Content-Length"]) == len(body)
    assert gzip.decompress(body) == TEXT * 1_000
    assert "Accept-Encoding" in response["Vary"]
    part = packed(**{"Accept-Encoding": "gzip", "Range": "bytes=10-19"})
    assert (part.status_code, content(part)) == (206, body[10:20])


@pytest.mark.parametrize("accepted", [None, "identity", "gzip;q=0", "br", "gzip; q=0.0, *", "GZIP;Q=0.000"])
def test_packed_file_is_unpacked_for_others(accepted: str | None, packed: Callable[..., Any]) -> None:
    headers = {"Accept-Encoding": accepted} if accepted else {}
    response = packed(**headers, Range="bytes=0-4")

    assert (response.status_code, content(response)) == (200, TEXT * 1_000)
    assert not {"Content-Encoding", "Content-Length", "Accept-Ranges"} & set(response.headers)
    assert response["ETag"].startswith('W/"')
    assert packed(**headers, **{"If-None-Match": response["ETag"]}).status_code == 304


def test_middleware_that_packs_leaves_parts_alone(project: Any, urls: Serve, client: Client, settings: Any) -> None:
    """Django's own packs any answer, and would give a client the packed form of a part as the part of a packed form."""
    settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", "django.middleware.http.ConditionalGetMiddleware"]
    urls(paper=serve(Paper, "file", allow=everybody, by=stream))
    paper = add(TEXT * 100)

    response = client.get(f"/papers/{paper.pk}/", headers={"Range": "bytes=0-999", "Accept-Encoding": "gzip"})

    assert (response.status_code, content(response)) == (206, TEXT * 10)
    assert "Content-Encoding" not in response
    assert response["ETag"].startswith('"')


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
@pytest.mark.parametrize("packs", [False, True])
def test_head_tells_the_same_behind_djangos_middleware(
    accepted: str, packs: bool, packed: Callable[..., Any], settings: Any
) -> None:
    """CommonMiddleware tells the length of an answer that does not: that of a HEAD would be 0."""
    settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
    if packs:
        settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
        storages["default"].delete("a.txt")
        storages["default"].save("a.txt", ContentFile(TEXT * 10))
    whole = packed(**{"Accept-Encoding": accepted})
    content(whole)

    assert {**packed("HEAD", **{"Accept-Encoding": accepted}).headers} == {**whole.headers}


# -- a store in trouble


@pytest.mark.parametrize(("operation", "fault"), [("HeadObject", answers_503_before), ("GetObject", resets_before)])
def test_store_that_fails_is_a_503(
    operation: str, fault: Any, ask: Ask, proxy: FaultProxy, hasten: Callable[[], None]
) -> None:
    content(ask())
    hasten()
    proxy._rules = (Rule(operation, fault, times=99),)

    response = ask()

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("keys", "status"), [("no_rights", 404), ("unknown", 503)])
def test_store_that_refuses_is_told_to_whoever_runs_the_site(
    keys: str, status: int, ask: Ask, provider: Provider, project: Any, settings: Any, caplog: Any
) -> None:
    content(ask())
    used = Keys("NOBODYSKEY00", "x" * 40) if keys == "unknown" else provider.no_rights
    default = project["default"]
    options = {**default["OPTIONS"], "access_key": used.access_key, "secret_key": used.secret_key}
    settings.STORAGES = {**project, "default": {**default, "OPTIONS": options}}

    assert ask().status_code == status
    assert "refused" in caplog.text


def test_connection_that_breaks_off_is_taken_up(ask: Ask, proxy: FaultProxy) -> None:
    ask(LARGE, method="HEAD")
    proxy._rules = (Rule("GetObject", cuts_answer(700_000)),)

    assert content(ask(LARGE)) == LARGE
    assert proxy.operations == ["HeadObject", "GetObject", "GetObject"]


def test_file_that_is_replaced_meanwhile_is_never_mixed(ask: Ask, proxy: FaultProxy) -> None:
    first = ask(LARGE)
    name = Paper.objects.get().file.name

    body = iter(first)
    began = next(body)
    with storages["default"].open(name, "wb") as file:
        file.write(b"x" * len(LARGE))

    try:
        whole = began + b"".join(body)
    except OSError:
        pass
    else:
        assert whole == LARGE
    first.close()
    assert content(ask(LARGE)) == b"x" * len(LARGE)


def test_stream_that_is_closed_frees_its_connection(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    end = SpanReader._end_stream
    monkeypatch.setattr(SpanReader, "_end_stream", lambda self: (closed.append(self._stream), end(self))[1])

    response = ask(LARGE)
    next(iter(response))
    response.close()

    assert len([stream for stream in closed if stream is not None]) == 1


# -- under ASGI


def test_async_server_gets_an_async_body_without_a_warning(project: Any, urls: Serve, async_client: Any) -> None:
    async def hook(request: Any, paper: Paper) -> bool:
        return True

    async def read(path: str, **headers: str) -> tuple[int, bytes]:
        response = await async_client.get(path, headers=headers)
        assert response.is_async
        return response.status_code, b"".join([piece async for piece in response])

    for allow in (everybody, hook):
        urls(paper=serve(Paper, "file", allow=allow, by=stream))
        paper = add(LARGE)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert asyncio.run(read(f"/papers/{paper.pk}/")) == (200, LARGE)
            assert asyncio.run(read(f"/papers/{paper.pk}/", Range="bytes=10-19")) == (206, LARGE[10:20])


def test_slow_store_holds_up_no_other_request(
    hasten: Callable[[], None], urls: Serve, async_client: Any, proxy: FaultProxy
) -> None:
    async def hook(request: Any, paper: Paper) -> bool:
        return True

    urls(paper=serve(Paper, "file", allow=hook, by=stream))
    paper, other = add(LARGE), add(TEXT, "b.txt")
    hasten()
    proxy._rules = (Rule("GetObject", stalls_before, times=1),)

    async def both() -> Any:
        hung = asyncio.create_task(async_client.get(f"/papers/{paper.pk}/"))
        while not proxy.faults:
            await asyncio.sleep(0.01)
        response = await async_client.get(f"/papers/{other.pk}/")
        body = b"".join([piece async for piece in response])
        assert not hung.done()
        await hung
        return body

    assert asyncio.run(both()) == TEXT


def test_client_that_goes_away_frees_the_connection(project: Any, urls: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    urls(paper=serve(Paper, "file", allow=everybody, by=stream))
    paper = add(LARGE)
    ended = []
    end = AsyncBody._end
    monkeypatch.setattr(AsyncBody, "_end", lambda self: (ended.append(self._pieces._file), end(self)))

    async def visit() -> None:
        gone = asyncio.Event()
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": f"/papers/{paper.pk}/", "query_string": b"",
            "headers": [(b"host", b"testserver")],
        }  # fmt: skip
        messages = iter([{"type": "http.request", "body": b""}])

        async def receive() -> Any:
            for message in messages:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message.get("body"):
                gone.set()
                await asyncio.sleep(60)

        await ASGIHandler()(scope, receive, send)

    asyncio.run(visit())

    [reader] = ended
    assert reader.closed


# -- other storages


def test_file_of_the_parent_is_streamed_from_the_parent(
    project: Any, provider: Provider, bucket: str, location: str, settings: Any, urls: Serve, client: Client
) -> None:
    above = provider.environ(bucket, location=f"{location}/above")
    settings.STORAGES = holdall.from_env(above)
    storages["default"].save("a.txt", ContentFile(b"the parent's"))
    own = provider.environ(bucket, location=f"{location}/fork")
    settings.STORAGES = holdall.from_env(own | {f"PARENT_{name}": value for name, value in above.items()})
    storages["default"].save("b.txt", ContentFile(b"own"))
    urls(media=serve_files(allow=everybody, by=stream))

    assert content(client.get("/media/a.txt")) == b"the parent's"
    assert content(client.get("/media/b.txt", headers={"Range": "bytes=1-"})) == b"wn"
    assert client.get("/media/c.txt").status_code == 404


def test_any_storage_of_django_can_be_streamed(project: Any, urls: Serve, client: Client) -> None:
    storage = InMemoryStorage()
    storage.save("a.txt", ContentFile(TEXT))
    urls(media=serve_files(storage, allow=everybody, by=stream))

    response = client.get("/media/a.txt", headers={"Range": "bytes=10-19"})

    assert (response.status_code, content(response)) == (206, TEXT[10:20])
    # Its ETag is weak, so no part is ever joined to another.
    assert client.get("/media/a.txt", headers={"If-None-Match": response["ETag"]}).status_code == 304
    again = client.get("/media/a.txt", headers={"Range": "bytes=10-19", "If-Range": response["ETag"]})
    assert (again.status_code, content(again)) == (200, TEXT)
    assert client.get("/media/b.txt").status_code == 404
