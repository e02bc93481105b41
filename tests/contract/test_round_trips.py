"""What is read back is byte for byte what was saved, whatever it came from and whatever it is called."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import random
import re
import time
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile

from holdall.errors import InvalidName
from tests.providers import Keys, Provider
from tests.servers.processes import free_port
from tests.stores import build_storage

MIB = 1024 * 1024
TEXT = "héllo wörld 日本語 😀\nsecond line\n"


def noise(size: int) -> bytes:
    """Make bytes that compress, repeat and decode badly, the same for the same size."""
    return random.Random(size).randbytes(size)


def read(storage: Storage, name: str) -> bytes:
    with storage.open(name) as file:
        return file.read()


class Unseekable(io.RawIOBase):
    """A stream that can be read once, as from a socket."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._rest.readinto(buffer)


class Generated:
    """The least that a reader can be: `read`, fed by a generator, giving less than was asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        if size is None or size < 0:
            return b"".join(self._pieces)
        return next(self._pieces, b"")


def pieces_of(content: bytes, size: int = 10_007) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def as_in_memory_upload(content: bytes, folder: Path) -> File:
    return InMemoryUploadedFile(io.BytesIO(content), "file", "up.bin", "image/png", len(content), None)


def as_temporary_upload(content: bytes, folder: Path) -> File:
    upload = TemporaryUploadedFile("up.bin", "image/png", len(content), None)
    upload.write(content)
    upload.seek(0)
    return upload


def as_file_on_disk(content: bytes, folder: Path) -> File:
    path = folder / "source.bin"
    path.write_bytes(content)
    return File(path.open("rb"))


def as_content_file(content: bytes, folder: Path) -> File:
    return ContentFile(content)


def as_bytes_io(content: bytes, folder: Path) -> io.BytesIO:
    return io.BytesIO(content)


SEEKABLE = [as_content_file, as_in_memory_upload, as_temporary_upload, as_file_on_disk, as_bytes_io]
by_name = pytest.mark.parametrize("make", SEEKABLE, ids=lambda make: make.__name__)


@pytest.mark.parametrize(
    "size",
    [0, 1, 100_000, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 40 * MIB],
    ids=["0", "1", "100000", "8MiB-1", "8MiB", "8MiB+1", "40MiB"],
)
def test_content_of_any_size_comes_back(
    storage: Storage, provider: Provider, bucket: str, location: str, size: int
) -> None:
    content = noise(size)
    name = storage.save("sized.bin", ContentFile(content))

    assert name == "sized.bin"
    assert storage.size(name) == size
    # Not assert a == b: its explanation of 40 MiB of difference would never end.
    is_same_inside, is_same_outside = (
        read(storage, name) == content,
        provider.read(bucket, f"{location}/{name}") == content,
    )
    assert is_same_inside
    assert is_same_outside
    assert provider.unfinished_uploads(bucket, location) == []


@by_name
@pytest.mark.parametrize("size", [0, 70_000])
def test_any_kind_of_file_comes_back(storage: Storage, tmp_path: Path, make: Callable[..., Any], size: int) -> None:
    content = noise(size)
    file = make(content, tmp_path)
    try:
        assert read(storage, storage.save("kind.bin", file)) == content
    finally:
        file.close()


@by_name
def test_file_in_the_middle_is_saved_whole(storage: Storage, tmp_path: Path, make: Callable[..., Any]) -> None:
    content = noise(5_000)
    file = make(content, tmp_path)
    try:
        file.seek(1_234)
        assert read(storage, storage.save("whole.bin", file)) == content
    finally:
        file.close()


@by_name
@pytest.mark.parametrize("size", [5_000, 9 * MIB], ids=["5000", "9MiB"])
def test_caller_keeps_an_open_file(storage: Storage, tmp_path: Path, make: Callable[..., Any], size: int) -> None:
    content = noise(size)
    file = make(content, tmp_path)
    try:
        storage.save("kept.bin", file)
        assert not file.closed
        file.seek(0)
        is_same = file.read() == content
        assert is_same
    finally:
        file.close()


@pytest.mark.parametrize("make", [ContentFile, io.StringIO])
def test_text_is_saved_as_utf_8(storage: Storage, make: Callable[[str], Any]) -> None:
    name = storage.save("text.txt", make(TEXT))

    assert read(storage, name) == TEXT.encode()
    assert storage.size(name) == len(TEXT.encode())


def test_long_text_is_saved_as_utf_8(storage: Storage) -> None:
    text = "日本語" * MIB
    is_same = read(storage, storage.save("text.txt", ContentFile(text))) == text.encode()
    assert is_same


# One byte more is all that is remembered of a stream; from there on it cannot be read again.
@pytest.mark.parametrize("size", [0, 70_000, 8 * MIB + 1, 9 * MIB], ids=["0", "70000", "8MiB+1", "9MiB"])
def test_stream_that_can_not_seek_comes_back(storage: Storage, size: int) -> None:
    content = noise(size)
    name = storage.save("stream.bin", File(io.BufferedReader(Unseekable(content))))
    is_same = read(storage, name) == content
    assert is_same


# One byte more is all that is remembered of a stream; from there on it cannot be read again.
@pytest.mark.parametrize("size", [0, 70_000, 8 * MIB + 1, 9 * MIB], ids=["0", "70000", "8MiB+1", "9MiB"])
def test_generated_stream_comes_back(storage: Storage, size: int) -> None:
    content = noise(size)
    name = storage.save("generated.bin", File(Generated(pieces_of(content))))
    is_same = read(storage, name) == content
    assert is_same


def test_text_mode_reads_text(storage: Storage) -> None:
    name = storage.save("text.txt", ContentFile(TEXT.encode()))

    with storage.open(name, "r") as file:
        assert file.read() == TEXT


@pytest.mark.parametrize("name", ["backup.tar.gz", "table.csv.gz", "drawing.svgz"])
def test_compressed_file_comes_back_compressed(
    storage: Storage, provider: Provider, bucket: str, location: str, name: str
) -> None:
    content = gzip.compress(b"1,2,3\n" * 500)
    saved = storage.save(name, ContentFile(content))

    assert read(storage, saved) == content
    # With an encoding stored, browsers unpack the download and `backup.tar.gz` is a bare tar.
    assert "ContentEncoding" not in provider.head(bucket, f"{location}/{saved}")
    answer = provider.fetch(storage.url(saved))
    assert answer.body == content
    assert "content-encoding" not in answer.headers


NAMES = {
    "space": "folder name/my file.txt",
    "edges": " leading and trailing .txt ",
    "plus": "a+b/1+1=2.txt",
    "percent": "100%/50% off.txt",
    "percent-escape": "a%2Fb%20c%00.txt",
    "hash": "c#/issue #1.txt",
    "question": "what?/why?.txt",
    "ampersand": "salt&pepper;x=1,y:2@3$4!.txt",
    "quotes": 'it\'s "quoted" `here`.txt',
    "brackets": "a[1]{2}(3)<4>^|~*.txt",
    "nfc": unicodedata.normalize("NFC", "café/Ångström.txt"),
    "nfd": unicodedata.normalize("NFD", "café/Ångström.txt"),
    "emoji": "🎒/👩‍👩‍👧.txt",
    "cjk": "写真/東京タワー.txt",
    "right-to-left": "صور/תמונה.txt",
    "dots": "...a..b../.hidden...txt",
    "segment-of-255-bytes": "é" * 125 + "x.txt",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_any_name_is_kept_and_its_link_works(
    storage: Storage, provider: Provider, bucket: str, location: str, name: str
) -> None:
    content = name.encode()

    assert storage.save(name, ContentFile(content)) == name
    assert provider.keys_in(bucket, location) == [f"{location}/{name}"]
    assert storage.exists(name)
    assert read(storage, name) == content
    answer = provider.fetch(storage.url(name))
    assert (answer.status, answer.body) == (200, content)
    storage.delete(name)
    assert provider.keys_in(bucket, location) == []


def name_for_key_of(length_bytes: int, location: str) -> str:
    """Make a name whose key has so many bytes, in segments that SeaweedFS takes too (255 bytes)."""
    missing = length_bytes - len(location) - 1
    segments = []
    while missing > 200:
        segments.append("d" * 99)
        missing -= 100
    return "/".join([*segments, "f" * missing])


def test_key_of_1024_bytes_is_kept_and_its_link_works(
    storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    name = name_for_key_of(1024, location)

    assert storage.save(name, ContentFile(b"long")) == name
    assert [len(key) for key in provider.keys_in(bucket, location)] == [1024]
    assert provider.fetch(storage.url(name)).body == b"long"


@pytest.mark.parametrize("letter", ["f", "é"])
def test_key_of_more_bytes_is_refused_before_any_request(letter: str) -> None:
    nobody = Keys.invent()
    provider = Provider("nobody", "s3", f"http://127.0.0.1:{free_port()}", nobody, nobody, nobody, nobody)
    storage = build_storage(provider.environ("holdall-nothing", location="test"))
    name = name_for_key_of(1024, "test") + letter

    with pytest.raises(InvalidName, match="1,024"):
        storage.save(name, ContentFile(b""))
    with pytest.raises(InvalidName, match="1,024"):
        storage.open(name)
    with pytest.raises(InvalidName, match="1,024"):
        storage.exists(name)


def test_link_without_its_signature_is_refused(storage: Storage, provider: Provider) -> None:
    url = storage.url(storage.save("private.txt", ContentFile(b"private")))

    assert provider.fetch(url).status == 200
    assert provider.fetch(url.partition("?")[0]).status == 403


def test_link_with_another_signature_is_refused(storage: Storage, provider: Provider) -> None:
    url = storage.url(storage.save("private.txt", ContentFile(b"private")))
    signature = re.search(r"X-Amz-Signature=([0-9a-f]{64})", url)
    assert signature is not None
    forged = signature[1][:-1] + ("0" if signature[1][-1] != "0" else "1")

    assert provider.fetch(url.replace(signature[1], forged)).status == 403


def test_link_of_one_file_does_not_open_another(storage: Storage, provider: Provider) -> None:
    mine = storage.url(storage.save("mine.txt", ContentFile(b"mine")))
    storage.save("your.txt", ContentFile(b"your"))

    assert provider.fetch(mine.replace("mine.txt", "your.txt")).status == 403


def test_link_ends_in_time(storage: Storage, provider: Provider) -> None:
    name = storage.save("private.txt", ContentFile(b"private"))
    url = storage.url(name, expire=2)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    signed = dt.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    end = signed.timestamp() + int(query["X-Amz-Expires"])

    assert provider.fetch(url).status == 200
    assert 0 < end - time.time() < 10
    time.sleep(end - time.time() + 1.5)
    assert provider.fetch(url).status == 403
