"""A job of S3 Batch Operations: what is written, and what is refused."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import botocore.session
import pytest
from botocore.validate import ParamValidator

from holdall.bulk import s3batch
from holdall.bulk.entries import Entry
from holdall.bulk.places import Folder, Store
from holdall.bulk.plan import Plan
from holdall.cli import batch
from holdall.cli.terminal import Session, Style
from tests.stores import build_storage

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NAMES = ["a.txt", "nom accentu\u00e9 (1) +%&=.jpg", "\u5199\u771f/\u732b.webp", 'comma,"quote".txt', "line\nend.txt"]


def store(bucket: str, location: str = "", options: dict[str, Any] | None = None, **changes: str) -> Store:
    environ = {
        "STORAGE_BUCKET_NAME": f"acme-{bucket}",
        "AWS_S3_REGION_NAME": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-to-be-written",
        "STORAGE_LOCATION": location,
    }
    storage: Any = build_storage(environ | changes, **(options or {}))
    return Store(storage)


def planned(source: Any, destination: Any, *entries: Entry) -> Plan:
    plan = Plan(source, destination)
    for entry in entries or [Entry(name, 10, None, "e") for name in NAMES]:
        plan.steps.append(entry)
        plan.to_copy.add(entry.size_bytes)
    return plan


def job_in(folder: Path) -> dict[str, Any]:
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    return job


def complaints(job: dict[str, Any]) -> str:
    """What the SDK's own model of the service says of a request."""
    model = botocore.session.get_session().get_service_model("s3control").operation_model("CreateJob")
    report: str = ParamValidator().validate(job, model.input_shape).generate_report()
    return report


def enumerated(shape: Any, value: Any, path: str = "") -> list[str]:
    """Name each value that the model lists no such choice for; the SDK leaves that to the service."""
    if shape.type_name == "structure":
        return [one for name in value for one in enumerated(shape.members[name], value[name], f"{path}.{name}")]
    if shape.type_name == "list":
        return [one for item in value for one in enumerated(shape.member, item, path)]
    return [path] if getattr(shape, "enum", None) and value not in shape.enum else []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"object_parameters": {"StorageClass": "STANDARD_IA", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key"}},
        {"object_parameters": {"ACL": "public-read", "BucketKeyEnabled": True}},
    ],
)
def test_job_is_one_that_the_service_knows(options: dict[str, Any], tmp_path: Path) -> None:
    source, destination = store("from"), store("to", "archive", options)
    s3batch.write(planned(source, destination), tmp_path, now=NOW)
    job = job_in(tmp_path)
    assert complaints(job) == ""
    model = botocore.session.get_session().get_service_model("s3control").operation_model("CreateJob")
    assert enumerated(model.input_shape, job) == []
    copy = job["Operation"]["S3PutObjectCopy"]
    assert (copy["TargetResource"], copy["TargetKeyPrefix"]) == ("arn:aws:s3:::acme-to", "archive")
    assert copy["UnModifiedSinceConstraint"] == "2026-11-26T12:00:00Z"
    given = options.get("object_parameters", {})
    assert copy.get("StorageClass") == given.get("StorageClass")
    assert copy.get("CannedAccessControlList") == given.get("ACL")
    assert copy.get("SSEAwsKmsKeyId") == given.get("SSEKMSKeyId")
    policy = (tmp_path / "role-policy.json").read_text()
    assert ("s3:PutObjectAcl" in policy) == ("ACL" in given)


def test_manifest_has_each_key_url_encoded(tmp_path: Path) -> None:
    written = s3batch.write(planned(store("from", "media"), store("to", "archive/media")), tmp_path)
    lines = (tmp_path / "manifest.csv").read_bytes().decode("ascii").splitlines()
    assert [line.split(",", 1)[0] for line in lines] == ["acme-from"] * len(NAMES)
    assert [unquote(line.split(",", 1)[1], errors="strict") for line in lines] == [f"media/{name}" for name in NAMES]
    assert lines[1] == "acme-from,media/nom%20accentu%C3%A9%20%281%29%20%2B%25%26%3D.jpg"
    assert all(line.count(",") == 1 for line in lines)
    assert (written.in_manifest.files, written.left) == (len(NAMES), [])
    assert job_in(tmp_path)["Operation"]["S3PutObjectCopy"]["TargetKeyPrefix"] == "archive"


def test_what_a_job_cannot_copy_is_named_and_left(tmp_path: Path) -> None:
    plan = planned(store("from"), store("to"), Entry("a.txt", 1, None), Entry("vast.iso", 5 * 1024**3 + 1, None))
    plan.replaces = True
    plan.conflicts.append(Entry("taken.txt", 1, None))
    written = s3batch.write(plan, tmp_path)
    assert (tmp_path / "manifest.csv").read_text() == "acme-from,a.txt\n"
    assert [name for name, _ in written.left] == ["taken.txt", "vast.iso"]
    assert "TargetKeyPrefix" not in job_in(tmp_path)["Operation"]["S3PutObjectCopy"]


def test_same_plan_is_the_same_job(tmp_path: Path) -> None:
    tokens = set()
    for name in ("one", "two"):
        s3batch.write(planned(store("from"), store("to")), tmp_path / name)
        tokens.add(job_in(tmp_path / name)["ClientRequestToken"])
    assert len(tokens) == 1


@pytest.mark.parametrize(
    ("source", "destination", "complaint"),
    [
        (lambda: Folder(Path("media")), lambda: store("to"), "folder media is not at Amazon"),
        (lambda: store("from"), lambda: store("to", STORAGES_MODE="do", AWS_S3_REGION_NAME=""), "is not at Amazon"),
        (lambda: store("from", AWS_S3_ENDPOINT_URL="http://127.0.0.1:9"), lambda: store("to"), "is not at Amazon"),
        (lambda: store("from", "media"), lambda: store("to", "files"), 'location that ends in "media/"'),
        (
            lambda: store("from"),
            lambda: store("to", options={"object_parameters": {"SSECustomerKey": "k"}}),
            "customer",
        ),
        (lambda: store("from", PARENT_STORAGE_BUCKET_NAME="acme-above"), lambda: store("to"), "is a fork"),
    ],
)
def test_other_copies_are_refused(source: Any, destination: Any, complaint: str) -> None:
    with pytest.raises(s3batch.NotForBatch, match=complaint):
        s3batch.check(source(), destination())


def test_region_of_another_part_of_amazon_is_in_every_name(tmp_path: Path) -> None:
    china = {"AWS_S3_REGION_NAME": "cn-north-1"}
    s3batch.write(planned(store("from", **china), store("to", **china)), tmp_path)
    texts = [(tmp_path / name).read_text() for name in ("job.json", "role-policy.json")]
    assert all("arn:aws-cn:" in text and "arn:aws:" not in text for text in texts)


def test_commands_start_the_job_with_what_they_were_told(tmp_path: Path) -> None:
    """The commands, with an `aws` that writes down what it was called with and answers as the CLI does."""
    folder, tools = tmp_path / "job", tmp_path / "tools"
    s3batch.write(planned(store("from"), store("to", "it's here")), folder)
    tools.mkdir()
    (tools / "aws").write_text(
        '#!/bin/sh\necho "$@" >> "$0.log"\n'
        'case "$*" in *get-caller-identity*) echo 123456789012;; *head-object*) echo \'"etag-of-it"\';; esac\n'
    )
    (tools / "aws").chmod(0o755)
    environ = {"PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run([folder / "start.sh"], check=True, env=environ, capture_output=True)
    job = json.loads((folder / "job.filled.json").read_text())
    assert complaints(job) == ""
    assert (job["AccountId"], job["Manifest"]["Location"]["ETag"]) == ("123456789012", "etag-of-it")
    assert job["RoleArn"] == "arn:aws:iam::123456789012:role/holdall-batch"
    log = (tools / "aws.log").read_text()
    assert "s3 cp --no-progress manifest.csv s3://acme-to/it's here/.holdall/batch/" in log
    assert "s3control create-job --cli-input-json file://job.filled.json" in log
    everything = "".join(path.read_text() for path in folder.iterdir())
    assert "not-to-be-written" not in everything
    assert "AKIA" not in everything


def test_command_says_what_was_written_and_how_to_go_on(tmp_path: Path) -> None:
    out = io.StringIO()
    session = Session(out=out, err=out, environ={}, style=Style(coloured=False))
    plan = planned(store("from"), store("to"), Entry("a.txt", 1, None), Entry("vast.iso", 5 * 1024**3 + 1, None))
    options = argparse.Namespace(s3_batch=tmp_path / "job", as_json=False)
    assert batch.written(plan, options, session) == 1
    assert "a job for 1 file (1 byte). Nothing was started." in out.getvalue()
    assert "  vast.iso: is longer than 5 GiB" in out.getvalue()
    out.truncate(0)
    out.seek(0)
    assert batch.written(plan, argparse.Namespace(s3_batch=tmp_path / "job", as_json=True), session) == 1
    told = json.loads(out.getvalue())
    assert (told["event"], told["in_manifest"]) == ("s3_batch", {"files": 1, "size_bytes": 1})
