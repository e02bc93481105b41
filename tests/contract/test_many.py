"""Many files at once, and files that are copied without passing through here."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from holdall.errors import AccessRefused, HoldallError
from holdall.s3.connection import Connection
from tests.conftest import MakeStorage
from tests.contract import only
from tests.providers import Provider

ODD_NAMES = ["a b.txt", "plus+.txt", "100%.txt", "é/ü.txt", "&<>'\".txt", "plain.txt"]


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that were sent, in the SDK's words."""
    seen: list[str] = []
    send = Connection._send

    def note(self: Connection, operation: str, parameters: dict[str, Any], client: Any) -> Any:
        seen.append(operation)
        return send(self, operation, parameters, client)

    monkeypatch.setattr(Connection, "_send", note)
    return seen


def test_many_files_are_deleted_with_one_request(
    storage: Any, provider: Provider, bucket: str, location: str, operations: list[str]
) -> None:
    for name in ODD_NAMES:
        storage.save(name, ContentFile(b"x"))
    kept = storage.save("kept.txt", ContentFile(b"x"))
    operations.clear()

    storage.delete_many([*ODD_NAMES, "missing.txt"])

    assert operations == ["delete_objects"]
    assert list(provider.keys_in(bucket, location)) == [f"{location}/{kept}"]


def test_deleting_many_without_the_right_is_refused(make_storage: MakeStorage, provider: Provider) -> None:
    name = make_storage().save("kept.txt", ContentFile(b"x"))

    with pytest.raises(HoldallError, match="kept"):
        make_storage(keys=provider.readonly).delete_many([name])

    assert make_storage().exists(name)


@only("seaweedfs-http")
def test_deleting_many_refuses_an_empty_name_before_anything_is_deleted(storage: Any) -> None:
    name = storage.save("kept.txt", ContentFile(b"x"))

    with pytest.raises(ValueError, match="name must be given"):
        storage.delete_many([name, ""])

    assert storage.exists(name)


def test_many_names_are_looked_for(storage: Any) -> None:
    for name in ODD_NAMES:
        storage.save(name, ContentFile(b"x"))

    assert storage.exists_many([*ODD_NAMES, "missing.txt", "missing.txt"]) == {
        **dict.fromkeys(ODD_NAMES, True),
        "missing.txt": False,
    }
    assert storage.exists_many([]) == {}


@only("seaweedfs-http")
def test_many_links_take_no_request(storage: Any, operations: list[str]) -> None:
    links = storage.url_many(ODD_NAMES)

    assert links == {name: storage.url(name) for name in ODD_NAMES}
    assert operations == []


@pytest.mark.parametrize("size", [0, 7, 9 * 1024 * 1024], ids=["empty", "small", "parts"])
def test_file_of_the_same_store_is_copied_by_the_store(storage: Any, operations: list[str], size: int) -> None:
    content = b"c" * size
    original = storage.save("original.txt", ContentFile(content))
    with storage.open(original) as file:
        operations.clear()
        copied = storage.save("copy.pdf", File(file))
        sent = list(operations)

    if size:
        assert sent == ["put_object", "copy_object"]
    assert storage.open(copied).read() == storage.open(original).read() == content
    head = storage.connection.meta.client.head_object(Bucket=storage.bucket_name, Key=f"{storage.location}/{copied}")
    assert (head["ContentType"], head["ContentLength"]) == ("application/pdf", size)


def test_copy_takes_no_name_from_anybody(storage: Any) -> None:
    original = storage.save("original.txt", ContentFile(b"original"))
    storage.save("taken.txt", ContentFile(b"taken"))

    with storage.open(original) as file:
        copied = storage.save("taken.txt", file)

    assert copied != "taken.txt"
    assert storage.open("taken.txt").read() == b"taken"
    assert storage.open(copied).read() == b"original"


def test_copy_that_is_refused_leaves_nothing(
    storage: Any, make_storage: MakeStorage, provider: Provider, bucket: str, location: str
) -> None:
    original = storage.save("original.txt", ContentFile(b"original"))

    with storage.open(original) as file, pytest.raises(AccessRefused):
        make_storage(keys=provider.readonly).save("copy.txt", file)

    assert list(provider.keys_in(bucket, location)) == [f"{location}/{original}"]


def test_copy_of_a_file_that_was_replaced_meanwhile_is_no_mixture(
    storage: Storage, provider: Provider, bucket: str, location: str
) -> None:
    original = storage.save("original.txt", ContentFile(b"original"))
    with storage.open(original) as file:
        provider.write(bucket, f"{location}/{original}", b"replaced")
        try:
            copied = storage.save("copy.txt", file)
        except HoldallError:
            assert list(provider.keys_in(bucket, location)) == [f"{location}/{original}"]
        else:
            # Ceph ignores the condition on a copy; what it copied is whole.
            assert storage.open(copied).read() in {b"original", b"replaced"}


def test_file_of_another_store_passes_through_here(make_storage: MakeStorage, provider: Provider) -> None:
    other = make_storage(bucket=provider.create_bucket())
    original = other.save("original.txt", ContentFile(b"original"))
    storage = make_storage(keys=provider.keys)

    with other.open(original) as file:
        assert storage.open(storage.save("copy.txt", file)).read() == b"original"


def test_plain_file_is_not_taken_for_one_of_the_store(storage: Any, operations: list[str]) -> None:
    storage.save("plain.txt", File(io.BytesIO(b"plain")))

    assert "copy_object" not in operations
