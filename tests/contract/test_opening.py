"""A file is opened in every mode as on a disk: Django's own storage in a folder is the oracle."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.db import models
from PIL import Image

from holdall.errors import NameTaken, WriteRefused
from holdall.storage import draft
from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider

MIB = 1024 * 1024
MODES = [kind + more for kind in "rwxa" for more in ("", "t", "b", "+", "+b", "b+", "+t")]


@pytest.fixture
def disk(tmp_path: Path) -> Storage:
    return FileSystemStorage(tmp_path)


def read(storage: Storage, name: str) -> bytes:
    with storage.open(name) as file:
        return bytes(file.read())


def outcome(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    except OSError as error:
        return next(
            kind for kind in (FileNotFoundError, FileExistsError, io.UnsupportedOperation) if isinstance(error, kind)
        )


def write_and_look(storage: Storage, name: str, mode: str) -> list[Any]:
    """Write, go back, read and cut, as far as the mode allows."""
    text = "b" not in mode
    told: list[Any] = []
    with storage.open(name, mode) as file:
        if "r" not in mode or "+" in mode:
            told.append(file.write("héllo\n" if text else b"hello\n"))
            file.seek(0)
            told.append(file.tell())
            file.write("J" if text else b"J")
        if "+" in mode or "r" in mode:
            file.seek(0)
            told += [file.read(3), file.read(), file.read()]
            file.seek(0)
            told.append(file.readline())
        if "+" in mode:
            file.seek(2)
            told.append(file.truncate())
            file.seek(0, 2)
            told.append(file.tell())
    return told


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("is_there", [True, False], ids=["there", "missing"])
def test_every_mode_does_as_on_a_disk(storage: Storage, disk: Storage, mode: str, is_there: bool) -> None:
    for one in (storage, disk):
        if is_there:
            one.save("a.txt", ContentFile(b"what was there before"))

    assert outcome(lambda: write_and_look(storage, "a.txt", mode)) == outcome(
        lambda: write_and_look(disk, "a.txt", mode)
    )
    assert storage.exists("a.txt") == disk.exists("a.txt")
    if disk.exists("a.txt"):
        assert read(storage, "a.txt") == read(disk, "a.txt")


def test_seek_and_truncate_beyond_the_end_leave_zeros_as_on_a_disk(storage: Storage, disk: Storage) -> None:
    for one in (storage, disk):
        with one.open("a.bin", "w+b") as file:
            file.write(b"ab")
            file.seek(5)
            file.write(b"c")
            file.truncate(9)
            file.seek(-1, io.SEEK_CUR)
            file.write(bytearray(b"d"))
            file.writelines([b"e", memoryview(b"f")])
    assert read(storage, "a.bin") == read(disk, "a.bin") == b"ab\0\0\0def\0"


@pytest.mark.parametrize("size", [0, 3, 12 * MIB], ids=["empty", "small", "in parts"])
def test_file_that_exists_is_replaced_when_it_is_closed(
    storage: Storage, provider: Provider, bucket: str, location: str, size: int
) -> None:
    storage.save("a.bin", ContentFile(b"old"))

    with storage.open("a.bin", "wb") as file:
        file.write(b"n" * size)
        assert read(storage, "a.bin") == b"old"

    is_same = read(storage, "a.bin") == b"n" * size
    assert is_same
    assert provider.keys_in(bucket, location) == [f"{location}/a.bin"]
    assert provider.unfinished_uploads(bucket, location) == []


@pytest.mark.parametrize("mode", ["wb", "w+b", "r+b", "ab"])
@pytest.mark.parametrize("size", [3, 70 * MIB], ids=["small", "sent already"])
@only("seaweedfs-http")
def test_exception_leaves_what_was_there(
    storage: Storage, provider: Provider, bucket: str, location: str, mode: str, size: int
) -> None:
    storage.save("a.bin", ContentFile(b"old"))

    def breaks_off() -> None:
        with storage.open("a.bin", mode) as file:
            file.write(bytes(size))
            raise ZeroDivisionError

    is_refused = size > draft.HELD_BYTES and mode != "wb"
    with pytest.raises(io.UnsupportedOperation if is_refused else ZeroDivisionError):
        breaks_off()

    assert read(storage, "a.bin") == b"old"
    assert provider.unfinished_uploads(bucket, location) == []


@only("seaweedfs-http")
@pytest.mark.parametrize("mode", ["w", "wb", "w+", "w+b", "r+", "ab"])
def test_forgotten_file_leaves_what_was_there(storage: Storage, mode: str) -> None:
    storage.save("a.txt", ContentFile(b"old"))
    file: Any = storage.open("a.txt", mode)
    file.write("new" if "b" not in mode else b"new")
    del file

    assert read(storage, "a.txt") == b"old"


@only("seaweedfs-http")
@pytest.mark.parametrize("options", [{}, {"file_overwrite": True}], ids=["default", "overwriting"])
def test_exclusive_mode_never_replaces(make_storage: MakeStorage, options: dict[str, Any]) -> None:
    storage = make_storage(options=options)
    first, second = storage.open("a.bin", "xb"), storage.open("a.bin", "xb")
    first.write(b"first")
    second.write(b"second")
    first.close()

    with pytest.raises(NameTaken, match=r"a\.bin"):
        second.close()
    assert read(storage, "a.bin") == b"first"


# -- what holds on to positions


@only("seaweedfs-http")
@pytest.mark.parametrize("kind", ["TIFF", "PDF", "ICO", "PNG", "JPEG", "GIF", "WEBP", "BMP", "ICNS", "PPM"])
def test_pillow_saves_into_it(storage: Storage, disk: Storage, kind: str) -> None:
    picture = Image.new("RGB", (300, 300), "red")
    for one in (storage, disk):
        with one.open("a.bin", "wb") as file:
            picture.save(file, format=kind)
    if kind != "PDF":  # which knows when it was made
        assert read(storage, "a.bin") == read(disk, "a.bin")
    assert read(storage, "a.bin")[:5] == read(disk, "a.bin")[:5]


@only("seaweedfs-http")
def test_pillow_saves_many_pages_and_large_pictures(storage: Storage) -> None:
    page = Image.new("RGB", (2000, 2000), "red")
    with storage.open("pages.tiff", "w+b") as file:
        page.save(file, format="TIFF", save_all=True, append_images=[page])
    with storage.open("large.tiff", "wb") as file:
        Image.new("RGB", (5000, 5000), "blue").save(file, format="TIFF")
    with storage.open("pages.tiff") as file, Image.open(file) as found:
        assert (found.n_frames, found.size) == (2, (2000, 2000))
    with storage.open("large.tiff") as file, Image.open(file) as found:
        assert found.getpixel((4999, 4999)) == (0, 0, 255)


@only("seaweedfs-http")
def test_archives_of_any_length_are_written(storage: Storage) -> None:
    """A zip goes back to each member's beginning, which is not sent yet."""
    noise = os.urandom(9 * MIB)
    with storage.open("a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for number in range(12):
            archive.writestr(f"{number}.bin", noise)
    with storage.open("a.tgz", "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    with storage.open("a.wav", "wb") as file, wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(20 * MIB))

    assert storage.size("a.zip") > 12 * 9 * MIB
    with storage.open("a.zip") as file, zipfile.ZipFile(file) as archive:
        is_same = archive.read("11.bin") == archive.read("0.bin") == noise
        assert is_same
    with storage.open("a.wav") as file, wave.open(file) as sound:
        assert sound.getnframes() == 10 * MIB


@only("seaweedfs-http")
def test_short_file_is_looked_at_from_behind_as_on_a_disk(storage: Storage) -> None:
    storage.save("a.txt", ContentFile(b"no archive"))
    with storage.open("a.txt") as file:
        assert not zipfile.is_zipfile(file)
    with storage.open("a.zip", "w+b") as file, zipfile.ZipFile(file, "a") as archive:
        archive.writestr("a.txt", "content")
    with storage.open("a.zip") as file:
        assert zipfile.is_zipfile(file)


@only("seaweedfs-http")
def test_what_was_sent_cannot_be_changed_and_the_error_says_so(storage: Storage) -> None:
    with storage.open("a.bin", "wb") as file:
        file.write(bytes(80 * MIB))
        with pytest.raises(io.UnsupportedOperation, match=r"(?s)a\.bin.*cannot go back to byte 0"):
            file.seek(0)
        file.write(b"end")
    assert storage.size("a.bin") == 80 * MIB + 3


@only("seaweedfs-http")
@pytest.mark.parametrize("mode", ["w+b", "x+b", "ab"])
def test_longer_file_than_memory_holds_is_refused_clearly(
    storage: Storage, provider: Provider, bucket: str, location: str, mode: str
) -> None:
    file = storage.open("a.bin", mode)
    with pytest.raises(io.UnsupportedOperation, match=r"(?s)a\.bin.*67,108,864 bytes.*Nothing was saved.*wb"):
        file.write(bytes(draft.HELD_BYTES + 1))
    assert file.closed
    with storage.open("far.bin", "wb") as file:
        file.seek(10**12)
        with pytest.raises(io.UnsupportedOperation, match="Nothing was saved"):
            file.write(b"x")
    assert provider.keys_in(bucket, location) == []


@only("seaweedfs-http")
def test_longer_file_than_memory_holds_is_not_opened_for_changes(storage: Storage) -> None:
    storage.save("a.bin", ContentFile(bytes(draft.HELD_BYTES + 1)))
    with pytest.raises(io.UnsupportedOperation, match="the most that can be changed in its place"):
        storage.open("a.bin", "r+b")


@only("seaweedfs-http")
def test_descriptor_is_refused_in_words(storage: Storage) -> None:
    storage.save("a.txt", ContentFile(b"text"))
    for mode in ("rb", "r"):
        with storage.open("a.txt", mode) as file, pytest.raises(io.UnsupportedOperation, match="copy it to the disk"):
            file.fileno()
    with storage.open("a.txt", "wb") as file, pytest.raises(io.UnsupportedOperation, match="no file descriptor"):
        file.fileno()


@only("seaweedfs-http")
def test_writer_stores_nothing_from_another_process(storage: Storage) -> None:
    """A child that closes, or drops, what its parent is writing."""
    file = storage.open("a.bin", "wb")
    file.write(b"the parent's")
    if (child := os.fork()) == 0:
        try:
            file.close()
        except WriteRefused:
            os._exit(0)
        os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not storage.exists("a.bin")
    file.close()
    assert read(storage, "a.bin") == b"the parent's"


# -- a model's field


class Note(models.Model):
    text = models.FileField()

    class Meta:
        app_label = "contenttypes"

    def __str__(self) -> str:
        return str(self.text)


def note_in(storage: Storage, content: bytes) -> Any:
    note = Note()
    field = Note._meta.get_field("text")
    note.text = field.attr_class(note, field, storage.save("note.txt", ContentFile(content)))
    note.text.storage = storage
    return note


@only("seaweedfs-http")
def test_field_is_read_and_written_and_read(storage: Storage) -> None:
    note = note_in(storage, b"one")
    for content in (b"two", b"three"):
        with note.text.open("rb") as file:
            file.read()
        with note.text.open("wb") as file:
            file.write(content)
        with note.text.open("r") as file:
            assert file.read() == content.decode()
    with note.text.open("r+b") as file:
        file.write(b"T")
    assert note.text.open().read() == b"Three"
    assert note.text.size == 5


@only("seaweedfs-http")
@pytest.mark.parametrize("mode", ["wb", "r+b", "w"])
def test_field_whose_with_ends_in_an_exception_keeps_its_file(storage: Storage, mode: str) -> None:
    note = note_in(storage, b"old")

    def breaks_off() -> None:
        with note.text.open(mode) as file:
            file.write("half" if mode == "w" else b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    with note.text.open("rb") as file:
        assert file.read() == b"old"
    with note.text.open("wb") as file:
        file.write(b"new")
    assert read(storage, note.text.name) == b"new"


@only("seaweedfs-http")
def test_written_file_says_in_which_mode_it_may_be_opened_again(storage: Storage) -> None:
    with storage.open("a.txt", "wb") as file:
        file.write(b"new")
    with pytest.raises(ValueError, match="say in which mode"):
        file.open()
    assert file.open("rb").read() == b"new"


# -- what packages of django-storages look for


def test_object_of_the_sdk_is_there_when_it_is_asked_for(storage: Storage, location: str) -> None:
    name = storage.save("a.pdf", ContentFile(b"%PDF"))
    with storage.open(name) as file:
        assert file.obj.key == f"{location}/a.pdf"
        assert (file.obj.content_type, file.obj.content_length) == ("application/pdf", 4)


def test_size_of_a_packed_file_is_that_of_what_is_read(
    make_storage: MakeStorage, provider: Provider, bucket: str, location: str
) -> None:
    """A view sends this as `Content-Length`, and then what it has read."""
    storage = make_storage(options={"gzip": True})
    for size in (0, 10, 3_000_000):
        text = os.urandom(size).hex()[:size].encode()
        name = storage.save("a.css", ContentFile(text))
        assert storage.size(name) == size
        with storage.open(name) as file:
            file.read(10)
            assert file.size == size
            assert file.read() == text[10:]
    plain = storage.save("a.bin", ContentFile(gzip.compress(b"as it is")))
    assert storage.size(plain) == len(gzip.compress(b"as it is"))


@pytest.mark.parametrize("provider", ["seaweedfs-https", "ceph-https"], indirect=True, scope="session")
def test_file_that_is_encrypted_with_a_key_of_the_projects_is_asked_about(make_storage: MakeStorage) -> None:
    encrypted = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    storage = make_storage(options={"object_parameters": encrypted})
    name = storage.save("a.txt", ContentFile(b"secret"))

    assert storage.size(name) == 6
    assert storage.get_modified_time(name)
    assert storage.exists(name)
    with storage.open(name, "r+b") as file:
        file.write(b"S")
    assert read(storage, name) == b"Secret"
