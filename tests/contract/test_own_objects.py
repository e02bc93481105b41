"""What Holdall keeps in a store for itself: nobody's file is taken for it, and none of it for anybody's file."""

from __future__ import annotations

from typing import Any

import pytest

from holdall.errors import InvalidName
from tests.conftest import MakeStorage
from tests.contract import only
from tests.forks import Family, put
from tests.providers import Provider

# What the client sends and believes is the same whoever answers.
pytestmark = only("seaweedfs-http")


@pytest.fixture
def family(provider: Provider, bucket: str, location: str) -> Family:
    return Family(provider, bucket, location)


@pytest.mark.parametrize("folder", ["", "a/", "a/b/"])
def test_probe_touches_no_file(
    make_storage: MakeStorage, provider: Provider, bucket: str, location: str, folder: str
) -> None:
    """Where it is not known whether the provider has conditional writes, each process asks."""
    theirs = f"{location}/{folder}.holdall-probe"
    provider.write(bucket, theirs, b"a user's")
    storage: Any = make_storage(options={"provider": "generic", "querystring_expire": 3_601 + len(folder)})

    assert put(storage, f"{folder}new.txt") == f"{folder}new.txt"

    assert provider.read(bucket, theirs) == b"a user's"
    assert storage.open(f"{folder}.holdall-probe").read() == b"a user's"
    left = [found["Key"].removeprefix(f"{location}/{folder}") for found in provider.objects_in(bucket, location)]
    assert sorted(left) == [".holdall-probe", "new.txt"]


def test_store_inside_of_another_cannot_be_reached_by_names(family: Family) -> None:
    """The attack: a user of production, where folders come from users, writes into the inside of a review app's store."""
    family.put("important.pdf")
    fork = family.fork(family.provider.environ(family.bucket, location=f"{family.location}/forks/pr-1"))
    put(fork, "own.txt")

    for name in ("forks/pr-1/.holdall/hidden/important.pdf", "forks/pr-1/.holdall/fork.json", "forks/pr-1/.holdall"):
        for deed in (put, type(family.parent).open, type(family.parent).delete, type(family.parent).url):
            with pytest.raises(InvalidName, match="Holdall's own"):
                deed(family.parent, name)

    assert fork.exists("important.pdf")
    assert family.parent.listdir("forks/pr-1") == ([], ["own.txt"])
    assert family.provider.client.head_object(
        Bucket=family.bucket, Key=f"{family.location}/forks/pr-1/.holdall/fork.json"
    )
