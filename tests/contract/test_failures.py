"""What goes wrong is said clearly, with the place, the cause and the remedy, and leaves nothing behind."""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from holdall.errors import (
    AccessRefused,
    BucketNotFound,
    CredentialsRefused,
    HoldallError,
    StoreUnreachable,
)
from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Keys, Provider
from tests.servers.cutting_proxy import CuttingProxy
from tests.servers.processes import free_port

MIB = 1024 * 1024
NAME = "folder/the-file.bin"
# The proxy reads plain HTTP; what it breaks is below TLS, so nothing is left untried.
over_plain_http = only("seaweedfs-http", "ministack", "ceph-http")


def save(storage: Storage) -> str:
    return storage.save(NAME, ContentFile(b"content"))


def read(storage: Storage) -> bytes:
    with storage.open(NAME) as file:
        return file.read()


def write(storage: Storage) -> None:
    with storage.open(NAME, "wb") as file:
        file.write(b"content")


def exists(storage: Storage) -> bool:
    return storage.exists(NAME)


def size(storage: Storage) -> int:
    return storage.size(NAME)


def modified(storage: Storage) -> Any:
    return storage.get_modified_time(NAME)


def listdir(storage: Storage) -> Any:
    return storage.listdir("folder")


def delete(storage: Storage) -> None:
    storage.delete(NAME)


USES = [save, read, write, exists, size, modified, listdir, delete]
# S3 answers 204 to the deletion of anything in a bucket that is there, 404 in one that is not.
every_use = pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)

REMEDIES = (
    "set",
    "check",
    "give",
    "grant",
    "create",
    "allow",
    "write",
    "ask",
    "correct",
    "try",
    "holdall doctor",
)


def failure(storage: Storage, use: Callable[[Storage], Any], kind: type[HoldallError]) -> HoldallError:
    with pytest.raises(kind) as caught:
        use(storage)
    return caught.value


def assert_explains(error: HoldallError, *facts: str, keys: Keys) -> None:
    text = str(error)
    for fact in facts:
        assert fact in text, f"{fact!r} is not in: {text}"
    assert any(remedy in text.lower() for remedy in REMEDIES), f"no remedy in: {text}"
    told = "".join(traceback.format_exception(error))
    for where in (text, repr(error), repr(error.args), told):
        assert keys.secret_key not in where


@every_use
def test_missing_bucket_is_said_by_every_use(
    make_storage: MakeStorage, provider: Provider, bucket: str, use: Callable[[Storage], Any]
) -> None:
    error = failure(make_storage(bucket=f"{bucket}-missing"), use, BucketNotFound)

    assert_explains(error, f"{bucket}-missing", provider.endpoint_url, "STORAGE_BUCKET_NAME", keys=provider.keys)
    assert not isinstance(error, FileNotFoundError)


@pytest.mark.parametrize("use", [save, write, delete], ids=lambda use: use.__name__)
def test_readonly_key_may_not_change_anything(
    make_storage: MakeStorage,
    storage: Storage,
    provider: Provider,
    bucket: str,
    use: Callable[[Storage], Any],
) -> None:
    if use is delete:
        save(storage)
    error = failure(make_storage(keys=provider.readonly), use, AccessRefused)

    assert not isinstance(error, CredentialsRefused)
    assert_explains(error, bucket, "the-file.bin", provider.endpoint_url, "s3:", keys=provider.readonly)


@every_use
def test_key_without_rights_may_do_nothing(
    make_storage: MakeStorage,
    storage: Storage,
    provider: Provider,
    bucket: str,
    use: Callable[[Storage], Any],
) -> None:
    save(storage)
    error = failure(make_storage(keys=provider.no_rights), use, AccessRefused)

    assert not isinstance(error, CredentialsRefused)
    assert_explains(error, bucket, "folder", provider.endpoint_url, keys=provider.no_rights)


def test_key_without_list_right_is_told_so_and_not_that_a_file_is_missing(
    make_storage: MakeStorage, provider: Provider, bucket: str
) -> None:
    storage = make_storage(keys=provider.no_list)
    if not provider.hides_missing:
        # This server tells who may read an object that it is missing; there is nothing to misread.
        assert not storage.exists(NAME)
        return
    error = failure(storage, exists, AccessRefused)
    assert_explains(error, bucket, "the-file.bin", provider.endpoint_url, "s3:ListBucket", keys=provider.no_list)


def test_key_without_list_right_can_save_and_read(make_storage: MakeStorage, provider: Provider) -> None:
    storage = make_storage(keys=provider.no_list)
    name = save(storage)

    assert read(storage) == b"content"
    assert save(storage) != name


@every_use
def test_wrong_secret_is_said_by_every_use(
    make_storage: MakeStorage, provider: Provider, bucket: str, use: Callable[[Storage], Any]
) -> None:
    keys = Keys(provider.keys.access_key, Keys.invent().secret_key)
    error = failure(make_storage(keys=keys), use, CredentialsRefused)

    assert_explains(error, bucket, "folder", provider.endpoint_url, keys=keys)


@every_use
def test_unknown_key_is_said_by_every_use(
    make_storage: MakeStorage, provider: Provider, bucket: str, use: Callable[[Storage], Any]
) -> None:
    keys = Keys.invent()
    error = failure(make_storage(keys=keys), use, CredentialsRefused)

    assert_explains(error, bucket, "folder", provider.endpoint_url, keys=keys)


# Nothing answers, so no server can make a difference: one for each scheme and mode.
@only("seaweedfs-http", "ceph-https")
@every_use
def test_unreachable_store_is_said_soon_by_every_use(
    make_storage: MakeStorage, provider: Provider, bucket: str, use: Callable[[Storage], Any], connects: list[Any]
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    error = failure(make_storage(AWS_S3_ENDPOINT_URL=nowhere), use, StoreUnreachable)

    # Once and three retries, and nothing else is asked.
    assert 1 <= len(connects) <= 4
    assert_explains(error, bucket, "folder", nowhere, keys=provider.keys)


def save_much(storage: Storage) -> None:
    storage.save(NAME, ContentFile(bytes(12 * MIB)))


def save_little(storage: Storage) -> None:
    storage.save(NAME, ContentFile(bytes(MIB)))


def save_stream(storage: Storage) -> None:
    storage.save(NAME, File(io.BufferedReader(_Unseekable(bytes(12 * MIB)))))


def write_much(storage: Storage) -> None:
    with storage.open(NAME, "xb") as file:
        for _ in range(24):
            file.write(bytes(MIB))


def write_little(storage: Storage) -> None:
    with storage.open(NAME, "xb") as file:
        file.write(bytes(MIB))


class _Unseekable(io.RawIOBase):
    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._rest.readinto(buffer)


@over_plain_http
@pytest.mark.parametrize(
    ("upload", "budget_bytes"),
    [
        (save_little, 300_000),
        (save_much, 300_000),
        (save_much, 10 * MIB),
        (save_stream, 10 * MIB),
        (write_little, 300_000),
        (write_much, 10 * MIB),
    ],
    ids=["save", "save-first-part", "save-later-part", "save-stream", "write", "write-later-part"],
)
def test_upload_that_breaks_off_leaves_nothing(
    make_storage: MakeStorage,
    provider: Provider,
    bucket: str,
    location: str,
    upload: Callable[[Storage], None],
    budget_bytes: int,
) -> None:
    with CuttingProxy(provider.endpoint_url, budget_bytes=budget_bytes) as proxy:
        error = failure(make_storage(AWS_S3_ENDPOINT_URL=proxy.url), upload, StoreUnreachable)
        assert proxy.cuts > 0
        assert_explains(error, bucket, "the-file", proxy.url, keys=provider.keys)

    assert provider.keys_in(bucket, location) == []
    assert provider.unfinished_uploads(bucket, location) == []


@over_plain_http
@pytest.mark.parametrize("upload", [save_little, save_much, write_much], ids=["save", "save-parts", "write-parts"])
def test_upload_that_gets_stuck_ends_and_leaves_nothing(
    make_storage: MakeStorage, provider: Provider, bucket: str, location: str, upload: Callable[[Storage], None]
) -> None:
    impatient = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2})
    with CuttingProxy(provider.endpoint_url, budget_bytes=300_000, stalls=True) as proxy:
        storage = make_storage(AWS_S3_ENDPOINT_URL=proxy.url, options={"client_config": impatient})
        failure(storage, upload, StoreUnreachable)
        assert proxy.cuts > 0

    assert provider.keys_in(bucket, location) == []
    assert provider.unfinished_uploads(bucket, location) == []


class BreaksWhenRead(io.RawIOBase):
    """A file of the caller whose disk fails in the middle."""

    def __init__(self, size: int, breaks_after: int) -> None:
        self._size, self._rest, self._position = size, breaks_after, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position + len(buffer) > self._rest:
            raise LookupError("the caller's own")
        buffer[:] = bytes(len(buffer))
        self._position += len(buffer)
        return len(buffer)


@pytest.mark.parametrize(
    ("size", "breaks_after"),
    [(MIB, 300_000), (12 * MIB, 300_000), (24 * MIB, 17 * MIB)],
    ids=["small", "first-part", "later-part"],
)
def test_file_that_can_not_be_read_to_its_end_leaves_nothing(
    storage: Storage, provider: Provider, bucket: str, location: str, size: int, breaks_after: int
) -> None:
    with pytest.raises(LookupError, match="the caller's own"):
        storage.save(NAME, File(BreaksWhenRead(size, breaks_after)))

    assert provider.keys_in(bucket, location) == []
    assert provider.unfinished_uploads(bucket, location) == []


@over_plain_http
def test_name_is_free_again_after_an_upload_that_broke_off(
    make_storage: MakeStorage, storage: Storage, provider: Provider
) -> None:
    with CuttingProxy(provider.endpoint_url, budget_bytes=300_000) as proxy:
        failure(make_storage(AWS_S3_ENDPOINT_URL=proxy.url), save_much, StoreUnreachable)

    assert save(storage) == NAME
