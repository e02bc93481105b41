"""What a store copies by itself: what was sent in parts is copied in the same parts where its ETag would be lost else."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from holdall.bulk import copier, copying, plan, storecopy
from holdall.bulk.places import Store
from holdall.bulk.proof import likely_parts, parts_of
from holdall.s3.saving import NewObject
from tests.bulk.test_copy import MakeStore, contents
from tests.contract import only
from tests.providers import Provider

PART = 5 * 1024 * 1024
PIECES = [b"a" * PART, b"b" * PART, b"tail"]


class AsAtAmazon(storecopy.StoreCopies):
    """Where a copy by one request has another ETag: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.recomposes = True


@pytest.fixture
def composed(make_store: MakeStore, provider: Provider, bucket: str) -> Store:
    """A store with an object that was sent in parts of 5 MiB."""
    store = make_store("from")
    where = {"Bucket": bucket, "Key": store.storage._key("film.mp4")}
    upload = provider.client.create_multipart_upload(
        **where, ContentType="video/x-odd", CacheControl="max-age=5", Metadata={"by": "ada"}
    )["UploadId"]
    parts = [
        {
            "PartNumber": n,
            "ETag": provider.client.upload_part(**where, UploadId=upload, PartNumber=n, Body=piece)["ETag"],
        }
        for n, piece in enumerate(PIECES, 1)
    ]
    provider.client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    return store


def unfinished(provider: Provider, bucket: str, store: Store) -> list[Any]:
    prefix = store.storage._prefix("")
    listed = provider.client.list_multipart_uploads(Bucket=bucket)
    return [one for one in listed.get("Uploads", ()) if one["Key"].startswith(prefix)]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count what the store is asked to copy."""
    asked: list[str] = []
    call = NewObject._call

    def counting(made: NewObject, operation: str, **given: Any) -> Any:
        if "copy" in operation:
            asked.append(operation)
        return call(made, operation, **given)

    monkeypatch.setattr(NewObject, "_call", counting)
    return asked


@only("ministack", "ceph-http")
def test_object_in_parts_is_copied_in_the_same_parts_and_proven(
    composed: Store, make_store: MakeStore, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copier, "StoreCopies", AsAtAmazon)
    asked, there = counted(monkeypatch), make_store("to")
    outcome = copying.apply(plan.make(composed, there))
    assert (outcome.copied.files, len(outcome.unproven), outcome.failures) == (1, 0, [])
    assert asked == ["upload_part_copy"] * 3
    assert contents(there) == {"film.mp4": b"".join(PIECES)}
    (one,), (other,) = composed.entries(), there.entries()
    assert (one.etag, parts_of(one.etag)) == (other.etag, 3)
    said = provider.client.head_object(Bucket=bucket, Key=there.storage._key("film.mp4"))
    assert (said["ContentType"], said["CacheControl"], said["Metadata"]["by"]) == ("video/x-odd", "max-age=5", "ada")
    assert unfinished(provider, bucket, there) == []
    assert plan.make(composed, there).same.files == 1


@only("ministack")
def test_copy_that_lost_the_etag_is_made_again_in_parts(
    composed: Store, make_store: MakeStore, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = NewObject.copy

    def recomposed(made: NewObject, source: Any) -> bool:
        done, made.etag = copy(made, source), '"0123456789abcdef0123456789abcdef"'
        return done

    monkeypatch.setattr(NewObject, "copy", recomposed)
    asked, there = counted(monkeypatch), make_store("to")
    outcome = copying.apply(plan.make(composed, there))
    assert (outcome.copied.files, len(outcome.unproven), outcome.failures) == (1, 0, [])
    assert asked == ["copy_object", *["upload_part_copy"] * 3]


@only("seaweedfs-http")
def test_parts_with_other_etags_are_left_and_the_copy_is_made_by_one_request(
    composed: Store, make_store: MakeStore, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SeaweedFS gives a part that is copied an ETag that is no MD5.
    monkeypatch.setattr(copier, "StoreCopies", AsAtAmazon)
    asked, there = counted(monkeypatch), make_store("to")
    outcome = copying.apply(plan.make(composed, there))
    assert (outcome.copied.files, outcome.failures, asked) == (1, [], ["upload_part_copy", "copy_object"])
    assert contents(there) == {"film.mp4": b"".join(PIECES)}
    assert unfinished(provider, bucket, there) == []


@only("ministack")
def test_source_that_is_replaced_between_two_parts_is_not_mixed(
    composed: Store, make_store: MakeStore, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copier, "StoreCopies", AsAtAmazon)
    there, send = make_store("to"), NewObject.copy_range

    def replaced(made: NewObject, source: Any, number: int, span: str) -> str:
        if number == 2:
            provider.client.put_object(Bucket=bucket, Key=composed.storage._key("film.mp4"), Body=b"c" * (2 * PART + 4))
        return send(made, source, number, span)

    planned = plan.make(composed, there)
    monkeypatch.setattr(NewObject, "copy_range", replaced)
    outcome = copying.apply(planned)
    assert [one.name for one in outcome.failures] == ["film.mp4"]
    assert contents(there) == {}
    assert unfinished(provider, bucket, there) == []


@only("ministack")
def test_copy_in_parts_ends_soon_and_leaves_nothing(
    composed: Store, make_store: MakeStore, provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, send, numbers = make_store("to"), NewObject.copy_range, list[int]()
    planned = plan.make(composed, there)
    monkeypatch.setattr(copier, "StoreCopies", AsAtAmazon)

    def ends(made: NewObject, source: Any, number: int, span: str) -> str:
        numbers.append(number)
        single.pace.ended.set()
        return send(made, source, number, span)

    monkeypatch.setattr(NewObject, "copy_range", ends)
    (step,) = planned.steps
    with closing(copier.Copier(composed, there, 1)) as single:
        done = single.copy(step)
    assert "the work was ended" in str(done)
    assert numbers == [1]
    assert contents(there) == {}
    assert unfinished(provider, bucket, there) == []


def test_lengths_of_parts_are_those_that_their_number_allows() -> None:
    assert likely_parts(12 * 1024**2, 2) == [8 * 1024**2, 10 * 1024**2]
    assert (parts_of("0" * 32 + "-17"), parts_of("0" * 32), parts_of("")) == (17, 0, 0)
