"""`holdall usage` on a real store: what is in the bucket and no storage shows is told apart."""

from __future__ import annotations

import json

from django.core.files.base import ContentFile

from holdall.bulk.places import Store
from holdall.usage import counting
from holdall.usage.tally import Count
from holdall.usage.walking import Part
from tests.bulk.test_copy import MakeStore
from tests.bulk.test_trash import holdall
from tests.contract import only
from tests.providers import Provider
from tests.stores import build_fork

on_one_server = only("seaweedfs-http")


@on_one_server
def test_files_trash_marks_and_unfinished_uploads_are_told_apart(
    make_store: MakeStore, provider: Provider, bucket: str, location: str
) -> None:
    store = make_store("own", STORAGE_TRASH="30d")
    for name, size in (("photos/a.jpg", 1000), ("photos/b.jpg", 10), ("docs/c.pdf", 200)):
        store.storage.save(name, ContentFile(b"x" * size))
    store.storage.delete("photos/b.jpg")
    upload = {"Bucket": bucket, "Key": f"{location}/own/film.mp4"}
    begun = provider.client.create_multipart_upload(**upload)
    provider.client.upload_part(**upload, UploadId=begun["UploadId"], PartNumber=1, Body=b"p" * 5000)

    usage = counting.count(store)

    assert usage.files == usage.root.whole == Count(2, 1200)
    assert usage.parts[Part.TRASH] == Count(1, 10)
    assert usage.unfinished is not None
    assert (usage.unfinished.uploads, usage.unfinished.size_bytes) == (1, 5000)
    assert [(folder.name, folder.whole.size_bytes) for folder in usage.root.folders] == [
        ("photos", 1000),
        ("docs", 200),
    ]

    code, said = holdall(provider.environ(bucket, location=f"{location}/own"), "usage", "--json")
    found = json.loads(said)
    assert (code, found["size_bytes"], found["trash"]["size_bytes"]) == (0, 1200, 10)
    assert found["unfinished_uploads"] == {"uploads": 1, "size_bytes": 5000}
    said = holdall(provider.environ(bucket, location=f"{location}/own"), "usage")[1]
    assert "In the trash: 10 bytes in 1 object, on top of the files." in said


@on_one_server
def test_fork_tells_its_own_from_its_parents(
    make_store: MakeStore, provider: Provider, bucket: str, location: str
) -> None:
    parent = make_store("parent")
    for name, size in (("a.jpg", 7), ("replaced.jpg", 100), ("hidden.jpg", 1000), ("z/last.jpg", 3)):
        parent.storage.save(name, ContentFile(b"x" * size))
    fork = build_fork(
        provider.environ(bucket, location=f"{location}/fork"), provider.environ(bucket, location=f"{location}/parent")
    )
    fork.save("own.jpg", ContentFile(b"x" * 50))
    fork.delete("hidden.jpg")
    with fork.open("replaced.jpg", "wb") as file:
        file.write(b"x" * 20)

    usage = counting.count(Store(fork))

    assert usage.files == Count(2, 70)
    assert usage.from_parent == Count(2, 10)
    assert usage.parts[Part.HOLDALL].files >= 1
