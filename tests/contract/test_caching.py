"""For how long browsers and CDNs are told to show a file without asking: no longer than its name is known to show it."""

from __future__ import annotations

import hashlib
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import urllib3
from django.contrib.staticfiles.storage import ManifestFilesMixin, StaticFilesStorage
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from holdall.storage import MediaStorage
from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider

# What is stored is decided before any server is asked; that servers keep it is what `test_intent` shows.
pytestmark = only("seaweedfs-http")

BOUNDED = "public, max-age=3600, must-revalidate"
FOR_A_YEAR = "public, max-age=31536000, immutable"


class Stored:
    """What the store would tell a browser of each file."""

    def __init__(self, provider: Provider, bucket: str, location: str) -> None:
        self._provider, self._bucket, self._location = provider, bucket, location

    def __call__(self, name: str) -> str:
        return str(self._provider.head(self._bucket, f"{self._location}/{name}").get("CacheControl"))


@pytest.fixture
def told(provider: Provider, bucket: str, location: str) -> Stored:
    return Stored(provider, bucket, location)


def of_class(storage: Storage, *bases: type, **members: Any) -> Any:
    """Make a project's own class of a storage, with its options."""
    own = type("Own", (*bases, type(storage)), members)
    return own(**storage._constructor_args[1])  # type: ignore[attr-defined]  # Django's deconstructible


def test_name_that_can_be_given_again_is_bounded(public_storage: Storage, told: Stored) -> None:
    seen = []
    for body in (b"first", b"second"):
        name = public_storage.save("avatars/me.png", ContentFile(body))
        seen.append((name, told(name)))
        public_storage.delete(name)
    with public_storage.open("avatars/me.png", "wb") as file:
        file.write(b"third")

    assert seen == [("avatars/me.png", BOUNDED)] * 2
    assert told("avatars/me.png") == BOUNDED


def test_name_with_a_random_part_is_bounded(public_storage: Storage, told: Stored, provider: Provider) -> None:
    """It is as free as any other once its file was deleted, and may be written anew as any other."""
    public_storage.save("me.png", ContentFile(b"first"))
    other = public_storage.save("me.png", ContentFile(b"second"))
    assert other != "me.png"
    assert told(other) == BOUNDED

    with public_storage.open(other, "wb") as file:
        file.write(b"turned")
    assert told(other) == BOUNDED
    public_storage.delete(other)
    assert public_storage.save(other, ContentFile(b"third")) == other
    assert told(other) == BOUNDED


def test_name_that_only_looks_drawn_or_hashed_is_bounded(public_storage: Storage, told: Stored) -> None:
    for name in ("me_AbC1234.png", "app.55e7cbb9ba48.css", f"{hashlib.md5(b'x').hexdigest()}.png"):
        assert public_storage.save(name, ContentFile(b"x")) == name
        assert told(name) == BOUNDED


def numbered(self: Any, root: str, extension: str) -> str:
    return f"{root}-2{extension}"


def insisting(self: Any, name: str, max_length: int | None = None) -> str:
    return name


def counting(self: Any, name: str, max_length: int | None = None) -> str:
    return name if not self.exists(name) else f"again-{name}"


@pytest.mark.parametrize(
    "rule",
    [{"get_alternative_name": numbered}, {"get_available_name": insisting}, {"get_available_name": counting}],
    ids=["numbers", "insists", "counts"],
)
def test_name_of_a_projects_own_rule_is_bounded(public_storage: Storage, told: Stored, rule: dict[str, Any]) -> None:
    storage = of_class(public_storage, **rule)
    for body in (b"first", b"second"):
        assert told(storage.save("me.png", ContentFile(body))) == BOUNDED


def test_file_that_may_be_replaced_is_bounded(make_storage: MakeStorage, told: Stored) -> None:
    storage = make_storage(is_public=True, options={"file_overwrite": True})
    for body in (b"first", b"second"):
        assert told(storage.save("me.png", ContentFile(body))) == BOUNDED


def test_static_files_are_kept_for_a_year_under_the_hash_of_their_content(
    public_storage: Storage, told: Stored, tmp_path: Path, settings: Any
) -> None:
    settings.DEBUG, settings.STATIC_URL = False, "/static/"
    storage = of_class(public_storage, ManifestFilesMixin, manifest_storage=public_storage)
    (tmp_path / "a.css").write_text("body { background: url(b.png) }")
    (tmp_path / "b.png").write_bytes(b"picture")
    source = StaticFilesStorage(location=str(tmp_path))
    for name in ("a.css", "b.png"):
        with source.open(name) as file:
            storage.save(name, file)
    list(storage.post_process({name: (source, name) for name in ("a.css", "b.png")}))

    hashed = [storage.stored_name(name) for name in ("a.css", "b.png")]
    assert all(name.count(".") == 2 for name in hashed)
    assert {name: told(name) for name in hashed} == dict.fromkeys(hashed, FOR_A_YEAR)
    # These are the same from one release to the next.
    for name in ("a.css", "b.png", "staticfiles.json"):
        assert told(name) == BOUNDED
    # The hash is that of another content.
    storage.delete(hashed[1])
    storage._save(hashed[1], ContentFile(b"another picture"))
    assert told(hashed[1]) == BOUNDED


def test_cache_lifetime_is_that_of_the_variable(make_storage: MakeStorage, told: Stored) -> None:
    storage: Any = make_storage(is_public=True, STORAGE_CACHE_LIFETIME="5m")
    assert told(storage.save("a.png", ContentFile(b"x"))) == "public, max-age=300, must-revalidate"
    storage = make_storage(is_public=True, STORAGE_CACHE_LIFETIME="0")
    assert told(storage.save("b.png", ContentFile(b"x"))) == "public, max-age=0, must-revalidate"


def test_browser_that_asks_again_is_told_that_nothing_changed(storage: Storage) -> None:
    address = storage.url(storage.save("me.png", ContentFile(b"picture")))
    pool = urllib3.PoolManager()
    first = pool.request("GET", address)
    again = pool.request("GET", address, headers={"If-None-Match": first.headers["etag"]})

    assert (first.status, again.status, again.data) == (200, 304, b"")


# -- private links


def asks_for(url: str) -> str:
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["response-cache-control"][0]


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, 3600),
        ({"STORAGE_CACHE_LIFETIME": "5m"}, 300),
        ({"STORAGE_CACHE_LIFETIME": "0"}, 0),
        # Nobody can ask again once the link ended.
        ({"STORAGE_URL_LIFETIME": "60s"}, 90),
        ({"STORAGE_URL_LIFETIME": "7d"}, 3600),
    ],
)
def test_private_link_shows_an_old_file_no_longer_than_the_bound(
    make_storage: MakeStorage, provider: Provider, told: Stored, variables: dict[str, str], seconds: int
) -> None:
    storage = make_storage(**variables)
    name = storage.save("me.png", ContentFile(b"x"))

    assert asks_for(storage.url(name)) == f"private, max-age={seconds}"
    assert provider.fetch(storage.url(name)).headers["cache-control"] == f"private, max-age={seconds}"
    # What is stored knows nothing of the link's window.
    assert told(name) == f"private, max-age={60 if seconds == 90 else seconds}"


def test_private_link_where_files_are_replaced_is_bounded_too(make_storage: MakeStorage) -> None:
    storage = make_storage(options={"file_overwrite": True})
    assert asks_for(storage.url("me.png")) == "private, max-age=3600"


def test_cache_control_that_the_project_chose_wins_in_files_and_links(
    make_storage: MakeStorage, provider: Provider, told: Stored
) -> None:
    before = make_storage().save("before.pdf", ContentFile(b"x"))
    clinic: Any = make_storage(options={"object_parameters": {"CacheControl": "no-store"}})
    saved = clinic.save("finding.pdf", ContentFile(b"x"))

    assert told(saved) == "no-store"
    for name in (before, saved):
        assert provider.fetch(clinic.url(name)).headers["cache-control"] == "no-store"
    # What one link asks for still counts for it.
    assert asks_for(clinic.url(saved, parameters={"ResponseCacheControl": "private"})) == "private"


def test_cache_control_of_a_subclass_wins_for_the_names_that_it_means(storage: Storage) -> None:
    def parameters(self: MediaStorage, name: str) -> dict[str, Any]:
        return {"CacheControl": "no-store"} if name.startswith("findings/") else {}

    clinic = of_class(storage, get_object_parameters=parameters)

    assert asks_for(clinic.url("findings/a b.pdf")) == "no-store"
    assert asks_for(clinic.url("logo.png")) == "private, max-age=3600"
