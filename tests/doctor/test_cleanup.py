"""The doctor harms nothing: what it did not save it does not delete, and it writes nothing after it has ended."""

from __future__ import annotations

import posixpath
import time
from typing import Any

import pytest
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage

from holdall import doctor
from holdall.doctor import cleanup, stores
from holdall.doctor.running import Running
from holdall.findings import Report
from tests.contract import only
from tests.doctor import errors, examine, examine_storage, the, told, warnings
from tests.doctor.conftest import MakePlain, Through, always, keys_with
from tests.providers import Provider
from tests.servers.fault_proxy import Exchange, FaultProxy, stalls_after

SERVERS = ("seaweedfs-http", "ministack", "ceph-http")
on_one_server = only("seaweedfs-http")


def late(exchange: Exchange, seconds: float = 0.5) -> None:
    time.sleep(seconds)
    exchange.answer(exchange.forward())


def later(exchange: Exchange) -> None:
    """Answer when the probe was given up (after 1.5 s), and before the clean-up stops waiting for it (1.6 s later)."""
    late(exchange, 2.2)


@on_one_server
def test_probe_that_is_given_up_writes_nothing_after_the_cleanup(
    through: Through, provider: Provider, bucket: str, location: str
) -> None:
    report = examine(through(always("PutObject", later)), only=["saving", "text"], seconds=2)
    assert errors(report) == ["D091"], told(report)
    assert "saving in bucket" in the(report, "D091").seen
    time.sleep(1.0)
    assert provider.keys_in(bucket, location) == []


@on_one_server
def test_probe_that_does_not_end_is_named_with_where_it_may_write(
    through: Through, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "PATIENCE_SECONDS", 0.1)
    examination = stores.of_environment(through(always("PutObject", stalls_after)))
    report = Report(doctor.examine(examination, doctor.Choice(only=["saving"]), seconds=3))
    left = [finding.seen for finding in report.findings if finding.id == "D902"]
    assert left[0].startswith("`saving` is still waiting for an answer; what it saves will be under ")
    assert examination.traces.folder in left[0]
    assert all(one.ends_within(60) for one in examination.running)
    list(cleanup.clean_up(examination))


@on_one_server
def test_interrupted_probe_writes_nothing_after_the_cleanup(
    through: Through, provider: Provider, bucket: str, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    examination = stores.of_environment(through(always("PutObject", late)))
    ends_within = Running.ends_within

    def interrupted(running: Running, seconds: float) -> bool:
        if running.name == "saving" and not examination.traces.is_closed:
            raise KeyboardInterrupt
        return ends_within(running, seconds)

    monkeypatch.setattr(Running, "ends_within", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(doctor.examine(examination, doctor.Choice(only=["saving", "text"])))
    time.sleep(1.5)
    assert provider.keys_in(bucket, location) == []


class FlatStorage(S3Storage):
    """A project's own class that keeps all files in one folder."""

    def _save(self, name: str, content: Any) -> str:
        return str(super()._save(posixpath.basename(name), content))


class OneNameStorage(S3Storage):
    """A project's own class that knows the content already, and gives the file that has it."""

    def _save(self, name: str, content: Any) -> str:
        return "theirs.txt"


@on_one_server
@pytest.mark.parametrize("made_by", [FlatStorage, OneNameStorage])
def test_files_that_a_storage_puts_elsewhere_are_not_deleted(
    plain: MakePlain, provider: Provider, bucket: str, location: str, made_by: type[S3Storage]
) -> None:
    provider.write(bucket, f"{location}/theirs.txt", b"theirs")
    storage = made_by(**plain(file_overwrite=False)._constructor_args[1])
    report = examine_storage(storage)
    assert errors(report) == [], told(report)
    assert the(report, "D093").seen
    stray = the(report, "D902").seen.partition(":")[0]
    assert stray in provider.keys_in(bucket, location)
    # One file, and then no more.
    assert set(provider.keys_in(bucket, location)) == {f"{location}/theirs.txt", stray}
    assert provider.read(bucket, f"{location}/theirs.txt") == b"theirs"


class HashingStorage(S3Storage):
    """A project's own class whose keys do not contain the name."""

    def _normalize_name(self, name: str) -> str:
        return str(super()._normalize_name(f"{hash(name):x}"))


@on_one_server
def test_nothing_is_saved_where_keys_do_not_lie_in_the_folder(
    plain: MakePlain, provider: Provider, bucket: str, location: str
) -> None:
    storage = HashingStorage(**plain(file_overwrite=False)._constructor_args[1])
    report = examine_storage(storage)
    assert "would become" in the(report, "D093").seen
    assert provider.keys_in(bucket, location) == []


@on_one_server
def test_store_that_is_gone_at_the_end_is_told_and_not_waited_for(
    provider: Provider, bucket: str, location: str
) -> None:
    with FaultProxy(provider.endpoint_url) as proxy:
        environ = provider.environ(bucket, location=location, AWS_S3_ENDPOINT_URL=proxy.url)
        examination = stores.of_environment(environ)
        saved = [examination.save(f"{number}.txt", ContentFile(b"left behind")) for number in range(3)]
    found = list(cleanup.clean_up(examination))
    assert [finding.id for finding in found] == ["D902"]
    assert examination.traces.folder in found[0].seen
    for one in saved:
        provider.client.delete_object(Bucket=bucket, Key=one.key)


# -- what the bucket keeps


@only(*SERVERS)
def test_unfinished_upload_of_the_doctors_is_aborted(provider: Provider, bucket: str, location: str) -> None:
    examination = stores.of_environment(provider.environ(bucket, location=location))
    key = examination.key(examination.name("large.bin"))
    begun = examination.call("create_multipart_upload", Key=key)
    examination.call("upload_part", Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"half")
    found = list(cleanup.clean_up(examination))

    assert [finding.id for finding in found] == ["D900"]
    assert provider.unfinished_uploads(bucket, location) == []


def everything(provider: Provider, bucket: str) -> list[tuple[str, str]]:
    found = provider.client.list_object_versions(Bucket=bucket)
    return [(one["Key"], one["VersionId"]) for kind in ("Versions", "DeleteMarkers") for one in found.get(kind, [])]


@only(*SERVERS)
def test_bucket_that_keeps_versions_is_left_as_it_was(provider: Provider, own_bucket: str, location: str) -> None:
    versioning: Any = {"Status": "Enabled"}
    provider.client.put_bucket_versioning(Bucket=own_bucket, VersioningConfiguration=versioning)
    provider.write(own_bucket, f"{location}/theirs.txt", b"one")
    provider.write(own_bucket, f"{location}/theirs.txt", b"two")
    before = everything(provider, own_bucket)
    report = examine(provider.environ(own_bucket, location=location))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert len(before) == 2
    assert everything(provider, own_bucket) == before


@only("ministack")
def test_versions_that_may_not_be_deleted_are_noticed(provider: Provider, own_bucket: str, location: str) -> None:
    versioning: Any = {"Status": "Enabled"}
    provider.client.put_bucket_versioning(Bucket=own_bucket, VersioningConfiguration=versioning)
    keys = keys_with(provider, allow=["s3:*"], deny=["s3:DeleteObjectVersion"])
    report = examine(provider.environ(own_bucket, location=location, keys=keys))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "s3:DeleteObjectVersion" in the(report, "D906").otherwise[0].do
