"""Private files in a real browser: which requests a page makes, and what an uploaded file can do on the site."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from types import ModuleType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from PIL import Image
from playwright.sync_api import Browser, Page

import holdall
from holdall.serving import media_url, serve, serve_files, stream, views
from tests.browser import chromium
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.serving.conftest import Paper, everybody

pytestmark = only("seaweedfs-http")

PICTURES = 40
SCRIPT = b"<script>document.title = 'ran'</script>"
FILES = {
    "page.html": SCRIPT,
    "text.txt": SCRIPT + b"text",
    "code.js": b"window.ran = true",
    "style.css": b"body { color: rgb(1, 2, 3) }",
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>document.title = 1</script></svg>',
}


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


def gallery(request: HttpRequest) -> HttpResponse:
    """Show forty pictures, as a template does with `media_url`."""
    shown = [media_url(request, Paper(pk=number, file=f"{number}.png").file) for number in range(PICTURES)]
    return HttpResponse("".join(f'<img src="{address.replace("&", "&amp;")}">' for address in shown))


@pytest.fixture
def proxy(provider: Provider) -> Iterator[FaultProxy]:
    """Counts what is asked of the store, by the site and by the browser."""
    with FaultProxy(provider.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def visits() -> list[str]:
    """What was asked of the site."""
    return []


@pytest.fixture
def page(
    proxy: FaultProxy, provider: Provider, bucket: str, location: str, browser: Browser, settings: Any, visits: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Page]:  # fmt: skip
    """A browser at a site that has private files."""
    settings.STORAGES = holdall.from_env(provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url))
    monkeypatch.setattr(views, "_views", {})
    urls = ModuleType("urls_of_a_site")
    urls.urlpatterns = [  # type: ignore[attr-defined]  # a module of our own making
        path("", gallery),
        path("empty/", lambda request: HttpResponse("<title></title>")),
        path("papers/<int:pk>/", serve(Paper, "file", allow=everybody), name="paper"),
        path("files/<path:name>", serve_files(allow=everybody, by=stream)),
    ]
    settings.ROOT_URLCONF = urls
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    application = WSGIHandler()

    def counted(environ: Any, start_response: Any) -> Any:
        visits.append(environ["PATH_INFO"])
        return application(environ, start_response)

    server = Server(("127.0.0.1", 0), Quiet)
    server.set_app(counted)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    context = chromium.patient(browser.new_context(base_url=f"http://127.0.0.1:{server.server_port}"))
    try:
        yield context.new_page()
    finally:
        context.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_page_of_forty_pictures_asks_the_site_once_and_the_store_once_for_each(
    page: Page, proxy: FaultProxy, visits: list[str]
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (7, 5)).save(picture, "PNG")
    for number in range(PICTURES):
        storages["default"].save(f"{number}.png", ContentFile(picture.getvalue()))
    proxy.exchanges.clear()
    loaded = "() => [...document.images].filter((image) => image.naturalWidth === 7).length"

    page.goto("/", wait_until="load")

    assert page.evaluate(loaded) == PICTURES
    assert [visit for visit in visits if visit != "/favicon.ico"] == ["/"]
    assert proxy.operations == ["GetObject"] * PICTURES
    # The links are still the same, so the browser has all pictures already.
    visits.clear()
    page.goto("about:blank")
    page.goto("/", wait_until="load")
    assert page.evaluate(loaded) == PICTURES
    assert len(proxy.operations) == PICTURES
    assert visits == ["/"]


def test_uploaded_files_are_shown_and_never_run_on_the_site(page: Page) -> None:
    for name, content in FILES.items():
        storages["default"].save(name, ContentFile(content))
    page.goto("/files/text.txt")
    assert (page.title(), page.inner_text("body")) == ("", (SCRIPT + b"text").decode())

    # From a page of the site, for which no script is forbidden.
    page.goto("/empty/")
    found = page.evaluate(
        """async () => {
            const loads = (tag, more) => new Promise((done) => {
                const made = Object.assign(document.createElement(tag), more);
                made.onload = () => done(true);
                made.onerror = () => done(false);
                document.head.append(made);
            });
            return {
                script: await loads("script", { src: "/files/code.js" }),
                style: await loads("link", { rel: "stylesheet", href: "/files/style.css" }),
                drawing: await loads("img", { src: "/files/drawing.svg" }),
                ran: window.ran ?? null,
            };
        }"""
    )

    assert found == {"script": False, "style": False, "drawing": True, "ran": None}
    for name in ("page.html", "drawing.svg"):
        with page.expect_download() as download:
            page.evaluate("(address) => { location.href = address }", f"/files/{name}")
        assert download.value.suggested_filename == name
    assert page.title() == ""
