"""Findings of the layer `saving`: one file, saved and read back."""

from __future__ import annotations

from functools import partial

from holdall.findings import Cause, Kind, Level
from holdall.providers import PROVIDERS

_Saved = partial(Kind, evidence="The store's answer to a small file that was saved through the project's storage.")
_Read = partial(Kind, evidence="A small file, read back after it was saved.")
WITHOUT_CHECKSUMS = (
    "Use `holdall.storage.MediaStorage`, or set these variables:\n"
    "AWS_REQUEST_CHECKSUM_CALCULATION=when_required\n"
    "AWS_RESPONSE_CHECKSUM_VALIDATION=when_required"
)
_HAS_POLICY = tuple(id_ for id_ in PROVIDERS if id_ not in {"r2", "b2", "spaces"})
# Amazon, and servers that people run themselves.
_HAS_KMS = ("amazon", "generic")
GRANT_KMS = (
    "Add this statement to the policy of the user or role that the keys belong to, with the KMS key's ARN:\n"
    '{"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "…"}'
)

SAVED = Kind("D400", Level.OK, "Files can be saved", "A file was saved through the project's own storage.")
PUT_NOT_GRANTED = _Saved(
    "D401",
    Level.ERROR,
    "The keys are not allowed to save files",
    "The right to put objects is missing for this prefix, or its resource does not end in `/*`, which stands for objects.",
    "Grant `s3:PutObject` on the objects: arn:aws:s3:::BUCKET/LOCATION/*.",
    failures=("B5",),
    remedies=(
        Cause("The bucket's name is misspelled, and the bucket is someone else's.", "Check `STORAGE_BUCKET_NAME`."),
        Cause(
            "The bucket requires encryption with a KMS key that these keys are not allowed to use.", GRANT_KMS, _HAS_KMS
        ),
        Cause(
            "A bucket policy denies it. A Deny outweighs every grant.",
            "Read the Deny statements of the bucket policy.",
            _HAS_POLICY,
        ),
    ),
)
ACL_NOT_SUPPORTED = _Saved(
    "D402",
    Level.ERROR,
    "Files are sent with an ACL, and the bucket does not allow ACLs",
    "Amazon's buckets have had ACLs disabled by default since April 2023. They refuse every upload that has one.",
    "Remove `default_acl` (or `AWS_DEFAULT_ACL`). `holdall provision` says what makes files public without it.",
    ("D1",),
)
ACL_BLOCKED = _Saved(
    "D403",
    Level.ERROR,
    "The upload is refused because of its ACL",
    "The same file was accepted without the ACL. Block Public Access refuses it, or the keys are not allowed to set ACLs.",
    "Remove `default_acl` (or `AWS_DEFAULT_ACL`). `holdall provision` says what makes files public without it.",
    failures=("D2", "B5"),
    remedies=(
        Cause(
            "The provider makes files public by ACL, as Spaces does.",
            "Grant `s3:PutObjectAcl` on the objects.",
            tuple(id_ for id_, provider in PROVIDERS.items() if provider.public_by_acl),
        ),
    ),
)
KMS_REFUSED = _Saved(
    "D404",
    Level.ERROR,
    "The keys are not allowed to use the bucket's encryption key",
    "The bucket encrypts with KMS. The keys may put objects, but may not use the KMS key.",
    "Let the keys use the encryption key, or encrypt the bucket with the provider's own.",
    ("B7",),
    remedies=(Cause("The keys are those of a user or role with policies.", GRANT_KMS, _HAS_KMS),),
)
CHECKSUM_REFUSED = _Saved(
    "D405",
    Level.ERROR,
    "The store refuses the SDK's checksums",
    "Since version 1.36, boto3 sends a checksum with each upload, over HTTPS at the end of the body. This store does not "
    "accept it.",
    WITHOUT_CHECKSUMS,
    ("G5",),
)
READS_BACK = Kind("D406", Level.OK, "Files are stored unchanged", "The stored bytes are the ones that were saved.")
GET_NOT_GRANTED = _Read(
    "D407",
    Level.ERROR,
    "The keys are not allowed to read files",
    "Uploads work, but thumbnails, downloads through Django and all signed links fail.",
    "Grant `s3:GetObject` on the objects: arn:aws:s3:::BUCKET/LOCATION/*.",
    failures=("B5",),
)
BYTES_DIFFER = _Read(
    "D408",
    Level.ERROR,
    "Files come back changed",
    "The store, or a proxy in front of it, changes the content.",
    "Look for a proxy that compresses or filters. Compare what was seen with what another S3 client gets.",
)
CHECKSUM_INSIDE = _Read(
    "D409",
    Level.ERROR,
    "The upload's checksum is stored inside the file",
    "The store does not understand how boto3 sends checksums since version 1.36, and stores them as part of the content. "
    "Every file is damaged, and no upload fails.",
    f"{WITHOUT_CHECKSUMS}\nSave the damaged files again.",
    ("G6",),
)
