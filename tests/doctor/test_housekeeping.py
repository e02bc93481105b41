"""What is in the bucket without anyone seeing it is found."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from typing import Any

import pytest

from holdall.doctor import housekeeping, stores
from holdall.findings import Level
from tests.contract import only
from tests.doctor import errors, examine, notices, the, told, warnings
from tests.doctor.conftest import FILES, keys_with
from tests.providers import Provider

SERVERS = ("seaweedfs-http", "ministack", "ceph-http")


def abort_rule(prefix: str = "", status: str = "Enabled") -> dict[str, Any]:
    rule = {
        "ID": "unfinished",
        "Status": status,
        "Filter": {"Prefix": prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
    }
    return {"Rules": [rule]}


# -- uploads that did not end


@pytest.mark.failure("N1")
@only(*SERVERS)
def test_old_unfinished_upload_is_warned_of(
    provider: Provider, bucket: str, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No server lets its clock be turned, so what is a day elsewhere is nothing here.
    monkeypatch.setattr(housekeeping, "OLD", timedelta(0))
    # Whoever uploads chooses the name, and the command is pasted into a shell.
    key = f"{location}/film'; echo $HOME #.mp4"
    begun = provider.client.create_multipart_upload(Bucket=bucket, Key=key)
    provider.client.create_multipart_upload(Bucket=bucket, Key=f"another-{location}/film.mp4")
    report = examine(provider.environ(bucket, location=location))

    assert (errors(report), warnings(report)) == ([], ["D903"]), told(report)
    found = the(report, "D903")
    assert found.seen.startswith("1, ")
    assert key in found.seen
    words = shlex.split(found.cause.do, comments=True)
    if provider.mode == "do":
        assert words == ["s3cmd", "abortmp", f"s3://{bucket}/{key}", begun["UploadId"]]
    else:
        assert words[words.index("--upload-id") + 1] == begun["UploadId"]
        assert words[words.index("--key") + 1] == key
    # Somebody else's is left alone.
    assert provider.unfinished_uploads(bucket, location) == [key]


@only(*SERVERS)
def test_upload_of_today_is_no_finding(provider: Provider, bucket: str, location: str) -> None:
    provider.client.create_multipart_upload(Bucket=bucket, Key=f"{location}/film.mp4")
    report = examine(provider.environ(bucket, location=location))

    assert (errors(report), warnings(report)) == ([], []), told(report)


@only("ministack")
def test_question_for_uploads_that_is_refused_is_no_fault(provider: Provider, bucket: str, location: str) -> None:
    keys = keys_with(provider, allow=FILES)
    report = examine(provider.environ(bucket, location=location, keys=keys))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert the(report, "D903").level is Level.UNKNOWN
    assert "s3:ListBucketMultipartUploads" in the(report, "D903").cause.do
    assert the(report, "D904").level is Level.UNKNOWN


# -- lifecycle


@pytest.mark.failure("N1")
@only("seaweedfs-http", "ministack")
def test_missing_rule_is_noticed_and_the_printed_one_is_enough(
    provider: Provider, own_bucket: str, location: str
) -> None:
    environ = provider.environ(own_bucket, location=location)
    report = examine(environ)
    assert "D904" in notices(report)

    words = shlex.split(the(report, "D904").cause.do)
    rules = json.loads(words[words.index("--lifecycle-configuration") + 1])
    provider.client.put_bucket_lifecycle_configuration(Bucket=own_bucket, LifecycleConfiguration=rules)
    assert "after 7 days" in the(examine(environ), "D905").seen


@only("ceph-http")
def test_spaces_clear_up_by_themselves(provider: Provider, own_bucket: str, location: str) -> None:
    report = examine(provider.environ(own_bucket, location=location))

    assert "by the provider" in the(report, "D905").seen


@only("ministack", "ceph-http")
def test_rule_of_the_buckets_own_is_found(provider: Provider, own_bucket: str, location: str) -> None:
    provider.client.put_bucket_lifecycle_configuration(Bucket=own_bucket, LifecycleConfiguration=abort_rule())
    report = examine(provider.environ(own_bucket, location=location))

    assert the(report, "D905").seen == "after 3 days"


@pytest.mark.failure("N1")
@only("ministack")
@pytest.mark.parametrize("rule", [abort_rule("elsewhere/"), abort_rule(status="Disabled")], ids=["prefix", "off"])
def test_rule_that_does_not_apply_is_none(
    provider: Provider, own_bucket: str, location: str, rule: dict[str, Any]
) -> None:
    provider.client.put_bucket_lifecycle_configuration(Bucket=own_bucket, LifecycleConfiguration=rule)
    report = examine(provider.environ(own_bucket, location=location))

    assert "D904" in notices(report)
    # A whole configuration to paste would replace the rule that is there.
    assert the(report, "D904").cause.do.startswith("Add this to the existing rules:\n")


# -- the trash


def trash_rule(prefix: str, days: int = 30, status: str = "Enabled", name: str = "trash") -> dict[str, Any]:
    return {"ID": name, "Status": status, "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}}


@only("ministack", "ceph-http")
def test_trash_that_nothing_empties_in_time_is_warned_of_and_the_printed_rules_are_enough(
    provider: Provider, own_bucket: str, location: str
) -> None:
    environ = provider.environ(own_bucket, location=location, STORAGE_TRASH="30d")
    folder = f"{location}/.holdall/trash/"
    theirs = trash_rule("logs/", 5, name="logs")

    def look(*rules: dict[str, Any]) -> Any:
        provider.client.put_bucket_lifecycle_configuration(
            Bucket=own_bucket, LifecycleConfiguration={"Rules": [theirs, *rules]}
        )
        [found] = housekeeping.probe_trash(stores.of_environment(environ, prefix="", origins=()))
        return found

    for rules, id_, seen in (
        ([], "D908", f"lifecycle rules: 1, none that empties {folder}"),
        ([trash_rule("elsewhere/.holdall/trash/")], "D908", "none that empties"),
        ([trash_rule(folder, status="Disabled")], "D908", "none that empties"),
        ([trash_rule(f"{folder}2026-")], "D908", "none that empties"),
        ([trash_rule(folder, 7)], "D909", "rule trash: after 7 days; `STORAGE_TRASH` means 30"),
        ([trash_rule(folder, 90)], "D909", "after 90 days"),
        ([trash_rule(folder), trash_rule("", 3, name="all")], "D909", "rule all: after 3 days"),
        ([trash_rule(folder)], "D910", "rule trash: after 30 days"),
    ):
        found = look(*rules)
        assert (found.id, seen in found.seen) == (id_, True), found.seen
        if provider.mode == "do" and id_ == "D908":
            assert found.cause.do == "Run what this prints:\nholdall provision --format commands"
    if provider.mode == "s3":
        for rules in ([], [trash_rule(folder, 7)]):
            words = shlex.split(look(*rules).cause.do)
            pasted = json.loads(words[words.index("--lifecycle-configuration") + 1])["Rules"]
            # What others have put there stays.
            assert pasted[0]["ID"] == "logs"
            assert look(*pasted[1:]).id == "D910"


@only("ministack")
def test_trash_is_no_question_where_there_is_none_and_unknown_where_it_is_refused(
    provider: Provider, bucket: str, location: str
) -> None:
    def look(environ: dict[str, str]) -> list[Any]:
        return list(housekeeping.probe_trash(stores.of_environment(environ, prefix="", origins=())))

    assert look(provider.environ(bucket, location=location)) == []
    keys = keys_with(provider, allow=FILES)
    [found] = look(provider.environ(bucket, location=location, keys=keys, STORAGE_TRASH="30d"))
    assert (found.id, found.level) == ("D908", Level.UNKNOWN)
    assert "s3:GetLifecycleConfiguration" in found.cause.do


# -- a weak S3


def test_store_that_knows_none_of_this_is_not_blamed(weak_provider: Provider, location: str) -> None:
    bucket = weak_provider.create_bucket()
    chosen = ["intent", "links", "cdn", "cors", "housekeeping"]
    report = examine(weak_provider.environ(bucket, location=location), only=chosen)

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert not {"D091", "D092"} & {finding.id for finding in report.findings}
    assert weak_provider.keys_in(bucket) == []
