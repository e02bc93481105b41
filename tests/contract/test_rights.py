"""The generated rights are enough for everything that a storage does, and no action of theirs is too much."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from holdall.errors import AccessRefused, HoldallError
from holdall.provision import needs, rights
from tests.contract import only
from tests.providers import Keys, Provider
from tests.servers import fault_proxy as wire
from tests.servers.fault_proxy import FaultProxy, Rule
from tests.servers.identities import Policy, with_policy
from tests.stores import build_fork, build_storage

MIB = 1024 * 1024
PART_BYTES = 5 * MIB
LARGE = bytes(range(256)) * (4 * 1024 * 6)


class Interrupted(Exception):
    """What a view, or the network behind it, ends an upload with."""


@dataclass
class Scene:
    """A storage that works with the rights under test, and its bucket with all rights."""

    provider: Provider
    bucket: str
    location: str
    keys: Keys
    is_public: bool

    def storage(self, endpoint_url: str | None = None) -> Storage:
        variables = {"AWS_S3_ENDPOINT_URL": endpoint_url} if endpoint_url else {}
        environ = self.provider.environ(
            self.bucket, location=self.location, keys=self.keys, is_public=self.is_public, **variables
        )
        parts = TransferConfig(
            multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, preferred_transfer_client="classic"
        )
        return build_storage(environ, transfer_config=parts)

    def put(self, name: str, content: bytes) -> str:
        self.provider.write(self.bucket, f"{self.location}/{name}", content)
        return name

    def stored(self, name: str) -> bytes:
        # With the same keys: on Ceph the owner of the bucket may not read what another user has put there.
        client = self.provider.client_for(self.keys)
        body: bytes = client.get_object(Bucket=self.bucket, Key=f"{self.location}/{name}")["Body"].read()
        return body

    @property
    def names(self) -> list[str]:
        return self.provider.keys_in(self.bucket, self.location)

    @property
    def unfinished(self) -> list[str]:
        return self.provider.unfinished_uploads(self.bucket, self.location)


def save(scene: Scene) -> None:
    storage = scene.storage()
    first, second = (storage.save("a/small.txt", ContentFile(text)) for text in (b"one", b"two"))
    assert (scene.stored(first), scene.stored(second)) == (b"one", b"two")


def save_in_parts(scene: Scene) -> None:
    name = scene.storage().save("a/large.bin", ContentFile(LARGE))
    assert scene.stored(name) == LARGE


def write_a_stream(scene: Scene) -> None:
    with scene.storage().open("a/stream.bin", "xb") as file:
        file.write(LARGE)
    assert scene.stored("a/stream.bin") == LARGE


def copy(scene: Scene) -> None:
    storage = scene.storage()
    scene.put("original.txt", b"content")
    with storage.open("original.txt") as original:
        name = storage.save("copy.txt", original)
    assert scene.stored(name) == b"content"


def read(scene: Scene) -> None:
    scene.put("read.txt", b"content")
    storage = scene.storage()
    with storage.open("read.txt") as file:
        assert file.read() == b"content"
    assert storage.size("read.txt") == 7
    assert storage.exists("read.txt")
    assert storage.get_modified_time("read.txt")


def look_for_what_is_missing(scene: Scene) -> None:
    storage = scene.storage()
    assert not storage.exists("missing.txt")
    with pytest.raises(FileNotFoundError):
        storage.open("missing.txt")


def fetch_by_a_signed_link(scene: Scene) -> None:
    scene.put("linked.txt", b"content")
    environ = scene.provider.environ(scene.bucket, location=scene.location, keys=scene.keys)
    assert scene.provider.fetch(build_storage(environ).url("linked.txt")).body == b"content"


def fetch_what_is_public(scene: Scene) -> None:
    if scene.is_public:
        name = scene.storage().save("public.txt", ContentFile(b"content"))
        assert scene.provider.fetch_anonymously(scene.bucket, f"{scene.location}/{name}").body == b"content"


def list_folders(scene: Scene) -> None:
    scene.put("folder/file.txt", b"content")
    folders, _files = scene.storage().listdir("")
    assert "folder" in folders


def delete(scene: Scene) -> None:
    scene.put("deleted.txt", b"content")
    scene.storage().delete("deleted.txt")
    assert f"{scene.location}/deleted.txt" not in scene.names


def delete_many(scene: Scene) -> None:
    names = [scene.put(f"deleted-{number}.txt", b"content") for number in range(3)]
    storage: Any = scene.storage()
    storage.delete_many(names)
    assert not {f"{scene.location}/{name}" for name in names} & set(scene.names)


class _Breaking(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > PART_BYTES:
            raise Interrupted
        return super().read(size)


def fail_in_the_middle(scene: Scene) -> None:
    """The first part of an upload has arrived when its source breaks off."""
    with pytest.raises(Interrupted):
        scene.storage().save("broken.bin", File(_Breaking(LARGE), "broken.bin"))
    assert scene.unfinished == []
    assert not [name for name in scene.names if "broken" in name]


def lose_the_answer_to_a_beginning(scene: Scene) -> None:
    """The store has begun an upload, and nobody was told which."""
    with FaultProxy(scene.provider.endpoint_url, Rule("CreateMultipartUpload", wire.resets_after)) as proxy:
        with scene.storage(proxy.url).open("lost.bin", "xb") as file:
            file.write(LARGE)
        assert proxy.faults
    assert scene.stored("lost.bin") == LARGE
    assert scene.unfinished == []


def own_the_store(scene: Scene) -> None:
    """An environment with a name leaves a marker, and reads it before each write of a minute."""
    environ = scene.provider.environ(
        scene.bucket, location=f"{scene.location}/owned", keys=scene.keys, STORAGE_ENVIRONMENT="production"
    )
    storage: Any = build_storage(environ)
    name = storage.save("owned.txt", ContentFile(b"content"))
    markers = [found["Key"] for found in scene.provider.objects_in(scene.bucket, f"{scene.location}/owned/.holdall/")]
    assert markers == [f"{scene.location}/owned/.holdall/owner.json"]
    storage.delete(name)


DEEDS: tuple[Callable[[Scene], None], ...] = (
    save,
    save_in_parts,
    write_a_stream,
    copy,
    read,
    look_for_what_is_missing,
    fetch_by_a_signed_link,
    fetch_what_is_public,
    list_folders,
    delete,
    delete_many,
    fail_in_the_middle,
    lose_the_answer_to_a_beginning,
    own_the_store,
)


SERVERS = ("ministack", "ceph-http", "seaweedfs-http")
LOCATION = "shop/media"

# What shows, for each action of each statement, that it is missing.
WITNESS: dict[tuple[str, str], Callable[[Scene], None]] = {
    ("HoldallObjects", "s3:GetObject"): read,
    ("HoldallObjects", "s3:PutObject"): save,
    ("HoldallObjects", "s3:PutObjectAcl"): fetch_what_is_public,
    ("HoldallObjects", "s3:DeleteObject"): delete,
    ("HoldallObjects", "s3:AbortMultipartUpload"): fail_in_the_middle,
    ("HoldallBucket", "s3:ListBucket"): list_folders,
    ("HoldallBucket", "s3:ListBucketMultipartUploads"): lose_the_answer_to_a_beginning,
    ("HoldallBucket", "s3:DeleteObject"): delete_many,
}
# What a server lets pass without the right. On these nothing is proved by leaving it away.
LAX = {
    # For any who may put an object. Amazon documents that it asks: API_PutObject.html, "Permissions".
    ("ceph-http", "HoldallObjects", "s3:PutObjectAcl"),
    # For any who may put one.
    ("seaweedfs-http", "HoldallObjects", "s3:AbortMultipartUpload"),
    # As on Amazon, a request that deletes many is a matter of the objects alone.
    ("seaweedfs-http", "HoldallBucket", "s3:DeleteObject"),
    ("ministack", "HoldallBucket", "s3:DeleteObject"),
}


def generated(provider: Provider, bucket: str, *, is_public: bool = False, read_only: bool = False) -> Policy:
    environ = provider.environ(bucket, location=LOCATION, is_public=is_public)
    return rights.app_policy(needs.read(environ, read_only=read_only)[0])


def scene_of(provider: Provider, policy: Policy, bucket: str, *, is_public: bool = False) -> Scene:
    return Scene(provider, bucket, LOCATION, with_policy(provider, policy), is_public)


def without(policy: Policy, sid: str, action: str) -> Policy:
    statements = [
        {**one, "Action": [kept for kept in one["Action"] if (one["Sid"], kept) != (sid, action)]}
        for one in policy["Statement"]
    ]
    return {**policy, "Statement": [one for one in statements if one["Action"]]}


def is_refused(deed: Callable[[Scene], None], scene: Scene) -> None:
    """Hold a deed to failing for want of a right: by a refusal, or by what it leaves behind."""
    with pytest.raises((HoldallError, AssertionError)) as caught:
        deed(scene)
    assert caught.errisinstance(AssertionError) or "AccessDenied" in str(caught.value)


def pairs(policy: Policy) -> set[tuple[str, str]]:
    return {(one["Sid"], action) for one in policy["Statement"] for action in one["Action"]}


@only(*SERVERS)
def test_generated_rights_are_enough(provider: Provider) -> None:
    # Only Spaces, for which Ceph stands, makes a file public by its ACL.
    for is_public in (False, True) if provider.mode == "do" else (False,):
        bucket = provider.create_bucket()
        policy = generated(provider, bucket, is_public=is_public)
        scene = scene_of(provider, policy, bucket, is_public=is_public)
        for deed in DEEDS:
            deed(scene)


@only(*SERVERS)
@pytest.mark.parametrize(("sid", "action"), WITNESS)
def test_each_right_is_needed(provider: Provider, sid: str, action: str) -> None:
    is_public = action == "s3:PutObjectAcl"
    bucket = provider.create_bucket()
    policy = generated(provider, bucket, is_public=is_public)
    assert pairs(policy) <= set(WITNESS)
    if (sid, action) not in pairs(policy):
        assert is_public
        assert provider.mode == "s3", "it is asked for wherever an ACL is sent"
        return
    scene = scene_of(provider, without(policy, sid, action), bucket, is_public=is_public)

    if (provider.name, sid, action) in LAX:
        WITNESS[sid, action](scene)
    else:
        is_refused(WITNESS[sid, action], scene)


@only(*SERVERS)
def test_rights_end_with_the_location(provider: Provider) -> None:
    bucket = provider.create_bucket()
    scene = scene_of(provider, generated(provider, bucket), bucket)
    client = provider.client_for(scene.keys)
    for key in ("outside.txt", f"{LOCATION}-too/outside.txt"):
        provider.write(bucket, key, b"content")
        for request in (
            lambda key: client.get_object(Bucket=bucket, Key=key),
            lambda key: client.put_object(Bucket=bucket, Key=key, Body=b"other"),
            lambda key: client.delete_object(Bucket=bucket, Key=key),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                request(key)
        # One request for many is answered for each.
        try:
            errors = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})["Errors"]
        except ClientError as error:
            errors = [error.response["Error"]]
        assert [error["Code"] for error in errors] == ["AccessDenied"]
        assert provider.read(bucket, key) == b"content"


@only(*SERVERS)
def test_rights_to_read_alone_are_enough_to_read_and_nothing_else(provider: Provider) -> None:
    bucket = provider.create_bucket()
    scene = scene_of(provider, generated(provider, bucket, read_only=True), bucket)
    for deed in (look_for_what_is_missing, list_folders):
        deed(scene)
    read(scene)
    for deed in (save, delete, delete_many):
        is_refused(deed, scene)


@only("ministack", "ceph-http")
def test_fork_works_over_a_parent_that_may_only_be_read(provider: Provider) -> None:
    theirs, ours = provider.create_bucket(), provider.create_bucket()
    reader = scene_of(provider, generated(provider, theirs, read_only=True), theirs)
    writer = scene_of(provider, generated(provider, ours), ours)
    provider.write(theirs, f"{LOCATION}/parents.txt", b"content")
    parent = provider.environ(theirs, location=LOCATION, keys=reader.keys)
    environ = provider.environ(ours, location=LOCATION, keys=writer.keys)

    fork = build_fork(environ, parent)

    with fork.open("parents.txt") as file:
        assert file.read() == b"content"
    assert fork.listdir("")[1] == ["parents.txt"]
    name = fork.save("own.txt", ContentFile(b"own"))
    fork.delete("parents.txt")
    assert not fork.exists("parents.txt")
    assert fork.listdir("")[1] == [name]
    fork.delete(name)
    assert provider.keys_in(theirs) == [f"{LOCATION}/parents.txt"]


@only("ceph-http")
def test_listing_can_not_be_kept_to_the_location(provider: Provider) -> None:
    """Why the right to list is not bound by `s3:prefix`: a HEAD has none, and a missing file would be a refusal."""
    bucket = provider.create_bucket()
    policy = generated(provider, bucket)
    listing = {"Sid": "Bound", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": f"arn:aws:s3:::{bucket}"}

    def bound(operator: str) -> Scene:
        condition = {operator: {"s3:prefix": [LOCATION, f"{LOCATION}/*"]}}
        statements = without(policy, "HoldallBucket", "s3:ListBucket")["Statement"]
        return scene_of(provider, {**policy, "Statement": [*statements, {**listing, "Condition": condition}]}, bucket)

    strict = bound("StringLike")
    list_folders(strict)
    with pytest.raises(AccessRefused):
        look_for_what_is_missing(strict)
    # The form that passes where there is no prefix binds nothing: it is left out of a listing as easily.
    lenient = bound("StringLikeIfExists")
    look_for_what_is_missing(lenient)
    provider.write(bucket, "outside.txt")
    listed = provider.client_for(lenient.keys).list_objects_v2(Bucket=bucket)["Contents"]
    assert "outside.txt" in [found["Key"] for found in listed]
