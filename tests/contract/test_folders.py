"""Folders exist as far as something lies in them: what `collectstatic --clear` and file managers ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import storage as static
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.core.management import call_command

from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.stores import build_fork


def test_folder_exists_while_something_lies_below_it(storage: Storage) -> None:
    assert not storage.exists("")
    assert not storage.exists("a")
    storage.save("a/b/c.txt", ContentFile(b"c"))

    assert [storage.exists(name) for name in ("", ".", "a", "a/", "a/b", "a/b/", "a/b/c.txt")] == [True] * 7
    assert [storage.exists(name) for name in ("b", "a/c", "a/b/c", "a/b/c/", "a/b/c.tx", "a/b/c.txt/", "A")] == [
        False
    ] * 7

    storage.delete("a")
    assert storage.exists("a/b/c.txt")
    storage.delete("a/b/c.txt")
    assert not storage.exists("a/b/c.txt")


def test_folder_of_what_is_holdalls_own_does_not_exist(
    storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    for number in range(5):
        provider.write(bucket, f"{location}/.holdall/hidden/{number}.txt", b"{}")
    assert not storage.exists("")

    provider.write(bucket, f"{location}/inner/.holdall/owner", b"{}")
    assert not storage.exists("inner")


def test_folder_of_which_a_listing_told_is_found_though_its_name_looks_like_a_files(storage: Storage) -> None:
    storage.save("vendor/jquery-3.7/jquery.js", ContentFile(b""))

    assert not storage.exists("vendor/jquery-3.7")
    assert storage.listdir("vendor") == (["jquery-3.7"], [])
    assert storage.exists("vendor/jquery-3.7")


@only("seaweedfs-http")
def test_missing_file_costs_no_listing(make_storage: MakeStorage, provider: Provider) -> None:
    with FaultProxy(provider.endpoint_url) as proxy:
        storage: Any = make_storage(AWS_S3_ENDPOINT_URL=proxy.url)
        storage.exists("first.txt")
        del proxy.exchanges[:]

        assert not storage.exists("folder/missing.jpg")
        assert [request.operation for request in proxy.exchanges] == ["HeadObject"]
        assert not storage.exists("folder/missing")
        assert not storage.exists("folder/")
        assert [request.operation for request in proxy.exchanges[1:]] == [
            "HeadObject",
            "ListObjects",
            "ListObjects",
        ]


def test_folder_of_hidden_files_does_not_exist_in_a_fork(provider: Provider, bucket: str, location: str) -> None:
    parent: Any = build_fork(provider.environ(bucket, location=f"{location}/above"))
    names = [parent.save(f"a.1/b/{number}.txt", ContentFile(b"x")) for number in range(3)]
    fork = build_fork(
        provider.environ(bucket, location=f"{location}/fork"), provider.environ(bucket, location=f"{location}/above")
    )
    assert [fork.exists(name) for name in ("", "a.1/", "a.1/b")] == [True] * 3
    for name in names[:2]:
        fork.delete(name)
    assert fork.exists("a.1/b")

    fork.delete(names[2])

    assert [fork.exists(name) for name in ("", "a.1/", "a.1/b")] == [False] * 3
    fork.save("a.1/b/own.txt", ContentFile(b"x"))
    assert [fork.exists(name) for name in ("", "a.1/", "a.1/b")] == [True] * 3
    assert parent.exists("a.1/b")


@only("seaweedfs-http")
@pytest.mark.parametrize("manifest", [False, True], ids=["plain", "manifest"])
def test_collectstatic_clears_the_store(
    make_storage: MakeStorage, settings: Any, tmp_path: Path, monkeypatch: Any, manifest: bool
) -> None:
    kept: Any = make_storage()
    made = type(kept)
    if manifest:
        made = type("Static", (static.ManifestFilesMixin, made), {})
    storage = made(**kept._constructor_args[1])
    sources = tmp_path / "sources"
    for name in ("a.css", "gone.css", "vendor/jquery-3.7/jquery.js", "vendor/deep/er/x.txt"):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text(f"/* {name} */")
    settings.STATIC_URL, settings.STATICFILES_DIRS = "/static/", [sources]
    settings.INSTALLED_APPS = ["django.contrib.staticfiles"]
    monkeypatch.setitem(storages._storages, "staticfiles", storage)
    monkeypatch.setattr(static.staticfiles_storage, "_wrapped", storage)
    call_command("collectstatic", interactive=False, verbosity=0)
    (sources / "gone.css").unlink()
    (sources / "vendor/jquery-3.7/jquery.js").rename(sources / "vendor/jquery-3.7/other.js")
    os.utime(sources / "a.css", (2e9, 2e9))

    call_command("collectstatic", interactive=False, verbosity=0, clear=True)

    left = {*storage.listdir("")[1], *storage.listdir("vendor/jquery-3.7")[1], *storage.listdir("vendor/deep/er")[1]}
    assert {"a.css", "other.js", "x.txt"} <= left
    assert not [name for name in left if name.startswith(("gone", "jquery"))]
