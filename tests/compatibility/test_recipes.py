"""What projects do with a storage, as they do it: recipes for subclasses, fields, migrations and static files."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.test.utils import isolate_apps

import holdall
from holdall.storage import MediaStorage, from_alias
from tests.contract import only
from tests.providers import Provider

pytestmark = only("seaweedfs-http")  # nothing here depends on the server

Options = dict[str, Any]


@pytest.fixture
def options(provider: Provider, bucket: str, location: str) -> Options:
    """What a project's `STORAGES` says of this test's store."""
    found: Options = holdall.from_env(provider.environ(bucket, location=location))["default"]["OPTIONS"]
    return found


def read(storage: Any, name: str) -> bytes:
    with storage.open(name) as file:
        content: bytes = file.read()
    return content


# -- subclasses


class OverwriteStorage(MediaStorage):
    """The recipe of many answers."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name


class DeletingStorage(MediaStorage):
    """The recipe of as many others."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        if self.exists(name):
            self.delete(name)
        return name


@pytest.mark.parametrize("recipe", [OverwriteStorage, DeletingStorage])
@pytest.mark.parametrize("size", [3, 9 * 1024 * 1024], ids=["small", "in parts"])
def test_overwriting_recipe_ends_and_replaces(options: Options, recipe: type[MediaStorage], size: int) -> None:
    storage = recipe(**options)
    for letter in (b"a", b"b", b"c"):
        assert storage.save("ada.txt", ContentFile(letter * size)) == "ada.txt"
    assert read(storage, "ada.txt") == b"c" * size
    assert storage.listdir("") == ([], ["ada.txt"])


def test_own_save_is_asked_for_every_file(options: Options) -> None:
    class Shouting(MediaStorage):
        def _save(self, name: str, content: Any) -> str:
            return super()._save(name, ContentFile(content.read().upper()))

    storage = Shouting(**options)
    names = [storage.save("ada.txt", ContentFile(b"hello")) for _ in range(2)]
    assert names[0] == "ada.txt" != names[1]
    assert [read(storage, name) for name in names] == [b"HELLO", b"HELLO"]


def test_own_save_of_a_stream_never_saves_its_rest(options: Options) -> None:
    class Shouting(MediaStorage):
        def _save(self, name: str, content: Any) -> str:
            return super()._save(name, ContentFile(content.read().upper()))

    class Stream:
        def __init__(self, content: bytes) -> None:
            self.read = io.BytesIO(content).read

    storage = Shouting(**options)
    storage.save("ada.txt", ContentFile(b"hello"))
    long = b"x" * (storage.transfer_config.multipart_threshold + 2)
    with pytest.raises(FileExistsError):
        storage.save("ada.txt", File(Stream(long), "ada.txt"))
    assert storage.listdir("") == ([], ["ada.txt"])


def test_own_save_is_asked_for_a_file_that_replaces(options: Options) -> None:
    class Shouting(OverwriteStorage):
        def _save(self, name: str, content: Any) -> str:
            return super()._save(name, ContentFile(content.read().upper()))

    storage = Shouting(**options)
    for text in (b"one", b"two"):
        assert storage.save("ada.txt", ContentFile(text)) == "ada.txt"
    assert read(storage, "ada.txt") == b"TWO"


def test_own_object_parameters_are_stored(options: Options) -> None:
    class Dated(MediaStorage):
        def get_object_parameters(self, name: str) -> dict[str, Any]:
            return {**super().get_object_parameters(name), "Metadata": {"kind": "portrait"}, "CacheControl": "no-store"}

    storage = Dated(**options)
    found = storage.bucket.Object(storage._normalize_name(storage.save("ada.txt", ContentFile(b"a"))))
    assert found.metadata["kind"] == "portrait"
    assert found.cache_control == "no-store"


def test_own_rule_for_keys_counts_everywhere(options: Options, provider: Provider, bucket: str, location: str) -> None:
    class Tenant(MediaStorage):
        def _normalize_name(self, name: str) -> str:
            return super()._normalize_name(f"tenant-7/{name}")

    storage = Tenant(**options)
    name = storage.save("ada.txt", ContentFile(b"a"))
    assert name == "ada.txt"
    assert storage.exists(name)
    assert storage.size(name) == 1
    assert read(storage, name) == b"a"
    assert storage.listdir("")[1] == ["ada.txt"]
    assert f"/{location}/tenant-7/ada.txt?" in storage.url(name)
    storage.delete(name)
    assert not storage.exists(name)


# -- copies


@pytest.mark.parametrize("again", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy], ids=["pickle", "copy"])
def test_storage_in_use_can_be_copied(options: Options, again: Any) -> None:
    storage = MediaStorage(**options)
    name = storage.save("ada.txt", ContentFile(b"a"))
    link = storage.url(name)

    other = again(storage)
    assert read(other, name) == b"a"
    assert other.url(name) == link
    assert other.save("ada.txt", ContentFile(b"b")) != name


# -- fields


@pytest.fixture
def album(options: Options) -> Iterator[Any]:
    """An instance of a model with a file, whose storage is chosen by a function."""
    with isolate_apps("holdall"):

        class Album(models.Model):  # noqa: DJ008  nobody looks at it
            cover = models.FileField(storage=lambda: MediaStorage(**options), upload_to="covers")

            class Meta:
                app_label = "holdall"

        yield Album()


def test_field_can_be_read_again_after_it_was_closed(album: Any) -> None:
    album.cover.save("ada.txt", ContentFile(b"one\ntwo"), save=False)
    album.cover.close()
    for _ in range(2):
        with album.cover.open() as file:
            assert file.read() == b"one\ntwo"
        assert album.cover.closed
    with album.cover.open("r") as file:
        assert file.readlines() == ["one\n", "two"]


def test_field_tells_its_size_open_or_closed(album: Any) -> None:
    album.cover.save("ada.txt", ContentFile(b"12345"), save=False)
    album.cover.close()
    assert album.cover.size == 5
    fresh = type(album)(cover=album.cover.name)
    assert fresh.cover.size == 5
    with fresh.cover.open() as file:
        assert file.size == 5


def test_field_is_given_in_chunks(album: Any) -> None:
    content = bytes(range(256)) * 1024
    album.cover.save("ada.bin", ContentFile(content), save=False)
    fresh = type(album)(cover=album.cover.name)
    assert fresh.cover.multiple_chunks()
    assert not fresh.cover.multiple_chunks(len(content))
    chunks = list(fresh.cover.chunks())
    assert len(chunks) == len(content) // File.DEFAULT_CHUNK_SIZE
    assert b"".join(chunks) == content
    fresh.cover.close()


def test_field_is_saved_out_of_another_field(album: Any) -> None:
    album.cover.save("ada.txt", ContentFile(b"portrait"), save=False)
    original = type(album)(cover=album.cover.name)
    other = type(album)()
    other.cover.save("copy.txt", original.cover, save=False)
    assert other.cover.name == "covers/copy.txt"
    with other.cover.open() as file:
        assert file.read() == b"portrait"
    original.cover.close()
    album.cover.close()


def test_field_that_was_deleted_is_gone(album: Any) -> None:
    album.cover.save("ada.txt", ContentFile(b"a"), save=False)
    storage, name = album.cover.storage, album.cover.name
    album.cover.delete(save=False)
    assert not album.cover
    assert not storage.exists(name)


# -- migrations


def test_migration_names_the_alias_and_no_secret(options: Options, settings: Any) -> None:
    settings.STORAGES = {"default": {"BACKEND": "holdall.storage.MediaStorage", "OPTIONS": options}}
    field = models.FileField(storage=storages["default"])
    written, imports = MigrationWriter.serialize(field)
    assert "holdall.storage.from_alias('default')" in written
    assert "import holdall.storage" in imports
    for secret in (str(options["secret_key"].reveal()), options["bucket_name"]):
        assert secret not in written
    assert from_alias("default") is storages["default"]


def test_migration_names_the_alias_that_was_asked_for_of_two_alike(options: Options, settings: Any) -> None:
    entry = {"BACKEND": "holdall.storage.MediaStorage", "OPTIONS": options}
    settings.STORAGES = {"default": entry, "private": dict(entry)}

    named = {alias: storages[alias].deconstruct()[1] for alias in settings.STORAGES}

    assert named == {"default": ("default",), "private": ("private",)}
    # One that was made by hand is like both.
    assert MediaStorage(**options).deconstruct()[1] == ("default",)


# -- static files


class ManifestStorage(ManifestFilesMixin, MediaStorage):
    """Static files in the bucket, under names that tell their content."""


def test_static_files_are_collected_under_hashed_names(options: Options, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "site.css").write_text('body { background: url("dot.svg") }')
    (tmp_path / "dot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.staticfiles"]
    settings.STATICFILES_DIRS = [tmp_path]
    settings.STATIC_URL = "/static/"
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    # Links in the style sheets are relative, so the querystring of a signed one would break them.
    chosen = {**options, "file_overwrite": True, "querystring_auth": False}
    settings.STORAGES = {
        "default": {"BACKEND": "holdall.storage.MediaStorage", "OPTIONS": options},
        "staticfiles": {"BACKEND": f"{__name__}.ManifestStorage", "OPTIONS": chosen},
    }
    for _ in range(2):
        call_command("collectstatic", interactive=False, stdout=io.StringIO())

    storage = ManifestStorage(**chosen)
    hashed = storage.stored_name("site.css")
    assert hashed != "site.css"
    assert storage.stored_name("dot.svg").encode() in read(storage, hashed)
    assert storage.url("site.css").endswith(hashed)
    assert set(storage.listdir("")[1]) == {
        "staticfiles.json",
        "site.css",
        "dot.svg",
        hashed,
        storage.stored_name("dot.svg"),
    }
