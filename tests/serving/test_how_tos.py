"""The how-tos on private files, followed as they are written. Their nginx and Wagtail have tests of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, models
from django.test import RequestFactory

from holdall import references, serving
from tests.contract import only
from tests.docs.pages import DOCS, blocks
from tests.providers import Provider
from tests.serving.conftest import content

pytestmark = only("seaweedfs-http")

# Without the database's table of users: what the pages ask of a user.
ADA = SimpleNamespace(pk=1, is_authenticated=True, is_staff=True, has_perms=lambda permissions: True)
NOBODY = SimpleNamespace(is_authenticated=False, is_staff=False, has_perms=lambda permissions: False)
EVE = SimpleNamespace(pk=2, is_authenticated=True, is_staff=False, has_perms=lambda permissions: False)


class Invoice(models.Model):
    pdf = models.FileField(upload_to="invoices")
    customer = ADA

    class Meta:
        app_label = "holdall_shop"

    def __str__(self) -> str:
        return str(self.pdf)


class Film(models.Model):
    class Meta:
        app_label = "holdall_shop"

    def __str__(self) -> str:
        return str(self.pk)


class Article(models.Model):
    body = models.TextField()

    class Meta:
        app_label = "holdall_shop"

    def __str__(self) -> str:
        return self.body


MODELS = (Invoice, Film, Article)


@pytest.fixture
def shop(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The project that the pages speak of."""
    package, found = ModuleType("shop"), ModuleType("shop.models")
    found.__dict__.update({model.__name__: model for model in MODELS})
    for module in (package, found):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)
    yield package
    with connection.schema_editor() as editor:
        for model in reversed(MODELS):
            editor.delete_model(model)


def code(page: str, comment: str) -> str:
    [text] = [block.text for block in blocks(DOCS / "how-to" / f"{page}.md") if block.comment == comment]
    return text


@pytest.fixture
def follow(shop: ModuleType, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a block of a page into the URLconf."""

    def urls(page: str, comment: str) -> ModuleType:
        module = ModuleType("shop.urls")
        if comment == "urls":
            monkeypatch.setitem(sys.modules, "shop.urls", module)
        exec(code(page, comment), module.__dict__)
        settings.ROOT_URLCONF = module
        return module

    return urls


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch, client: Any, settings: Any) -> Any:
    """Visit a page as somebody."""

    def get(address: str, user: Any = None, **headers: str) -> Any:
        monkeypatch.setattr("tests.serving.test_how_tos.visitor", user or NOBODY)
        return client.get(address, headers=headers)

    settings.MIDDLEWARE = ["tests.serving.test_how_tos.known"]
    return get


visitor: Any = None


def known(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        request.user = visitor
        return get_response(request)

    return middleware


def invoice() -> Any:
    return Invoice.objects.create(pdf=ContentFile(b"%PDF-1.7", name="7.pdf"))


def test_private_files_are_served_by_the_page(follow: Any, visit: Any, provider: Provider) -> None:
    follow("serve-private-files", "urls")
    row = invoice()
    address = f"/invoices/{row.pk}/"

    assert provider.fetch(visit(address, ADA).url).body == b"%PDF-1.7"
    assert visit(address, EVE).status_code == visit(address).status_code == 403
    request = RequestFactory().get("/")
    for user, link in ((ADA, row.pdf.url), (EVE, address)):
        request.user = user
        assert serving.media_url(request, row.pdf) == link

    follow("serve-private-files", "downloads")
    told = provider.fetch(visit(f"{address}download/", ADA).url).headers["content-disposition"]
    assert told.startswith('attachment; filename="Rechnung N')

    follow("serve-private-files", "stream")
    part = visit(address, ADA, Range="bytes=0-3")
    assert (part.status_code, content(part)) == (206, b"%PDF")
    assert visit(address, EVE).status_code == 403

    follow("serve-private-files", "accelerate")
    response = visit(address, ADA)
    assert response["X-Accel-Redirect"] == "/_holdall/"
    assert provider.fetch(response["X-Holdall-Url"]).body == b"%PDF-1.7"

    follow("serve-private-files", "by name")
    storages["default"].save("exports/a.csv", ContentFile(b"a"))
    assert visit("/exports/a.csv", ADA).status_code == 302
    assert visit("/exports/a.csv", EVE).status_code == 403
    assert visit(f"/exports/../{row.pdf.name}", ADA).status_code == 404


def test_films_are_served_by_the_page(follow: Any, visit: Any, provider: Provider) -> None:
    follow("films", "urls")
    film = Film.objects.create()
    storages["default"].save(f"films/{film.pk}/master.m3u8", ContentFile(b"#EXTM3U\n#EXTINF:4,\n0.ts\n"))
    storages["default"].save(f"films/{film.pk}/0.ts", ContentFile(b"segment"))

    [link] = [line for line in visit(f"/films/{film.pk}/master.m3u8", EVE).text.splitlines() if line[:1] != "#"]
    assert provider.fetch(link).body == b"segment"
    assert visit(f"/films/{film.pk}/master.m3u8").status_code == 403


def test_cookies_for_films_are_set_by_the_page(shop: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    namespace: dict[str, Any] = {}
    exec(code("films", "cookies"), namespace)
    asked = []

    def cookies(self: Any, resource: str) -> dict[str, str]:
        asked.append(resource)
        return {"CloudFront-Policy": "p"}

    monkeypatch.setattr(type(storages["default"]), "cloudfront_cookies", cookies)
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {"watch.html": "{{ film }}"})]},
        }
    ]
    film = Film.objects.create()

    response = namespace["watch"](RequestFactory().get("/"), film.pk)

    assert asked == [f"films/{film.pk}/*"]
    assert response.cookies["CloudFront-Policy"]["secure"]


def test_pictures_are_kept_by_the_page(
    follow: Any,
    visit: Any,
    provider: Provider,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    bucket: str,
    location: str,
) -> None:
    namespace: dict[str, Any] = {}
    for name, value in provider.environ(bucket, location=location).items():
        monkeypatch.setenv(name, value)
    exec(code("pictures-in-editors", "environment: STORAGE_BUCKET_NAME=acme-media"), namespace)
    settings.STORAGES = namespace["STORAGES"]
    follow("pictures-in-editors", "urls")

    # An editor uploads to a view.
    exec(code("pictures-in-editors", "upload"), namespace)
    request = RequestFactory().post("/", {"file": SimpleUploadedFile("ada.png", b"picture")})
    request.user = ADA
    link = namespace["upload"](request).content.decode()
    assert link == '{"location": "/pictures/ada.png"}'
    assert provider.fetch(visit("/pictures/ada.png", EVE).url).body == b"picture"
    assert visit("/pictures/ada.png").status_code == 403
    # CKEditor makes its storage by a dotted path.
    exec(code("pictures-in-editors", "ckeditor"), namespace)
    assert namespace["CKEDITOR_5_FILE_STORAGE"] == "holdall.serving.PermalinkStorage"
    assert serving.PermalinkStorage().url("ada.png") == "/pictures/ada.png"

    # A text from before, and what the audit is told.
    signed = storages["default"].url("pictures/ada.png").replace("&", "&amp;")
    article = Article.objects.create(body=f'<img src="{signed}"> <a href="https://example.com/">x</a>')
    exec(code("pictures-in-editors", "references"), namespace)
    try:
        assert list(namespace["pictures_in_articles"]()) == ["pictures/ada.png"]
        exec(code("pictures-in-editors", "repair"), namespace)
        article.refresh_from_db()
        assert article.body == '<img src="/pictures/ada.png"> <a href="https://example.com/">x</a>'
        assert list(namespace["pictures_in_articles"]()) == ["pictures/ada.png"]
    finally:
        references.unregister(namespace["pictures_in_articles"])
