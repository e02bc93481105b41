"""The SDK and the fast lane do the same, seen from outside: what they store, what they give, what they raise."""

from __future__ import annotations

from typing import Any

from django.core.files.base import ContentFile

from holdall.errors import HoldallError
from tests.conftest import MakeStorage
from tests.providers import Provider

NAMES = ["a.txt", "späße/ä b+%.txt", "x/" + "long" * 60 + ".jpg"]


def told(deed: Any) -> Any:
    """Give what a deed returns, or the class and the code of what it raises."""
    try:
        return deed()
    except HoldallError as error:
        return type(error), error.code


def seen(storage: Any) -> list[Any]:
    found = []
    for name in NAMES:
        saved = storage.save(name, ContentFile(f"content of {name}".encode()))
        with storage.open(saved) as file:
            content = file.read()
        taken = storage.save(name, ContentFile(b"another"))
        storage.delete(taken)
        found += [
            saved,
            content,
            taken != saved,
            storage.exists(saved),
            storage.exists(f"{saved}x"),
            storage.size(saved),
        ]
    found += [storage.listdir(""), storage.listdir("späße"), storage.listdir("nothing")]
    return [*found, told(lambda: storage.open("missing.txt").read()), told(lambda: storage.size("missing.txt"))]


def test_lanes_do_the_same(make_storage: MakeStorage, provider: Provider, bucket: str, location: str) -> None:
    fast = make_storage(location=f"{location}/fast")
    slow = make_storage(location=f"{location}/slow", options={"fast_lane": False})

    assert seen(fast) == seen(slow)
    for name in NAMES:
        kept = [provider.head(bucket, f"{location}/{lane}/{name}") for lane in ("fast", "slow")]
        mine, theirs = (
            {field: one.get(field) for field in ("ContentType", "CacheControl", "ETag", "ContentLength")}
            for one in kept
        )
        assert mine == theirs


def test_lanes_are_refused_alike(make_storage: MakeStorage, provider: Provider) -> None:
    for keys in (provider.readonly, provider.no_rights):
        refusals = [
            told(lambda: make_storage(keys=keys, options={"fast_lane": lane}).save("a.txt", ContentFile(b"a")))  # noqa: B023  called at once
            for lane in (True, False)
        ]
        assert refusals[0] == refusals[1]
        assert isinstance(refusals[0], tuple)


def test_lanes_find_the_same_unfinished_uploads(
    make_storage: MakeStorage, provider: Provider, bucket: str, location: str
) -> None:
    begun = {
        (key, provider.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
        for key in (f"{location}/{name}" for name in ("a.bin", "b &<é>.bin"))
    }
    try:
        mine, theirs = (
            list(
                make_storage(location=location, options={"fast_lane": fast}).store.unfinished(
                    action="looking", prefix=f"{location}/"
                )
            )
            for fast in (True, False)
        )
    finally:
        for key, upload in begun:
            provider.client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    assert {(one["Key"], one["UploadId"]) for one in mine} == begun
    assert [one["Initiated"] for one in mine] == [one["Initiated"] for one in theirs]
