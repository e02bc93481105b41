"""A storage that is told to overwrite replaces the file that has the name, whole, and by the same requests as ever."""

from __future__ import annotations

import gzip
import io
import random
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider

MIB = 1024 * 1024
PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, preferred_transfer_client="classic")
SMALL, LARGE = b"small", random.Random(7).randbytes(11 * MIB + 3)


class Stream:
    """The least that a reader can be."""

    def __init__(self, content: bytes) -> None:
        self.read = io.BytesIO(content).read


@pytest.fixture
def storage(make_storage: MakeStorage) -> Storage:
    return make_storage(options={"file_overwrite": True, "transfer_config": PARTS})


def read(storage: Storage, name: str) -> bytes:
    with storage.open(name) as file:
        return file.read()


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "in parts"])
@pytest.mark.parametrize("seekable", [True, False], ids=["seekable", "stream"])
def test_save_replaces_the_file(storage: Storage, content: bytes, seekable: bool) -> None:
    for given in (b"first" * 1000, content):
        file = ContentFile(given) if seekable else File(Stream(given), "a.bin")
        assert storage.save("folder/späße +%.bin", file) == "folder/späße +%.bin"

    is_same = read(storage, "folder/späße +%.bin") == content
    assert is_same
    assert storage.listdir("folder") == ([], ["späße +%.bin"])


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "in parts"])
def test_file_opened_for_writing_is_replaced_when_it_is_closed(storage: Storage, content: bytes) -> None:
    storage.save("a.bin", ContentFile(b"first"))

    with storage.open("a.bin", "wb") as file:
        for start in range(0, len(content), MIB):
            file.write(bytearray(content[start : start + MIB]))
        assert read(storage, "a.bin") == b"first"

    is_same = read(storage, "a.bin") == content
    assert is_same


@pytest.mark.parametrize("size", [3, len(LARGE)], ids=["small", "in parts"])
def test_exception_while_writing_leaves_the_file_that_was_there(
    storage: Storage, provider: Provider, bucket: str, location: str, size: int
) -> None:
    storage.save("a.bin", ContentFile(b"first"))

    def breaks_off() -> None:
        with storage.open("a.bin", "wb") as file:
            file.write(LARGE[:size])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()

    assert read(storage, "a.bin") == b"first"
    assert provider.unfinished_uploads(bucket, location) == []


def test_file_can_be_saved_over_itself(storage: Storage) -> None:
    storage.save("a.txt", ContentFile(b"the same"))

    with storage.open("a.txt") as file:
        assert storage.save("a.txt", file) == "a.txt"

    assert read(storage, "a.txt") == b"the same"


# What is sent is the same everywhere.
@only("seaweedfs-http")
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "in parts"])
@pytest.mark.parametrize("stream", [False, True], ids=["saved", "written"])
def test_options_are_stored_with_the_file(
    make_storage: MakeStorage, provider: Provider, bucket: str, location: str, content: bytes, stream: bool
) -> None:
    options: dict[str, Any] = {"CacheControl": "no-store", "Metadata": {"kind": "portrait"}, "ContentLanguage": "nl"}
    storage = make_storage(
        options={
            "file_overwrite": True,
            "transfer_config": PARTS,
            "object_parameters": options,
            "default_acl": "private",
        }
    )

    if stream:
        with storage.open("a.jpg", "wb") as file:
            file.write(content)
    else:
        storage.save("a.jpg", ContentFile(content))

    found = provider.head(bucket, f"{location}/a.jpg")
    assert (found["CacheControl"], found["ContentLanguage"]) == ("no-store", "nl")
    assert found["Metadata"]["kind"] == "portrait"


@only("seaweedfs-http")
def test_content_type_is_the_projects_or_that_of_the_name(
    make_storage: MakeStorage, provider: Provider, bucket: str, location: str
) -> None:
    for parameters, expected in (({}, "text/css"), ({"ContentType": "application/x-own"}, "application/x-own")):
        storage = make_storage(options={"file_overwrite": True, "object_parameters": parameters})
        claimed = ContentFile(b"body {}")
        claimed.content_type = "text/html"
        storage.save("a.css", claimed)
        assert provider.head(bucket, f"{location}/a.css")["ContentType"] == expected


@only("seaweedfs-http")
def test_gzip_packs_each_time(make_storage: MakeStorage, provider: Provider, bucket: str, location: str) -> None:
    storage = make_storage(options={"file_overwrite": True, "gzip": True})
    style = ContentFile(b"body { color: red }" * 100)

    for _ in range(2):
        storage.save("a.css", style)

    stored = provider.read(bucket, f"{location}/a.css")
    assert gzip.decompress(stored) == style.file.getvalue()
    assert provider.head(bucket, f"{location}/a.css")["ContentEncoding"] == "gzip"
    for _ in range(2):
        assert read(storage, "a.css") == style.file.getvalue()
    with storage.open("a.css") as file:
        file.seek(7)
        assert file.read(10) == b"color: red"
        # What is saved is what is read, so the store cannot make it out of what it has.
        storage.save("b.txt", file)
    assert provider.read(bucket, f"{location}/b.txt") == style.file.getvalue()
    with storage.open("a.css", "r") as file:
        assert file.read(4) == "body"
    # Without the option the file is what lies in the store.
    assert read(make_storage(), "a.css") == stored
