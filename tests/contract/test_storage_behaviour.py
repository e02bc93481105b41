"""A storage on S3 behaves as Django's own, so that projects and packages need not know the difference."""

from __future__ import annotations

import datetime as dt
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.utils import timezone

from tests.contract import only
from tests.providers import Provider
from tests.servers.cutting_proxy import CuttingProxy

MIB = 1024 * 1024


def read(storage: Storage, name: str) -> bytes:
    with storage.open(name) as file:
        return file.read()


def test_exists_follows_the_file(storage: Storage) -> None:
    assert not storage.exists("a.txt")
    storage.save("a.txt", ContentFile(b"a"))
    assert storage.exists("a.txt")
    storage.delete("a.txt")
    assert not storage.exists("a.txt")


def test_size_counts_bytes(storage: Storage) -> None:
    assert storage.size(storage.save("a.txt", ContentFile("é"))) == 2


def test_modified_time_is_aware_with_use_tz(storage: Storage, settings: Any) -> None:
    settings.USE_TZ, settings.TIME_ZONE = True, "Asia/Kathmandu"
    name = storage.save("a.txt", ContentFile(b"a"))

    found = storage.get_modified_time(name)
    assert timezone.is_aware(found)
    assert abs(timezone.now() - found) < dt.timedelta(seconds=30)


def test_modified_time_is_local_without_use_tz(storage: Storage, settings: Any) -> None:
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Kathmandu"
    name = storage.save("a.txt", ContentFile(b"a"))

    found = storage.get_modified_time(name)
    assert timezone.is_naive(found)
    here = dt.datetime.now(timezone.get_default_timezone()).replace(tzinfo=None)
    assert abs(here - found) < dt.timedelta(seconds=30)


def test_listdir_tells_folders_from_files(storage: Storage) -> None:
    for name in ("top.txt", "folder/one.txt", "folder/two.txt", "folder/deeper/three.txt", "folder-2/x.txt"):
        storage.save(name, ContentFile(b"x"))

    folders, files = storage.listdir("")
    assert (sorted(folders), files) == (["folder", "folder-2"], ["top.txt"])
    for path in ("folder", "folder/"):
        folders, files = storage.listdir(path)
        assert (folders, sorted(files)) == (["deeper"], ["one.txt", "two.txt"])


def test_listdir_of_nothing_is_empty(storage: Storage) -> None:
    assert storage.listdir("") == ([], [])
    assert storage.listdir("nothing/here") == ([], [])


def test_listdir_leaves_the_folder_itself_out(storage: Storage, provider: Provider, bucket: str, location: str) -> None:
    # Consoles and other tools mark a folder by an empty object with its name.
    provider.write(bucket, f"{location}/folder/")
    provider.write(bucket, f"{location}/folder/file.txt", b"x")

    assert storage.listdir("folder") == ([], ["file.txt"])
    assert storage.listdir("") == (["folder"], [])


def test_listdir_gives_names_as_they_were_saved(storage: Storage) -> None:
    names = [
        "a b.txt", "a+b.txt", "100%.txt", "a%20b.txt", "é.txt", unicodedata.normalize("NFD", "é.txt"), "日本.txt", "🎒.txt",
        "q?.txt", "h#.txt", "amp&.txt",
    ]  # fmt: skip
    for name in names:
        storage.save(f"odd +%é/{name}", ContentFile(b"x"))

    assert storage.listdir("") == (["odd +%é"], [])
    assert sorted(storage.listdir("odd +%é")[1]) == sorted(names)


def test_listdir_gives_more_than_a_page_once(storage: Storage, provider: Provider, bucket: str, location: str) -> None:
    files = [f"{number:04}.txt" for number in range(1_003)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: provider.write(bucket, f"{location}/many/{name}"), files))

    assert storage.listdir("many")[1] == files


def test_delete_of_a_missing_file_is_fine(storage: Storage) -> None:
    storage.delete("missing.txt")


def test_delete_without_a_name_is_an_error(storage: Storage) -> None:
    storage.save("a.txt", ContentFile(b"a"))
    with pytest.raises(ValueError, match="name"):
        storage.delete("")
    assert storage.exists("a.txt")


def test_url_without_a_name_does_not_crash(storage: Storage, public_storage: Storage) -> None:
    assert storage.url("").startswith("http")
    assert public_storage.url("").startswith("https://media.example.com/")


@pytest.mark.parametrize("name", ["../escape.txt", "a/../../escape.txt", "/etc/escape.txt", "..", "..\\escape.txt"])
def test_name_that_leads_out_is_refused(storage: Storage, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b"x"))
    for ask in (storage.open, storage.exists, storage.size, storage.delete, storage.url):
        with pytest.raises(SuspiciousFileOperation):
            ask(name)


def test_missing_file_is_not_found_everywhere(storage: Storage) -> None:
    for ask in (storage.size, storage.get_modified_time):
        with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
            ask("missing.txt")
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        read(storage, "missing.txt")
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        storage.open("missing.txt")


def test_taken_name_becomes_another_and_both_are_kept(storage: Storage) -> None:
    first = storage.save("a/same.txt", ContentFile(b"first"))
    second = storage.save("a/same.txt", ContentFile(b"second"))

    assert first == "a/same.txt"
    assert second != first
    assert second.startswith("a/same")
    assert second.endswith(".txt")
    assert (read(storage, first), read(storage, second)) == (b"first", b"second")


def test_max_length_is_kept_for_a_free_name(storage: Storage) -> None:
    name = storage.save("folder/" + "x" * 80 + ".txt", ContentFile(b"x"), max_length=40)
    assert len(name) <= 40
    assert name.startswith("folder/x")
    assert name.endswith(".txt")


def test_max_length_is_kept_for_a_taken_name(storage: Storage) -> None:
    names = {storage.save("f/" + "x" * 10 + ".txt", ContentFile(b"x"), max_length=16) for _ in range(4)}
    assert len(names) == 4
    assert max(map(len, names)) <= 16


def test_max_length_that_leaves_nothing_is_refused(storage: Storage) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save("a-long-folder/name.txt", ContentFile(b"x"), max_length=10)


@pytest.mark.parametrize("size", [0, 5, 12 * MIB], ids=["0", "5", "12MiB"])
def test_written_file_holds_all_that_was_written(storage: Storage, size: int) -> None:
    piece = bytes(range(256)) * 256
    content = (piece * (size // len(piece) + 1))[:size]
    with storage.open("written.bin", "wb") as file:
        for start in range(0, size, 100_003):
            file.write(content[start : start + 100_003])

    is_same = read(storage, "written.bin") == content
    assert is_same


def test_written_file_appears_on_close(storage: Storage) -> None:
    file = storage.open("written.bin", "wb")
    file.write(b"x")
    file.close()
    file.close()

    assert read(storage, "written.bin") == b"x"


def test_written_text_is_utf_8(storage: Storage) -> None:
    with storage.open("written.txt", "w") as file:
        file.write("héllo日本")

    assert read(storage, "written.txt") == "héllo日本".encode()


@pytest.mark.parametrize("size", [5, 12 * MIB], ids=["5", "12MiB"])
def test_write_that_fails_leaves_nothing(
    storage: Storage, provider: Provider, bucket: str, location: str, size: int
) -> None:
    def fail_within() -> None:
        with storage.open("written.bin", "wb") as file:
            file.write(b"x" * size)
            raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        fail_within()

    assert provider.keys_in(bucket, location) == []
    assert provider.unfinished_uploads(bucket, location) == []


@pytest.mark.parametrize("size", [5, 12 * MIB], ids=["5", "12MiB"])
def test_write_to_a_taken_name_is_refused_and_keeps_the_old(
    storage: Storage, provider: Provider, bucket: str, location: str, size: int
) -> None:
    storage.save("taken.bin", ContentFile(b"old"))

    def write() -> None:
        with storage.open("taken.bin", "xb") as file:
            file.write(b"n" * size)

    with pytest.raises(FileExistsError, match=r"taken\.bin"):
        write()

    assert read(storage, "taken.bin") == b"old"
    assert provider.keys_in(bucket, location) == [f"{location}/taken.bin"]
    assert provider.unfinished_uploads(bucket, location) == []


# The proxy that counts reads plain HTTP alone.
@only("seaweedfs-http", "ministack", "ceph-http")
def test_large_write_is_streamed(make_storage: Any, provider: Provider) -> None:
    with CuttingProxy(provider.endpoint_url) as proxy:
        storage = make_storage(AWS_S3_ENDPOINT_URL=proxy.url)
        with storage.open("streamed.bin", "wb") as file:
            for _ in range(100):
                file.write(bytes(MIB))
            deadline = time.monotonic() + 10
            while proxy.body_bytes == 0 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert proxy.body_bytes > 0, "nothing left for the store until the file was closed"
        assert storage.size("streamed.bin") == 100 * MIB
