"""What Holdall keeps in a store for itself: nobody's file is taken for it, and none of it for anybody's file."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.errors import InvalidName, StoreFailed
from holdall.fork import promotion, removal
from holdall.fork.divergence import diff
from tests.conftest import MakeStorage
from tests.contract import only
from tests.forks import Family, fingerprint, put, read
from tests.providers import Provider
from tests.servers.fault_proxy import Answer, Fault, FaultProxy, Request, answers
from tests.stores import build_storage

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
            with pytest.raises(InvalidName, match="reserved for Holdall"):
                deed(family.parent, name)

    assert fork.exists("important.pdf")
    assert family.parent.listdir("forks/pr-1") == ([], ["own.txt"])
    assert family.provider.client.head_object(
        Bucket=family.bucket, Key=f"{family.location}/forks/pr-1/.holdall/fork.json"
    )


# -- tombstones


FORGERIES: dict[str, Callable[[Any, Any, dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    # Each makes of the fork that is attacked, another fork that hid the file, and an honest body: a key and a body.
    "that names another file": lambda fork, other, body: (fork.tombstones.key("zzz"), body),
    "of a file that nobody has": lambda fork, other, body: (
        fork.tombstones.key("important.pdf"),
        body | {"name": "zzz"},
    ),
    "of another fork": lambda fork, other, body: (fork.tombstones.key("important.pdf"), body | {"fork": other.stamp}),
    "of no fork": lambda fork, other, body: (
        fork.tombstones.key("important.pdf"),
        {name: value for name, value in body.items() if name != "fork"},
    ),
    "of a long name": lambda fork, other, body: (fork.tombstones.key("z" * 1_020), body),
    "of another content": lambda fork, other, body: (fork.tombstones.key("important.pdf"), body | {"size_bytes": 8}),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_or_copied_tombstone_deletes_nothing_of_the_parents(family: Family, forgery: str) -> None:
    family.put("important.pdf", b"important")
    fork = family.fork(family.provider.environ(family.bucket, location=f"{family.location}/forks/pr-1"))
    other = family.fork(family.provider.environ(family.bucket, location=f"{family.location}/forks/pr-2"))
    put(fork, "own.txt")
    other.delete("important.pdf")
    honest = json.loads(family.provider.read(family.bucket, other.tombstones.key("important.pdf")))
    key, body = FORGERIES[forgery](fork, other, honest | {"fork": fork.stamp})
    family.provider.write(family.bucket, key, json.dumps(body).encode())
    before = family.fingerprint(without=f"{family.location}/forks/")

    planned = promotion.plan(diff(fork))
    outcome = promotion.apply(planned, fork, family.parent)

    assert [step.name for step in outcome.done] == ["own.txt"]
    assert {conflict.reason for conflict in outcome.conflicts} <= {promotion.FORGED, promotion.REPLACED}
    family.parent.delete("own.txt")
    assert family.fingerprint(without=f"{family.location}/forks/") == before


def test_deletion_of_the_forks_own_is_promoted(family: Family) -> None:
    """What is refused is not refused to everybody."""
    family.put("important.pdf", b"important")
    fork = family.fork()
    fork.delete("important.pdf")
    outcome = promotion.apply(promotion.plan(diff(fork)), fork, family.parent)
    assert ([step.name for step in outcome.done], outcome.conflicts) == (["important.pdf"], ())
    assert not family.parent.exists("important.pdf")


# -- claims


def test_stray_save_into_a_strangers_bucket_does_not_make_it_the_forks_own(family: Family) -> None:
    """Its variables name the bucket of somebody else's; `drop` then takes back what the fork did, and nothing more."""
    strangers = family.provider.create_bucket()
    family.provider.write(strangers, "a/before.txt", b"theirs")
    family.provider.write(strangers, "parents.txt", b"theirs")
    family.put("parents.txt")
    family.put("hidden.txt")
    stranger: Any = build_storage(family.provider.environ(strangers))
    before = fingerprint(family.provider, strangers)
    fork = family.fork(family.provider.environ(strangers, STORAGE_ENVIRONMENT="staging"))

    put(fork, "a/own.txt")
    fork.save("large.bin", ContentFile(b"x" * 9 * 1024 * 1024))
    with fork.open("a/own.txt") as file:
        fork.save("copy.txt", file)
    fork.delete("hidden.txt")
    put(stranger, "a/after.txt", b"theirs")
    planned = removal.plan(fork)
    removal.apply(planned, fork)

    assert (planned.files, planned.kept) == (3, 3)
    assert read(stranger, "a/after.txt") == b"theirs"
    stranger.delete("a/after.txt")
    assert fingerprint(family.provider, strangers) == before


def test_file_that_is_saved_while_the_operator_is_asked_is_not_dropped(family: Family) -> None:
    fork = family.fork(provider="seaweedfs", file_overwrite=True)
    for name in ("one.txt", "two.txt", "three.txt"):
        put(fork, name, b"planned")
    planned = removal.plan(fork)
    put(fork, "one.txt", b"saved since")
    fork.delete("two.txt")

    with pytest.raises(StoreFailed, match=r"one\.txt.*PreconditionFailed"):
        removal.apply(planned, fork)

    assert read(fork, "one.txt") == b"saved since"
    assert not fork.exists("three.txt")
    removal.apply(removal.plan(fork), fork)
    assert list(family.provider.objects_in(family.bucket, f"fork-of-{family.location}/")) == []


def test_store_that_was_empty_is_dropped_whole(family: Family) -> None:
    own = family.provider.create_bucket()
    fork = family.fork(family.provider.environ(own, STORAGE_ENVIRONMENT="staging"))
    put(fork, "own.txt")
    time.sleep(1.1)
    fork.bucket.Object("by-hand.txt").put(Body=b"by the project, with the SDK")

    planned = removal.plan(fork)
    removal.apply(planned, fork)

    assert (planned.files, planned.kept) == (2, 0)
    assert list(family.provider.objects_in(own)) == []


@pytest.mark.parametrize(("theirs", "was_empty"), [("a.txt", False), ("z/a.txt", False), ("-a.txt", False), ("", True)])
def test_claims_remember_whether_the_store_was_empty(family: Family, theirs: str, was_empty: bool) -> None:
    own = family.provider.create_bucket()
    if theirs:
        family.provider.write(own, theirs, b"theirs")
    fork = family.fork(family.provider.environ(own, STORAGE_ENVIRONMENT="staging"))
    put(fork, "own.txt")
    for claim in fork._claims():
        assert json.loads(family.provider.read(own, claim.key))["was_empty"] is was_empty


# -- conflicts


def conflict(request: Request) -> Answer:
    """Amazon's answer to a conditional write that meets another one.

    "If a conflicting operation occurs during the upload S3 returns a 409 ConditionalRequestConflict response. On a 409
    failure you should fetch the object's ETag and retry the upload."
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """
    return Answer(409, (), b"<Error><Code>ConditionalRequestConflict</Code><Message>Conflict.</Message></Error>")


@pytest.mark.parametrize(
    ("method", "path", "times", "is_done"),
    [
        ("PUT", "/.holdall/fork.json", 3, True),
        ("PUT", "/.holdall/owner.json", 3, True),
        ("PUT", "/.holdall/hidden/ada.jpg", 3, True),
        ("DELETE", "/ada.jpg", 3, True),
        ("PUT", "/.holdall/hidden/ada.jpg", 1_000, False),
        ("DELETE", "/ada.jpg", 1_000, False),
    ],
)
def test_conflict_of_conditional_requests_is_tried_again(
    family: Family, method: str, path: str, times: int, is_done: bool
) -> None:
    """Some times, and then it is an error that says so, with everything as it was."""
    left = itertools.count()

    def choose(request: Request) -> Fault | None:
        hit = request.method == method and request.target.partition("?")[0].endswith(path)
        return answers(conflict) if hit and next(left) < times else None

    family.put("ada.jpg")
    own = family.provider.environ(family.bucket, location=f"fork-of-{family.location}", STORAGE_ENVIRONMENT="staging")
    with FaultProxy(family.provider.endpoint_url, choose=choose) as proxy:
        fork = family.fork(own | {"AWS_S3_ENDPOINT_URL": proxy.url}, file_overwrite=True, provider="seaweedfs")
        put(fork, "ada.jpg", b"over")
        if is_done:
            fork.delete("ada.jpg")
            assert not fork.exists("ada.jpg")
        else:
            with pytest.raises(StoreFailed, match="ConditionalRequestConflict"):
                fork.delete("ada.jpg")
            assert read(fork, "ada.jpg") == b"over"
    assert next(left) > 3


# -- keys of the customer's


def test_fork_that_encrypts_with_a_key_of_its_own_deletes(family: Family) -> None:
    """SSE-C: without the key not even a HEAD is answered."""
    encrypted = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    parents: Any = build_storage(family.above[0], object_parameters=encrypted)
    for name in ("one.txt", "two.txt", "kept.txt"):
        put(parents, name, b"the parent's")
    fork = family.fork(object_parameters=encrypted)
    own = put(fork, "own.txt")
    assert put(fork, "one.txt") != "one.txt"

    fork.delete(own)
    fork.delete("one.txt")
    again = put(fork, "one.txt", b"anew")
    fork.delete_many(["two.txt", again])

    assert fork.exists_many([own, "one.txt", "two.txt", "kept.txt"]) == {
        own: False,
        "one.txt": False,
        "two.txt": False,
        "kept.txt": True,
    }
    assert read(parents, "one.txt") == b"the parent's"
