"""Objects that have content under the name of a folder: no storage shows them, and nothing loses them silently."""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile

from holdall.bulk import plan
from holdall.bulk.inventory import Inventory
from holdall.bulk.places import Store
from holdall.usage import counting
from holdall.usage.tally import Count
from holdall.usage.walking import Part
from tests.bulk.test_copy import MakeStore
from tests.contract import only
from tests.providers import Provider
from tests.stores import build_fork

# SeaweedFS takes such an object for a folder, and keeps no content of it.
on_one_server = only("ministack")


@pytest.fixture
def fork(make_store: MakeStore, provider: Provider, bucket: str, location: str) -> Store:
    """A fork and its parent with a file each, a mark of a folder each, and an object each that is neither."""
    parent = make_store("parent")
    fork = build_fork(
        provider.environ(bucket, location=f"{location}/fork"), provider.environ(bucket, location=f"{location}/parent")
    )
    parent.storage.save("a.txt", ContentFile(b"parent's"))
    fork.save("own.txt", ContentFile(b"own"))
    for key, body in {"parent/full/": b"full", "parent/a/": b"", "fork/full/own/": b"own", "fork/own/": b""}.items():
        provider.client.put_object(Bucket=bucket, Key=f"{location}/{key}", Body=body)
    return Store(fork)


@on_one_server
def test_object_under_a_folders_name_is_named_and_counted_and_a_mark_is_neither(
    fork: Store, make_store: MakeStore
) -> None:
    planned = plan.make(fork, make_store("other"))
    assert [step.name for step in planned.steps] == ["a.txt", "own.txt"]
    left = dict(planned.troubles)
    assert left.keys() == {"full/", "full/own/"}
    assert "has 3 bytes of content" in left["full/own/"]
    assert "Rename it" in left["full/own/"]

    usage = counting.count(fork)
    assert (usage.files, usage.parts[Part.MARKS]) == (Count(2, 6), Count(1, 0))

    inventory = Inventory(fork.storage)
    assert {one.name: inventory.is_reachable(one.name) for one in inventory.files()} == {
        "full/own/": False,
        "own.txt": True,
    }
