"""A fork changes nothing but its own store: by every operation of the SDK, every signature, and every way to them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import boto3.s3.transfer
import pytest
import urllib3
from boto3.s3.transfer import S3Transfer, TransferConfig

from holdall.errors import WriteRefused
from holdall.fork import ForkedStorage
from holdall.storage import MediaStorage
from tests.contract import only
from tests.forks import Family, put, read, required
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.stores import build_fork, build_storage

# What is sent is decided before any server is asked; these two differ in what they make of a path.
pytestmark = only("seaweedfs-http", "ministack")

MIB = 1024 * 1024
SAFE = {"GET", "HEAD"}


class Pair:
    """A parent in a bucket of its own, and a fork in another one, behind a proxy that remembers what the fork sends."""

    def __init__(self, provider: Provider, proxy: FaultProxy, folder: str) -> None:
        self.provider, self.proxy, self.folder = provider, proxy, folder
        self.bucket, self.own_bucket = provider.create_bucket(), provider.create_bucket()
        # What a fork in a folder would take for its own, if it looked at keys alone.
        self.key = f"{folder}/ada.jpg" if folder else "ada.jpg"
        self.write(self.bucket, self.key)
        self.fork: Any = build_fork(
            provider.environ(self.own_bucket, location=folder, AWS_S3_ENDPOINT_URL=proxy.url),
            provider.environ(self.bucket, AWS_S3_ENDPOINT_URL=proxy.url),
        )
        # Its claim stands, so that refusals are of what is tried and not of the store.
        put(self.fork, "own.txt", b"own")
        if folder:
            self.write(self.own_bucket, "beside.jpg")
        self.client = self.fork.connection.meta.client
        self.begin()

    def begin(self) -> None:
        """Look at what there is before something is tried."""
        self.before = self.state()
        self.proxy.exchanges.clear()

    def write(self, bucket: str, key: str) -> None:
        self.provider.write(bucket, key, b"another's")

    def state(self) -> list[tuple[str, str, str]]:
        return [
            (bucket, found["Key"], found["ETag"])
            for bucket in (self.bucket, self.own_bucket)
            for found in self.provider.objects_in(bucket)
        ]

    def operations(self) -> Iterator[tuple[str, Any]]:
        """Give every method of the SDK's that changes something, with its model."""
        for method, name in sorted(self.client.meta.method_to_api_mapping.items()):
            model = self.client.meta.service_model.operation_model(name)
            if model.http["method"] not in SAFE:
                yield method, model

    def refuses(self, *deeds: Callable[[], object]) -> None:
        for deed in deeds:
            with pytest.raises(WriteRefused, match="nothing else"):
                deed()

    def assert_nothing_was_changed(self) -> None:
        assert {request.method for request in self.proxy.exchanges} <= SAFE
        assert self.state() == self.before


@pytest.fixture(scope="module", params=["", "forks/pr-1"], ids=["whole bucket", "folder"])
def pair_of_all(request: pytest.FixtureRequest, provider: Provider) -> Iterator[Pair]:
    # One for all tests: SeaweedFS has room for so many buckets.
    with FaultProxy(provider.endpoint_url) as proxy:
        yield Pair(provider, proxy, request.param)


@pytest.fixture
def pair(pair_of_all: Pair) -> Pair:
    pair_of_all.begin()
    return pair_of_all


def test_no_operation_that_changes_anything_leaves_for_another_bucket(pair: Pair) -> None:
    tried = 0
    for method, model in pair.operations():
        parameters = required(model.input_shape, pair.bucket)
        if "Key" in parameters:
            parameters["Key"] = pair.key
        pair.refuses(lambda method=method, parameters=parameters: getattr(pair.client, method)(**parameters))
        tried += 1
    assert tried > 60
    pair.assert_nothing_was_changed()


def test_no_operation_that_changes_anything_is_signed_for_another_bucket(pair: Pair) -> None:
    for method, model in pair.operations():
        parameters = required(model.input_shape, pair.bucket)
        if "Key" in parameters:
            parameters["Key"] = pair.key
        pair.refuses(
            lambda method=method, parameters=parameters: pair.client.generate_presigned_url(method, parameters)
        )
    pair.assert_nothing_was_changed()


def test_link_for_reading_is_signed_for_no_method_that_writes(pair: Pair) -> None:
    for bucket in (pair.bucket, pair.own_bucket):
        for method, parameters in {
            "get_object": {"Bucket": bucket, "Key": pair.key},
            "head_object": {"Bucket": bucket, "Key": pair.key},
            "list_objects_v2": {"Bucket": bucket},
            "get_bucket_policy": {"Bucket": bucket},
        }.items():
            for verb in ("PUT", "POST", "DELETE", "PATCH"):
                pair.refuses(
                    lambda verb=verb, method=method, parameters=parameters: pair.client.generate_presigned_url(
                        method, parameters, 60, verb
                    )
                )
    pair.assert_nothing_was_changed()


def test_form_names_the_own_bucket_and_folder(pair: Pair) -> None:
    pair.refuses(
        lambda: pair.client.generate_presigned_post(pair.bucket, pair.key),
        lambda: pair.client.generate_presigned_post(pair.bucket, f"{pair.folder}/${{filename}}"),
        lambda: pair.client.generate_presigned_post(pair.own_bucket, f"{pair.folder}/../../{pair.bucket}/ada.jpg"),
        # A condition of one's own does not put another bucket in.
        lambda: pair.client.generate_presigned_post(pair.own_bucket, pair.key, Conditions=[{"bucket": pair.bucket}]),
    )
    pair.assert_nothing_was_changed()
    key = f"{pair.folder}/form.txt" if pair.folder else "form.txt"
    form = pair.client.generate_presigned_post(pair.own_bucket, key)
    sent = urllib3.PoolManager().request(
        "POST", form["url"], fields={**form["fields"], "file": ("form.txt", b"by form")}
    )
    assert sent.status in {200, 204}
    assert read(pair.fork, "form.txt") == b"by form"


def test_no_way_of_the_sdk_leads_to_another_bucket(pair: Pair, tmp_path: Any) -> None:
    theirs, own, key = pair.bucket, pair.own_bucket, pair.key
    resource, client = pair.fork.connection, pair.client
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    large.write_bytes(b"x" * 9 * MIB)
    source = {"Bucket": theirs, "Key": key}
    pair.refuses(
        resource.Bucket(theirs).objects.all().delete,
        resource.Bucket(theirs).object_versions.all().delete,
        resource.Object(theirs, key).delete,
        lambda: resource.Object(theirs, key).put(Body=b"x"),
        lambda: resource.Bucket(theirs).put_object(Key=key, Body=b"x"),
        lambda: resource.Bucket(theirs).upload_fileobj(io.BytesIO(b"x"), key),
        lambda: resource.Bucket(theirs).upload_fileobj(io.BytesIO(b"x" * 9 * MIB), key),
        lambda: resource.Object(theirs, key).upload_file(str(small)),
        lambda: client.upload_file(str(large), theirs, key),
        lambda: client.copy(source, theirs, f"{key}2"),
        lambda: resource.Object(theirs, key).copy(source),
        lambda: resource.create_bucket(Bucket=f"{own}-more"),
        resource.Bucket(theirs).delete,
        lambda: resource.BucketPolicy(theirs).put(Policy="{}"),
        lambda: resource.MultipartUpload(theirs, key, "x").abort(),
        lambda: pair.fork.unsigned_connection.Object(theirs, key).delete(),
        lambda: client.delete_objects(
            Bucket=own, Delete={"Objects": [{"Key": pair.fork._key("own.txt")}, {"Key": "../ada.jpg"}]}
        ),
    )
    pair.assert_nothing_was_changed()


def test_own_store_is_the_forks_by_every_way(pair: Pair, tmp_path: Any) -> None:
    (tmp_path / "large").write_bytes(b"x" * 9 * MIB)
    resource, client, own = pair.fork.connection, pair.client, pair.own_bucket

    def key(name: str) -> str:
        return str(pair.fork._key(name))

    # What is copied may come from the parent.
    client.copy_object(Bucket=own, Key=key("copied.jpg"), CopySource={"Bucket": pair.bucket, "Key": pair.key})
    client.copy({"Bucket": pair.bucket, "Key": pair.key}, own, key("again.jpg"))
    client.upload_file(str(tmp_path / "large"), own, key("large.bin"), Config=TransferConfig(use_threads=False))
    resource.Object(own, key("put.txt")).put(Body=b"put", Metadata={"bucket": "of flowers"})
    link = client.generate_presigned_url("put_object", {"Bucket": own, "Key": key("linked.txt")})
    assert urllib3.PoolManager().request("PUT", link, body=b"linked").status == 200
    assert read(pair.fork, "copied.jpg") == read(pair.fork, "again.jpg") == b"another's"
    assert pair.fork.size("large.bin") == 9 * MIB
    assert (read(pair.fork, "put.txt"), read(pair.fork, "linked.txt")) == (b"put", b"linked")
    client.delete_objects(Bucket=own, Delete={"Objects": [{"Key": key("put.txt")}]})
    assert not pair.fork.exists("put.txt")


@pytest.mark.parametrize("path", ["../{parent}/ada.jpg", "x/../../{parent}/ada.jpg", "./../{parent}/ada.jpg", ".."])
def test_key_that_climbs_is_no_own_one(pair: Pair, path: str) -> None:
    key = path.format(parent=pair.bucket)
    for one in (key, f"{pair.folder}/{key}" if pair.folder else key):
        parameters = {"Bucket": pair.own_bucket, "Key": one}
        pair.refuses(
            lambda parameters=parameters: pair.client.put_object(**parameters, Body=b"x"),
            lambda parameters=parameters: pair.client.delete_object(**parameters),
            lambda parameters=parameters: pair.client.generate_presigned_url("put_object", parameters),
            lambda one=one: pair.fork.store.call("delete_object", action="deleting", Key=one),
            lambda one=one: pair.fork.store.call(
                "delete_objects", action="deleting", Delete={"Objects": [{"Key": one}]}, client=pair.client
            ),
        )
    pair.assert_nothing_was_changed()


def test_handler_that_puts_another_bucket_in_is_seen(pair: Pair) -> None:
    def redirect(params: dict[str, Any], **_event: Any) -> None:
        params["Bucket"] = pair.bucket

    pair.client.meta.events.register("before-parameter-build.s3.PutObject", redirect)
    pair.client.meta.events.register_last("provide-client-params.s3.PutObject", redirect)
    own = {"Bucket": pair.own_bucket, "Key": pair.fork._key("x.txt")}
    pair.refuses(
        lambda: pair.client.put_object(**own, Body=b"x"),
        lambda: pair.client.generate_presigned_url("put_object", own),
    )
    pair.client.meta.events.unregister("before-parameter-build.s3.PutObject", redirect)
    pair.client.meta.events.unregister("provide-client-params.s3.PutObject", redirect)
    pair.assert_nothing_was_changed()


def test_settings_of_the_own_bucket_name_no_other(pair: Pair) -> None:
    destination = {"Bucket": f"arn:aws:s3:::{pair.bucket}"}
    inventory = {
        "Destination": {"S3BucketDestination": {**destination, "Format": "CSV"}},
        "IsEnabled": True,
        "Id": "x",
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
    }
    rule = {"Status": "Enabled", "Prefix": "", "Destination": destination}
    log = {"LoggingEnabled": {"TargetBucket": pair.bucket, "TargetPrefix": ""}}
    own = {"Bucket": pair.own_bucket}
    pair.refuses(
        lambda: pair.client.put_bucket_logging(**own, BucketLoggingStatus=log),
        lambda: pair.client.put_bucket_replication(**own, ReplicationConfiguration={"Role": "x", "Rules": [rule]}),
        lambda: pair.client.put_bucket_inventory_configuration(**own, Id="x", InventoryConfiguration=inventory),
    )
    pair.assert_nothing_was_changed()


def test_fork_in_a_folder_leaves_the_rest_of_its_bucket_alone(provider: Provider) -> None:
    with FaultProxy(provider.endpoint_url) as proxy:
        pair = Pair(provider, proxy, "forks/pr-1")
        for method, model in pair.operations():
            parameters = required(model.input_shape, pair.own_bucket)
            keyed = "Key" in parameters
            for key in ("beside.jpg", "forks/pr-10/ada.jpg", "forks/pr-1"):
                if keyed:
                    parameters["Key"] = key
                pair.refuses(lambda method=method, given={**parameters}: getattr(pair.client, method)(**given))
                pair.refuses(
                    lambda method=method, given={**parameters}: pair.client.generate_presigned_url(method, given)
                )
                if not keyed:
                    break
        # The body of such a link is the bearer's.
        own = {"Bucket": pair.own_bucket, "Delete": {"Objects": [{"Key": "forks/pr-1/own.txt"}]}}
        pair.refuses(lambda: pair.client.generate_presigned_url("delete_objects", own))
        pair.assert_nothing_was_changed()


def test_plain_store_is_the_projects_own_to_change(provider: Provider, bucket: str, location: str) -> None:
    storage: Any = build_storage(provider.environ(bucket, location=location))
    archive = provider.create_bucket()
    put(storage, "a.txt")

    storage.connection.Object(archive, "a.txt").copy({"Bucket": bucket, "Key": f"{location}/a.txt"})
    storage.bucket.Object("beside.txt").put(Body=b"x")

    assert provider.read(archive, "a.txt") == b"x"


# -- boto3's other client


@pytest.mark.parametrize("preferred", [None, "auto", "crt", "classic"])
def test_transfers_of_a_client_go_by_the_client(
    pair: Pair, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, preferred: str | None
) -> None:
    """With awscrt on the right kind of machine boto3 makes a client of its own, which goes to Amazon whatever the endpoint."""
    chosen: list[str] = []
    ask = boto3.s3.transfer._should_use_crt

    def note(config: Any) -> bool:
        chosen.append(config.preferred_transfer_client)
        return bool(ask(config))

    monkeypatch.setattr(boto3.s3.transfer, "_should_use_crt", note)
    config = {} if preferred is None else {"Config": TransferConfig(preferred_transfer_client=preferred)}
    (tmp_path / "a.txt").write_bytes(b"a")
    own, client, bucket = pair.own_bucket, pair.client, pair.fork.bucket

    def key(name: str) -> str:
        return str(pair.fork._key(name))

    client.upload_file(str(tmp_path / "a.txt"), own, key("1.txt"), **config)
    client.upload_fileobj(io.BytesIO(b"a"), own, key("2.txt"), **config)
    bucket.upload_file(str(tmp_path / "a.txt"), key("3.txt"), **config)
    bucket.Object(key("4.txt")).upload_fileobj(io.BytesIO(b"a"), **config)
    bucket.copy({"Bucket": own, "Key": key("1.txt")}, key("5.txt"), **config)
    client.download_file(own, key("1.txt"), str(tmp_path / "b.txt"), **config)
    bucket.download_fileobj(key("1.txt"), io.BytesIO(), **config)

    assert chosen
    assert set(chosen) == {"classic"}
    assert all(read(pair.fork, f"{number}.txt") == b"a" for number in range(1, 6))
    # A caller's own configuration is as it was.
    assert not config or config["Config"].preferred_transfer_client == preferred


def test_transfer_that_is_made_by_hand_finds_no_keys_to_leave_with(storage: MediaStorage) -> None:
    # boto3's other client takes a transfer over where the client's keys are the ones that it has.
    client = storage.connection.meta.client
    assert client._get_credentials() is None
    with S3Transfer(client, TransferConfig(preferred_transfer_client="classic")) as transfer:
        assert transfer._manager is not None


# -- other addresses


@pytest.mark.parametrize("seen", ["its files", "nothing"])
def test_parent_that_is_the_own_store_by_another_address_is_proven_by_a_nonce(
    provider: Provider, location: str, seen: str
) -> None:
    bucket = provider.create_bucket()
    if seen == "its files":
        provider.write(bucket, "ada.jpg", b"the parent's")
    before = provider.keys_in(bucket)
    with FaultProxy(provider.endpoint_url) as proxy:
        fork: Any = build_fork(provider.environ(bucket, AWS_S3_ENDPOINT_URL=proxy.url), provider.environ(bucket))
        client = fork.connection.meta.client
        deeds: list[Callable[[], object]] = [
            lambda: put(fork, "new.jpg"),
            lambda: fork.url("ada.jpg", http_method="PUT"),
            lambda: fork.url("ada.jpg", {"PartNumber": 1}, 60, "PUT"),
            lambda: client.put_object(Bucket=bucket, Key="ada.jpg", Body=b"x"),
            lambda: client.delete_object(Bucket=bucket, Key="ada.jpg"),
            lambda: client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "ada.jpg"}),
            lambda: client.generate_presigned_post(bucket, "ada.jpg"),
        ]
        if seen == "its files":
            # Where nothing stands there is nothing to send.
            deeds += [lambda: fork.delete("ada.jpg"), fork.bucket.objects.all().delete]
        for deed in deeds:
            with pytest.raises(WriteRefused, match="Both addresses"):
                deed()
    # The claim that it tried was taken back.
    assert provider.keys_in(bucket) == before


def test_endpoint_that_names_the_parents_bucket_is_no_store_of_its_own(provider: Provider, location: str) -> None:
    bucket, own = provider.create_bucket(), f"own-{location}"
    provider.write(bucket, f"{own}/ada.jpg", b"the parent's")
    provider.write(bucket, "zoe.jpg", b"the parent's")
    before = provider.keys_in(bucket)
    fork: Any = build_fork(
        provider.environ(own), provider.environ(bucket), endpoint_url=f"{provider.endpoint_url}/{bucket}"
    )
    for deed in (
        lambda: put(fork, "new.jpg"),
        lambda: fork.delete("ada.jpg"),
        lambda: fork.delete_many(["ada.jpg"]),
        lambda: fork.connection.meta.client.put_object(Bucket=own, Key="ada.jpg", Body=b"x"),
        lambda: fork.connection.meta.client.generate_presigned_url("put_object", {"Bucket": own, "Key": "ada.jpg"}),
    ):
        with pytest.raises(WriteRefused, match="an endpoint names a bucket"):
            deed()
    assert provider.keys_in(bucket) == before


def test_parents_endpoint_that_names_the_own_bucket_makes_the_parent_a_folder_of_it(provider: Provider) -> None:
    own = provider.create_bucket()
    provider.write(own, "acme-media/ada.jpg", b"the parent's")
    before = provider.keys_in(own)
    place = {
        "region_name": provider.region,
        "addressing_style": "path",
        "access_key": provider.keys.access_key,
        "secret_key": provider.keys.secret_key,
    }
    parent = {**place, "bucket_name": "acme-media", "endpoint_url": f"{provider.endpoint_url}/{own}"}
    fork: Any = ForkedStorage(parent=parent, **place, bucket_name=own, endpoint_url=provider.endpoint_url)
    for deed in (
        lambda: put(fork, "new.jpg"),
        lambda: fork.bucket.objects.all().delete(),
        lambda: fork.connection.meta.client.delete_object(Bucket=own, Key="acme-media/ada.jpg"),
    ):
        with pytest.raises(WriteRefused, match="an endpoint names a bucket"):
            deed()
    assert provider.keys_in(own) == before


def test_store_that_is_only_examined_is_not_the_parents_either(provider: Provider) -> None:
    bucket = provider.create_bucket()
    provider.write(bucket, "ada.jpg", b"the parent's")
    with FaultProxy(provider.endpoint_url) as proxy:
        fork: Any = build_fork(provider.environ(bucket, AWS_S3_ENDPOINT_URL=proxy.url), provider.environ(bucket))
        fork.store.claims.may_make = False
        try:
            with pytest.raises(WriteRefused, match="Both addresses"):
                put(fork, "new.jpg")
        finally:
            fork.store.claims.may_make = True
    assert provider.keys_in(bucket) == ["ada.jpg"]


def test_own_bucket_at_another_address_is_proven_once(provider: Provider, location: str) -> None:
    with FaultProxy(provider.endpoint_url) as proxy:
        parent = provider.create_bucket()
        provider.write(parent, "ada.jpg", b"the parent's")
        fork: Any = build_fork(
            provider.environ(provider.create_bucket()), provider.environ(parent, AWS_S3_ENDPOINT_URL=proxy.url)
        )
        put(fork, "one.txt")
        looked = len(proxy.exchanges)
        put(fork, "two.txt")
        # One HEAD, for the name.
        assert len(proxy.exchanges) == looked + 1
        assert {request.method for request in proxy.exchanges} <= SAFE


def test_folder_of_the_parents_bucket_at_another_address_is_the_forks(provider: Provider, location: str) -> None:
    family = Family(provider, provider.create_bucket(), "")
    family.put("ada.jpg")
    with FaultProxy(provider.endpoint_url) as proxy:
        fork = family.fork(
            provider.environ(family.bucket, location="forks/pr-1", AWS_S3_ENDPOINT_URL=proxy.url),
        )
        assert put(fork, "own.txt") == "own.txt"
        with pytest.raises(WriteRefused, match="nothing else"):
            fork.bucket.Object("ada.jpg").delete()
