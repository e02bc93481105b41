"""The least rights with which a store works, as policies and as grants. Pure.

Each action stands beside what fails without it; the tests take them away one by one, on real servers.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from holdall.provision.needs import Needs

Statement = dict[str, Any]
Policy = dict[str, Any]


class Right(NamedTuple):
    """One action, and what would not work without it."""

    action: str
    why: str


READ = Right("s3:GetObject", "opening and reading files, getting their size and time, and signed links")
LIST = Right("s3:ListBucket", "listing folders; without it a missing file is refused (403) instead of not found (404)")
WRITE = Right("s3:PutObject", "saving files, large ones in parts, and copying one inside the bucket")
WRITE_ACL = Right("s3:PutObjectAcl", "the ACL `public-read` that is sent with each file and makes it public")
DELETE = Right("s3:DeleteObject", "deleting files, and cleaning up after a failed upload")
DELETE_MANY = Right(DELETE.action, "on the bucket: deleting many files with one request, on Ceph 16")
ABORT = Right(
    "s3:AbortMultipartUpload", "aborting a failed upload of a large file, whose parts are billed but not listed"
)
LIST_PARTS = Right("s3:ListMultipartUploadParts", "resuming and finishing a direct upload of a large file")
LIST_UPLOADS = Right("s3:ListBucketMultipartUploads", "finding and aborting an upload whose first response was lost")

# To look at a bucket's settings, as the doctor and `--diff` do; nothing of a store's work needs them.
DOCTOR = (
    Right("s3:GetBucketPolicy", "what the bucket policy allows"),
    Right("s3:GetBucketPolicyStatus", "whether the bucket policy makes files public"),
    Right("s3:GetBucketPublicAccessBlock", "what Block Public Access overrides"),
    Right("s3:GetBucketOwnershipControls", "whether ACLs are accepted"),
    Right("s3:GetBucketAcl", "whether everybody can list the files"),
    Right("s3:GetBucketCORS", "which sites may read files"),
    Right("s3:GetLifecycleConfiguration", "whether unfinished uploads are ever removed"),
    Right("s3:ListBucketVersions", "whether deleted files are kept, and billed, as old versions"),
)


def on_objects(needs: Needs) -> tuple[Right, ...]:
    """Give the rights that concern the store's own objects."""
    if needs.read_only:
        return (READ,)
    return (
        READ,
        WRITE,
        *((WRITE_ACL,) if needs.sends_acl else ()),
        DELETE,
        ABORT,
        *((LIST_PARTS,) if needs.with_uploads else ()),
    )


def on_bucket(needs: Needs) -> tuple[Right, ...]:
    """Give the rights that concern the bucket as a whole, and cannot be kept to a location."""
    if needs.read_only:
        return (LIST,)
    # Ceph 16 asks for it on the bucket before it asks for it on each file; Amazon knows no such thing.
    return (LIST, LIST_UPLOADS) if needs.on_amazon or needs.on_r2 else (LIST, LIST_UPLOADS, DELETE_MANY)


def app_policy(needs: Needs) -> Policy:
    """Give the policy of the app's own identity: a role, a user, or who a key belongs to.

    Listing is not bound to the location by `s3:prefix`: a HEAD has no prefix, so for each file that is missing S3 would
    answer 403, which looks like a refusal. The cost: the key can list the names of everything else in the bucket.
    """
    statements = [
        _allow("HoldallObjects", on_objects(needs), needs.objects_arn),
        _allow("HoldallBucket", on_bucket(needs), needs.bucket_arn),
    ]
    if needs.with_doctor:
        statements.append(_allow("HoldallDoctor", DOCTOR, needs.bucket_arn))
    return _policy(statements)


def cloudfront_statement(needs: Needs, distribution_arn: str) -> Statement:
    """Let one CloudFront distribution read the store's files, and nobody else.

    Not `s3:ListBucket` too: a missing file would be 404 instead of 403, but the distribution's root would show
    everybody the names of all files.
    """
    return {
        "Sid": needs.mark("CloudFront"),
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": READ.action,
        "Resource": needs.objects_arn,
        # The attack: another account's distribution in front of this bucket.
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution_arn}},
    }


def cloudfront_statements(needs: Needs, distribution_arn: str) -> list[Statement]:
    """Give all that a bucket policy says of CloudFront: what it may read, and what not even then.

    The attack: a file that somebody uploads and never submits, and links to at the domain of the media, where nothing has
    looked at it.
    """
    allowed = cloudfront_statement(needs, distribution_arn)
    if not needs.with_uploads:
        return [allowed]
    hidden = {
        "Sid": needs.mark("CloudFrontNoUploads"),
        "Effect": "Deny",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": READ.action,
        "Resource": needs.staging_arn,
    }
    return [allowed, hidden]


def public_statement(needs: Needs) -> Statement:
    """Let everybody read the store's files, and list nothing."""
    return {
        "Sid": needs.mark("PublicRead"),
        "Effect": "Allow",
        "Principal": "*",
        "Action": READ.action,
        "Resource": needs.objects_arn,
    }


# The statements by which a store that has a bucket for itself publishes it.
WHOLE_BUCKET_SIDS = frozenset({"HoldallCloudFront", "HoldallPublicRead"})


def bucket_policy(*statements: Statement) -> Policy:
    return _policy(list(statements))


def spaces_permission(needs: Needs) -> str:
    """Give the permission of a Spaces key: https://docs.digitalocean.com/reference/doctl/reference/spaces/keys/create"""
    return "read" if needs.read_only else "readwrite"


def as_json(document: Any) -> str:
    """Write a policy or a setting for people to read: a list of plain values takes one line."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # Line breaks are the layout's alone: inside a string they are escaped.
    return re.sub(
        r"\[\n[^][{}]*\]", lambda found: re.sub(r"\n\s*", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text
    )


def _allow(sid: str, rights: tuple[Right, ...], resource: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": [right.action for right in rights], "Resource": resource}


def _policy(statements: list[Statement]) -> Policy:
    return {"Version": "2012-10-17", "Statement": statements}
