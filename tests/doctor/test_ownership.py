"""Whose the store is, and what a fork may do with its parent."""

from __future__ import annotations

import argparse
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall import cli
from holdall.doctor import ownership, stores
from holdall.findings import Level
from holdall.s3 import owed
from tests.contract import only
from tests.doctor import errors, examine, ids, report_on, the, told, warnings
from tests.doctor.conftest import keys_with
from tests.forks import fingerprint
from tests.providers import Keys, Provider
from tests.stores import build_storage

on_one_server = only("seaweedfs-http")
where_rights_differ = only("seaweedfs-http", "ministack", "ceph-http")


def own(provider: Provider, bucket: str, location: str, environment: str) -> None:
    """Let an environment own the store, by writing to it."""
    storage = build_storage(provider.environ(bucket, location=location, STORAGE_ENVIRONMENT=environment))
    storage.save("first.txt", ContentFile(b"first"))


@pytest.mark.failure("L1")
@on_one_server
def test_store_of_another_environment_is_named(provider: Provider, bucket: str, location: str) -> None:
    own(provider, bucket, location, "production")
    before = fingerprint(provider, bucket, location)
    report = examine(provider.environ(bucket, location=location, STORAGE_ENVIRONMENT="staging"))
    assert errors(report) == ["D340"], told(report)
    assert "production" in the(report, "D340").seen
    assert fingerprint(provider, bucket, location) == before


@pytest.mark.failure("L1")
@on_one_server
def test_environment_without_a_name_in_an_owned_store_is_named(provider: Provider, bucket: str, location: str) -> None:
    own(provider, bucket, location, "production")
    report = examine(provider.environ(bucket, location=location))
    assert (errors(report), warnings(report)) == ([], ["D343"]), told(report)


@on_one_server
def test_owner_is_told_and_examined_without_a_word(provider: Provider, bucket: str, location: str) -> None:
    own(provider, bucket, location, "production")
    report = examine(provider.environ(bucket, location=location, STORAGE_ENVIRONMENT="production"))
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D341" in ids(report, Level.OK)


@on_one_server
def test_examination_of_a_store_that_nobody_owns_makes_nobody_its_owner(
    provider: Provider, bucket: str, location: str
) -> None:
    environ = provider.environ(bucket, location=location, STORAGE_ENVIRONMENT="staging")
    report = examine(environ)
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D342" in ids(report, Level.NOTICE)
    assert "Contents" not in provider.client.list_objects_v2(Bucket=bucket, Prefix=location)
    # The first that saves still does, in the same process.
    build_storage(environ).save("first.txt", ContentFile(b"first"))
    assert b'"staging"' in provider.read(bucket, f"{location}/.holdall/owner.json")


def fork(provider: Provider, bucket: str, location: str, keys: Keys) -> dict[str, str]:
    """Describe a fork in a folder beside its parent's, whose keys for the parent are these."""
    own_store = provider.environ(bucket, location=f"{location}/own")
    parent = provider.environ(bucket, location=f"{location}/parent", keys=keys)
    return own_store | {f"PARENT_{name}": value for name, value in parent.items()}


@where_rights_differ
def test_fork_with_a_key_that_may_only_read_is_healthy(provider: Provider, bucket: str, location: str) -> None:
    provider.write(bucket, f"{location}/parent/ada.txt", b"of the parent")
    before = fingerprint(provider, bucket, location)
    report = examine(fork(provider, bucket, location, provider.readonly))
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D350" in ids(report, Level.OK)
    assert fingerprint(provider, bucket, location) == before


@pytest.mark.failure("L1")
@where_rights_differ
def test_key_of_the_parent_that_may_write_is_named(provider: Provider, bucket: str, location: str) -> None:
    provider.write(bucket, f"{location}/parent/ada.txt", b"of the parent")
    before = fingerprint(provider, bucket, location)
    report = examine(fork(provider, bucket, location, provider.keys))
    assert (errors(report), warnings(report)) == ([], ["D354"]), told(report)
    assert fingerprint(provider, bucket, location) == before


@pytest.mark.failure("L2")
@where_rights_differ
def test_parent_that_can_not_be_read_is_named(provider: Provider, bucket: str, location: str) -> None:
    report = examine(fork(provider, bucket, location, provider.no_rights))
    assert errors(report) == ["D352"], told(report)


@pytest.mark.failure("L2")
@on_one_server
def test_parent_whose_bucket_is_missing_is_named(provider: Provider, bucket: str, location: str) -> None:
    environ = fork(provider, bucket, location, provider.readonly)
    report = examine(environ | {"PARENT_STORAGE_BUCKET_NAME": "holdall-no-such-bucket"})
    assert errors(report) == ["D310"], told(report)
    assert the(report, "D310").seen.startswith("parent: ")


@on_one_server
def test_parent_without_files_is_noted(provider: Provider, bucket: str, location: str) -> None:
    report = examine(fork(provider, bucket, location, provider.readonly))
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D351" in ids(report, Level.NOTICE)


@pytest.mark.failure("L2")
@only("ministack")
def test_links_to_the_parent_that_do_not_open_are_named(provider: Provider, bucket: str, location: str) -> None:
    provider.write(bucket, f"{location}/parent/ada.txt", b"of the parent")
    report = examine(fork(provider, bucket, location, keys_with(provider, allow=["s3:ListBucket"])))
    assert errors(report) == ["D353"], told(report)


@pytest.mark.failure("L1")
@on_one_server
def test_own_store_that_was_begun_of_another_parent_is_named(provider: Provider, bucket: str, location: str) -> None:
    provider.write(bucket, f"{location}/parent/ada.txt", b"of the parent")
    environ = fork(provider, bucket, location, provider.readonly)
    build_storage(environ).save("own.txt", ContentFile(b"own"))
    report = examine(environ | {"PARENT_STORAGE_LOCATION": f"{location}/another"})
    assert errors(report) == ["D344"], told(report)


def mirrored(provider: Provider, bucket: str, location: str, **mirror: str) -> dict[str, str]:
    own = provider.environ(bucket, location=f"{location}/own")
    theirs = provider.environ(bucket, location=f"{location}/mirror") | mirror
    return own | {f"MIRROR_{name}": value for name, value in theirs.items()}


@on_one_server
def test_mirror_is_examined_as_a_store_of_its_own(provider: Provider, bucket: str, location: str) -> None:
    environ = mirrored(provider, bucket, location)
    storage: Any = build_storage(environ)
    storage.save("kept.txt", ContentFile(b"kept"))
    before = fingerprint(provider, bucket, location)

    examination = stores.of_environment(environ)
    there = stores.mirror_of(examination)

    report = report_on(examination)
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert f"{location}/mirror" not in the(report, "D150").seen
    assert "D360" in ids(report, Level.NOTICE)
    assert there is not None
    assert (there.label, there.location) == ("mirror", f"{location}/mirror/")
    report = report_on(there)
    assert (errors(report), warnings(report)) == ([], []), told(report)
    # What was saved to examine the one did not go to the other.
    assert fingerprint(provider, bucket, location) == before


@on_one_server
def test_mirror_that_refuses_is_named_with_its_own_variables(provider: Provider, bucket: str, location: str) -> None:
    environ = mirrored(provider, bucket, location, AWS_SECRET_ACCESS_KEY="not-the-secret-of-this-key-0000000000000")
    out = io.StringIO()
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    code = cli.run(parser.parse_args(["doctor", "--json"]), out=out, err=io.StringIO(), environ=environ)
    found = {one["id"]: one for one in json.loads(out.getvalue())["findings"] if one["level"] == "error"}
    assert (code, list(found)) == (1, ["D302"])
    assert "mirror" in found["D302"].values()


@on_one_server
def test_changes_that_the_mirror_missed_are_named(
    provider: Provider, bucket: str, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = mirrored(provider, bucket, location)
    storage: Any = build_storage(environ)
    owed.write(storage.store, storage._prefix(""), ["gone.txt", "replaced.txt"])
    assert "D361" not in {finding.id for finding in report_on(stores.of_environment(environ)).findings}
    monkeypatch.setattr(ownership, "UNDER_WAY", timedelta(seconds=-60))
    report = report_on(stores.of_environment(environ))
    assert '"gone.txt" and 1 more' in the(report, "D361").seen
