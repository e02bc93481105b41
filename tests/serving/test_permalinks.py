"""Permalinks in texts, and signed links that texts already have."""

from __future__ import annotations

import html
import urllib.parse
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.migrations.writer import MigrationWriter

from holdall.errors import InvalidName
from holdall.serving import PermalinkStorage, serve_files, stream
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.serving.conftest import Serve, content

pytestmark = only("seaweedfs-http")
PATH = "holdall.serving.PermalinkStorage"


def signed_in(request: Any, name: str) -> bool:
    return request.headers.get("X-Who") == "ada"


@pytest.fixture
def pictures(project: Any, urls: Any, settings: Any) -> PermalinkStorage:
    settings.STORAGES = {**project, "pictures": {"BACKEND": PATH, "OPTIONS": {"folder": "pictures", "view": "media"}}}
    urls(media=serve_files("pictures", allow=signed_in))
    found = storages["pictures"]
    assert isinstance(found, PermalinkStorage)
    return found


@pytest.mark.parametrize("name", ["ada.png", "2026/Ä b+c%41'.png", "a&b.png"])
def test_permalink_never_changes_and_asks_each_time(
    name: str, pictures: PermalinkStorage, client: Any, provider: Provider
) -> None:
    saved = pictures.save(name, ContentFile(b"picture"))
    link = pictures.url(saved)

    assert saved == name
    assert storages["default"].exists(f"pictures/{name}")
    assert link.startswith("/media/")
    assert "?" not in link
    response = client.get(link, headers={"X-Who": "ada"})
    assert response.status_code == 302
    assert provider.fetch(response.url).body == b"picture"
    assert client.get(link).status_code == 403


def test_permalinks_can_be_streamed(pictures: PermalinkStorage, urls: Serve, client: Any) -> None:
    urls(media=serve_files("pictures", allow=signed_in, by=stream))
    link = pictures.url(pictures.save("ada.png", ContentFile(b"picture")))

    assert content(client.get(link, headers={"X-Who": "ada"})) == b"picture"


def test_it_is_a_storage_of_its_folder(pictures: PermalinkStorage, proxy: FaultProxy) -> None:
    default = storages["default"]
    default.save("secret.txt", ContentFile(b"secret"))
    first = pictures.save("a/ada.txt", ContentFile(b"one"))
    second = pictures.save("a/ada.txt", ContentFile(b"two"))

    assert first != second
    assert pictures.open(second).read() == b"two"
    assert pictures.size(first) == 3
    assert pictures.exists(first)
    assert pictures.listdir("a")[1] == sorted([first[2:], second[2:]])
    assert pictures.get_modified_time(first) == default.get_modified_time(f"pictures/{first}")
    pictures.delete(first)
    assert not default.exists(f"pictures/{first}")
    proxy.exchanges.clear()
    for deed in (pictures.open, pictures.size, pictures.delete, pictures.exists, pictures.url, pictures.listdir):
        with pytest.raises(SuspiciousFileOperation):
            deed("../secret.txt")
    with pytest.raises(SuspiciousFileOperation):
        pictures.save("../secret.txt", ContentFile(b""))
    with pytest.raises(ValueError):
        pictures.delete("")
    assert proxy.requests == []


def test_name_fits_a_field_whose_names_are_short(pictures: PermalinkStorage) -> None:
    assert len(pictures.save("a" * 30 + ".txt", ContentFile(b""), max_length=20)) == 20


def test_editor_that_makes_it_without_options_gets_those_of_the_settings(pictures: PermalinkStorage) -> None:
    assert PermalinkStorage().alias == pictures.alias
    assert (PermalinkStorage().folder, PermalinkStorage().view) == ("pictures", "media")


def test_migration_has_no_more_than_its_options(pictures: PermalinkStorage) -> None:
    written, _ = MigrationWriter.serialize(PermalinkStorage(folder="x", view="media"))

    assert written == f"{PATH}(folder='x', view='media')"


def test_view_that_is_missing_is_told(pictures: PermalinkStorage, urls: Serve) -> None:
    urls()

    with pytest.raises(ImproperlyConfigured, match='no view "media"'):
        pictures.url("ada.png")


# -- texts that have signed links


def escaped(url: str) -> str:
    return html.escape(url)


def test_signed_links_in_texts_become_permalinks(pictures: PermalinkStorage, client: Any) -> None:
    default: Any = storages["default"]
    name = default.save("pictures/Ä b.png", ContentFile(b"picture"))
    outside = default.save("papers/secret.pdf", ContentFile(b"secret"))
    signed, other = default.url(name), default.url(outside)
    text = (
        f'<p>&amp; <img alt="a" src="{escaped(signed)}"> <a href=\'{escaped(other)}\'>paper</a> '
        f'<img srcset="{escaped(signed)} 1x, {escaped(signed)} 2x"> <div style="background:url({escaped(signed)})">'
        '<img src="https://example.com/x.png?X-Amz-Signature=1"> <img src="https://example.com/y.png">'
        f"![]({signed}), {default.url(name, download_as='x.png')}."
    )

    changed = pictures.permalinks(text)

    assert changed == (
        '<p>&amp; <img alt="a" src="/media/%C3%84%20b.png"> '
        f"<a href='{escaped(other)}'>paper</a> "
        '<img srcset="/media/%C3%84%20b.png 1x, /media/%C3%84%20b.png 2x"> '
        '<div style="background:url(/media/%C3%84%20b.png)">'
        '<img src="https://example.com/x.png?X-Amz-Signature=1"> <img src="https://example.com/y.png">'
        "![](/media/%C3%84%20b.png), /media/%C3%84%20b.png."
    )
    assert pictures.permalinks(changed) == changed
    assert client.get("/media/%C3%84%20b.png", headers={"X-Who": "ada"}).status_code == 302
    # What the audit is told: links of either kind, by the names of the store.
    assert set(pictures.names_in(text)) == {name} == set(pictures.names_in(changed))


@pytest.mark.parametrize("name", ["pictures/", "pictures/a/", "pictures/a\nb.png"])
def test_link_to_what_has_no_address_stays(name: str, pictures: PermalinkStorage) -> None:
    default: Any = storages["default"]
    text = default.url("pictures/a.png").replace("pictures/a.png", urllib.parse.quote(name))

    assert pictures.permalinks(text) == text
    assert list(pictures.names_in(text)) == []
    with pytest.raises(InvalidName, match="no permalink"):
        pictures.url(name.removeprefix("pictures/"))


def test_text_without_links_comes_back_as_it_was(pictures: PermalinkStorage) -> None:
    text = "<p>a &amp; b 'c' \"d\" https://example.com/?a=1&b=2 </p>\r\n"

    assert pictures.permalinks(text) == text
    assert list(pictures.names_in(text)) == []


@pytest.mark.parametrize("name", ["Ä b.png", "it's (1).png", "a&copy.png", "a;quot,.png"])
def test_permalink_survives_whatever_it_is_written_in(name: str, pictures: PermalinkStorage) -> None:
    default: Any = storages["default"]
    pictures.save(name, ContentFile(b"picture"))

    for link in (pictures.url(name), default.url(f"pictures/{name}")):
        for text in ('<div style="background:url(&quot;{}&quot;)">', "<img src='{}'>", "url({})", "![]({}),", "{} 1x,"):
            written = text.format(escaped(link))
            assert list(pictures.names_in(written)) == [f"pictures/{name}"], written
            assert pictures.permalinks(written) == text.format(escaped(pictures.url(name)))
    # Nor does it need to be escaped.
    assert list(pictures.names_in(f"<img src='{pictures.url(name)}'>")) == [f"pictures/{name}"]
