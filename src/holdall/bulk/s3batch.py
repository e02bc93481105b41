"""A plan as a job of S3 Batch Operations: Amazon copies by itself, and this writes what it must be told.

What it does not do is said to whoever starts it: it makes no condition, so it replaces what has a name by then, and it
keeps what the source says of each file, and applies no rule of the destination.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-copy-object.html
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from holdall.bulk.places import Place, Store, Trouble
from holdall.bulk.plan import Count, Plan
from holdall.errors import HoldallError
from holdall.fork.storage import ForkedStorage
from holdall.s3.ranges import MAX_COPY_BYTES
from holdall.sites import RESERVED
from holdall.storage import MediaStorage
from holdall.storage.objects import key_of, prefix_of, target_of

# What whoever starts the job fills in.
ACCOUNT, ETAG = "ACCOUNT_ID", "MANIFEST_ETAG"
ROLE = "holdall-batch"
PRIORITY = 10
# What one job may have: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-copy-object.html
MAX_OBJECTS = 20_000_000_000
# How the SDK's words for an object are called in a job: https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_S3CopyObjectOperation.html
_SAID = {
    "ACL": "CannedAccessControlList",
    "StorageClass": "StorageClass",
    "SSEKMSKeyId": "SSEAwsKmsKeyId",
    "BucketKeyEnabled": "BucketKeyEnabled",
}
_ALGORITHMS = {"AES256": "AES256", "aws:kms": "KMS"}


class NotForBatch(HoldallError):
    """S3 Batch Operations cannot make this copy; nothing was written."""


class Written(NamedTuple):
    """What was written, and what is left for `copy` itself."""

    in_manifest: Count
    left: list[Trouble]


def check(source: Place, destination: Place) -> None:
    """Refuse what S3 Batch Operations cannot copy, before anything is listed.

    Raises:
        NotForBatch: and why.
    """
    _ends(source, destination)


def _ends(source: Place, destination: Place) -> tuple[MediaStorage, MediaStorage, str]:
    """Give both storages, and what the job puts before each key."""
    ends: list[MediaStorage] = []
    for place in (source, destination):
        if not isinstance(place, Store) or target_of(place.storage).provider.id != "amazon":
            raise NotForBatch(
                f"{place} is not at Amazon S3, and S3 Batch Operations are Amazon's. Leave out --s3-batch."
            )
        ends.append(place.storage)
    here, there = ends
    if isinstance(here, ForkedStorage):
        raise NotForBatch(
            f"{source} is a fork: what it shows is in several stores, and a job reads one bucket. Copy its parent by a job, "
            "and the rest without --s3-batch."
        )
    if any("SSECustomerKey" in one.get_object_parameters("") for one in ends):
        raise NotForBatch("S3 Batch Operations cannot copy what a customer's key encrypts. Leave out --s3-batch.")
    mine, other = prefix_of(here), prefix_of(there)
    if not other.endswith(mine):
        raise NotForBatch(
            f"S3 Batch Operations keep the whole key and can only put a folder before it, so what is under "
            f'"{mine}" cannot be copied to "{other}". Choose a location that ends in "{mine}", or leave out --s3-batch.'
        )
    return here, there, other.removesuffix(mine).removesuffix("/")


def write(plan: Plan, folder: Path, *, now: datetime | None = None) -> Written:
    """Write the manifest, the job, the role's policies and the commands that start it.

    Raises:
        NotForBatch: the copy is not one that S3 Batch Operations can make.
        OSError: the folder cannot be written.
    """
    here, there, before = _ends(plan.source, plan.destination)
    folder.mkdir(parents=True, exist_ok=True)
    left = [Trouble(name, "replaces another file, which a job would do without checking") for name in _replaced(plan)]
    count, digest = Count(), hashlib.sha256()
    with (folder / "manifest.csv").open("w", encoding="ascii", newline="") as manifest:
        for step in plan.steps:
            if step.size_bytes > MAX_COPY_BYTES:
                left.append(Trouble(step.name, "is longer than 5 GiB, the most that a job copies"))
                continue
            # "Object keys must be URL-encoded", which leaves no comma, quote or line end in them.
            line = f"{here.bucket_name},{quote(key_of(here, step.name), safe='/')}\n"
            digest.update(line.encode())
            manifest.write(line)
            count.add(step.size_bytes)
    if count.files > MAX_OBJECTS:
        raise NotForBatch(f"One job copies {MAX_OBJECTS:,} files at most. Divide them by --prefix.")
    token = digest.hexdigest()[:32]
    job = _job(plan, there, before, token, now or datetime.now(UTC))
    _write_json(folder / "job.json", job)
    _write_json(folder / "role-trust.json", TRUST)
    _write_json(folder / "role-policy.json", _policy(here, there, token))
    (folder / "start.sh").write_text(_commands(there, token, _region(there)), encoding="utf-8")
    (folder / "start.sh").chmod(0o755)
    return Written(count, left)


def _replaced(plan: Plan) -> Iterator[str]:
    return (entry.name for entry in plan.conflicts) if plan.replaces else iter(())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


# -- the job


def _job(plan: Plan, there: MediaStorage, before: str, token: str, now: datetime) -> dict[str, Any]:
    parameters = there.get_object_parameters("")
    copy: dict[str, Any] = {
        # All that the source says of a file; what it does not say is left unsaid.
        "MetadataDirective": "COPY",
        "TargetResource": f"arn:{_partition(there)}:s3:::{there.bucket_name}",
        # What is replaced in the source from now on is another file than the plan's, and fails.
        "UnModifiedSinceConstraint": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if before:
        copy["TargetKeyPrefix"] = before
    for name, said in _SAID.items():
        if name in parameters:
            copy[said] = parameters[name]
    if (algorithm := _ALGORITHMS.get(str(parameters.get("ServerSideEncryption", "")))) is not None:
        copy["NewObjectMetadata"] = {"SSEAlgorithm": algorithm}
    arn = f"arn:{_partition(there)}"
    return {
        "AccountId": ACCOUNT,
        "ConfirmationRequired": False,
        "Operation": {"S3PutObjectCopy": copy},
        "Report": {
            "Bucket": f"{arn}:s3:::{there.bucket_name}",
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "Prefix": _place(there, token).removesuffix("/"),
            "ReportScope": "FailedTasksOnly",
        },
        "ClientRequestToken": token,
        "Manifest": {
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
            "Location": {
                "ObjectArn": f"{arn}:s3:::{there.bucket_name}/{_place(there, token)}manifest.csv",
                "ETag": ETAG,
            },
        },
        "Description": f"holdall copy: {_plain(str(plan.source))} to {_plain(str(plan.destination))}"[:256],
        "Priority": PRIORITY,
        "RoleArn": f"{arn}:iam::{ACCOUNT}:role/{ROLE}",
    }


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable() and letter.isascii())


def _place(there: MediaStorage, token: str) -> str:
    """Where manifest and report lie: among what is Holdall's own, so that neither is taken for a file."""
    return f"{prefix_of(there)}{RESERVED}/batch/{token}/"


def _region(storage: MediaStorage) -> str:
    return str(storage.region_name or target_of(storage).region_name or "us-east-1")


def _partition(storage: MediaStorage) -> str:
    """Name the part of Amazon: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    region = _region(storage)
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


# -- who carries it out: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-iam-role-policies.html

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "batchoperations.s3.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def _policy(here: MediaStorage, there: MediaStorage, token: str) -> dict[str, Any]:
    arn = f"arn:{_partition(there)}:s3:::"
    place = f"{arn}{there.bucket_name}/{_place(there, token)}"
    writing = ["s3:PutObject", "s3:PutObjectTagging"]
    if "ACL" in there.get_object_parameters(""):
        writing.append("s3:PutObjectAcl")

    def allow(actions: list[str], resource: str) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": actions, "Resource": resource}

    return {
        "Version": "2012-10-17",
        "Statement": [
            allow(["s3:GetObject", "s3:GetObjectTagging"], f"{arn}{here.bucket_name}/{prefix_of(here)}*"),
            allow(["s3:ListBucket"], f"{arn}{here.bucket_name}"),
            allow(writing, f"{arn}{there.bucket_name}/{prefix_of(there)}*"),
            allow(["s3:GetObject", "s3:GetObjectVersion"], f"{place}manifest.csv"),
            allow(["s3:PutObject"], f"{place}*"),
        ],
    }


def _commands(there: MediaStorage, token: str, region: str) -> str:
    key = f"{_place(there, token)}manifest.csv"
    return f"""#!/bin/sh
# Starts the job of S3 Batch Operations in this folder. Whoever runs it needs s3:CreateJob and iam:PassRole.
# From now on, and until it is done, nothing else may write into the destination: a job replaces what it finds.
set -eu
cd "$(dirname "$0")"
export AWS_REGION={region}

account=$(aws sts get-caller-identity --query Account --output text)

# The role, once: what the job may read and write.
aws iam get-role --role-name {ROLE} >/dev/null 2>&1 ||
    aws iam create-role --role-name {ROLE} --assume-role-policy-document file://role-trust.json >/dev/null
aws iam put-role-policy --role-name {ROLE} --policy-name copy --policy-document file://role-policy.json

aws s3 cp --no-progress manifest.csv {shlex.quote(f"s3://{there.bucket_name}/{key}")}
etag=$(aws s3api head-object --bucket {there.bucket_name} --key {shlex.quote(key)} --query ETag --output text | tr -d '"')
sed -e "s/{ACCOUNT}/$account/g" -e "s/{ETAG}/$etag/g" job.json > job.filled.json

# The same job is created once, however often this runs: it has a token of its own.
aws s3control create-job --cli-input-json file://job.filled.json
echo 'When it is complete, run holdall copy again: it verifies what is there and copies what is left.'
"""
