"""Reading costs what is read: few requests, whole and right bytes, never a mixture of two files."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from PIL import Image

from holdall.errors import ObjectChanged
from holdall.s3.connection import Connection
from tests.contract import only
from tests.providers import Provider

SIZE = 12 * 1024 * 1024 + 345
PHOTOGRAPH = Path(__file__).resolve().parents[2] / "demo" / "photographs" / "sunset.jpg"


@pytest.fixture(scope="module")
def noise() -> bytes:
    return random.Random(1).randbytes(SIZE)


@pytest.fixture
def name(storage: Storage, noise: bytes) -> str:
    return storage.save("noise.bin", ContentFile(noise))


class Requests(list[str]):
    """The ranges of the GET requests that were sent, and how many bytes they brought."""

    received_bytes = 0


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    seen = Requests()
    send = Connection._send

    def note(self: Connection, operation: str, parameters: dict[str, Any], client: Any) -> Any:
        answer = send(self, operation, parameters, client)
        seen.append(parameters.get("Range", operation))
        if operation == "get_object":
            seen.received_bytes += answer["ContentLength"]
        return answer

    monkeypatch.setattr(Connection, "_send", note)
    return seen


def test_file_is_read_at_random_as_if_it_lay_here(storage: Storage, name: str, noise: bytes) -> None:
    dice = random.Random(2)
    here = io.BytesIO(noise)
    with storage.open(name) as file:
        for _ in range(60):
            whence = dice.choice([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
            offset = (
                dice.randrange(SIZE + 10) if whence == io.SEEK_SET else -dice.randrange(min(here.tell() + 1, 99_999))
            )
            assert file.seek(offset, whence) == here.seek(offset, whence)
            length = dice.choice([0, 1, 100, 70_000, 600_000])
            assert file.read(length) == here.read(length)
            assert file.tell() == here.tell()


def test_file_is_read_whole_in_chunks_and_at_once(
    storage: Storage, name: str, noise: bytes, requests: Requests
) -> None:
    with storage.open(name) as file:
        assert b"".join(file.chunks()) == noise
    assert len(requests) <= 6
    requests.clear()

    assert storage.open(name).read() == noise
    assert len(requests) == 2


def test_small_file_takes_one_request(storage: Storage, requests: Requests) -> None:
    name = storage.save("small.txt", ContentFile(b"small"))
    requests.clear()

    with storage.open(name) as file:
        assert (file.size, file.read(), file.read()) == (5, b"small", b"")
        file.seek(0)
        assert list(file.chunks()) == [b"small"]

    assert requests == ["bytes=0-65535"]


def test_empty_file_is_read(storage: Storage) -> None:
    name = storage.save("empty.txt", ContentFile(b""))

    with storage.open(name) as file:
        assert (file.size, file.read(), list(file.chunks())) == (0, b"", [])


def test_dimensions_of_a_large_photograph_take_its_header_alone(storage: Storage, requests: Requests) -> None:
    exif = b"Exif\x00\x00" + b"x" * 60_000
    photograph = io.BytesIO()
    with Image.open(PHOTOGRAPH) as picture:
        picture.resize((6000, 4000)).save(photograph, "JPEG", quality=100, exif=exif)
    name = storage.save("large.jpg", ContentFile(photograph.getvalue() + b"\x00" * 10_000_000))
    requests.clear()
    requests.received_bytes = 0

    with storage.open(name) as file, Image.open(file) as picture:
        assert picture.size == (6000, 4000)

    assert len(requests) <= 2
    assert requests.received_bytes <= 256 * 1024


def test_lines_of_a_text_are_read(storage: Storage) -> None:
    name = storage.save("lines.txt", ContentFile("één\ntwo\r\nthree"))

    with storage.open(name, "r") as file:
        assert list(file) == ["één\n", "two\n", "three"]
    with storage.open(name) as file:
        assert [file.readline(), file.readline(), file.readline(), file.readline()] == [
            "één\n".encode(),
            b"two\r\n",
            b"three",
            b"",
        ]
        buffer = bytearray(4)
        file.seek(-5, io.SEEK_END)
        assert (file.readinto(buffer), bytes(buffer)) == (4, b"thre")


def test_file_is_not_read_after_it_was_closed_but_can_be_opened_again(storage: Storage) -> None:
    name = storage.save("again.txt", ContentFile(b"again"))
    file = storage.open(name)
    file.close()

    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        file.read()
    with file.open() as reopened:
        assert reopened.read() == b"again"


@pytest.mark.parametrize("read_before", [1, 300_000, 4_000_000], ids=["block", "blocks", "stream"])
def test_file_that_is_replaced_while_it_is_read_is_an_error_and_never_a_mixture(
    storage: Any, provider: Provider, bucket: str, location: str, name: str, noise: bytes, read_before: int
) -> None:
    with storage.open(name) as file:
        assert file.read(read_before) == noise[:read_before]
        provider.write(bucket, f"{location}/{name}", b"other" * 3_000_000)

        file.seek(10_000_000)
        with pytest.raises(ObjectChanged, match=r"noise\.bin"):
            file.read(1000)


@only("seaweedfs-http")
def test_file_says_what_mode_and_place_it_can_not_have(storage: Storage) -> None:
    name = storage.save("modes.txt", ContentFile(b"modes"))

    for mode in ("", "rw", "b", "wbb", "r++", "rtb", "U"):
        with pytest.raises(ValueError, match="cannot be opened with mode"):
            storage.open(name, mode)
    with storage.open(name) as file, pytest.raises(ValueError, match="before the beginning"):
        file.seek(-1)
