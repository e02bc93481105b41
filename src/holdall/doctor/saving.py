"""Layer `saving`: save one file through the real storage, with its real settings, read it back, and say why not."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from django.core.files.base import ContentFile

from holdall.doctor.diagnosis import diagnose
from holdall.doctor.examination import Examination, probes, refusal, statement
from holdall.doctor.outside import acl_of
from holdall.doctor.reading import list_not_granted
from holdall.errors import AccessRefused, CredentialsRefused, HoldallError
from holdall.findings import Cause, Finding, Kind, Level

SAVED = Kind("D400", Level.OK, "Files can be saved", "A file was saved through the project's own storage.")
PUT_NOT_GRANTED = Kind(
    "D401",
    Level.ERROR,
    "The keys may not save files",
    "The right to put objects is missing for this prefix, or its resource lacks the `/*` that stands for the objects.",
    failures=("B5",),
)
ACL_NOT_SUPPORTED = Kind(
    "D402",
    Level.ERROR,
    "The bucket does not allow ACLs, and one is sent",
    "Amazon's buckets have had ACLs disabled since April 2023: every upload that carries one is refused.",
    "Remove `default_acl` (or `AWS_DEFAULT_ACL`); let CloudFront or a bucket policy make files public.",
    ("D1",),
)
ACL_BLOCKED = Kind(
    "D403",
    Level.ERROR,
    "The upload is refused because of its ACL",
    "The same file was accepted without the ACL: Block Public Access, or a missing right to set ACLs, refuses it.",
    failures=("D2", "B5"),
)
KMS_REFUSED = Kind(
    "D404",
    Level.ERROR,
    "The bucket's encryption key may not be used",
    "The bucket encrypts with KMS, and the keys may put objects but not use its encryption key.",
    'Grant on the key\'s ARN: {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "…"}',
    ("B7",),
)
CHECKSUM_REFUSED = Kind(
    "D405",
    Level.ERROR,
    "The store refuses the SDK's own checksums",
    "Since version 1.36 boto3 sends each upload with a checksum, over HTTPS as a trailer; this store does not take that.",
    "Use `holdall.storage.MediaStorage`, or set AWS_REQUEST_CHECKSUM_CALCULATION=when_required and "
    "AWS_RESPONSE_CHECKSUM_VALIDATION=when_required",
    ("G5",),
)

READS_BACK = Kind("D406", Level.OK, "Files come back as they were", "The stored bytes are those that were saved.")
GET_NOT_GRANTED = Kind(
    "D407",
    Level.ERROR,
    "The keys may not read files",
    "Uploads work; thumbnails, downloads through Django and every signed link fail.",
    failures=("B5",),
)
BYTES_DIFFER = Kind(
    "D408",
    Level.ERROR,
    "Files do not come back as they were",
    "The store, or a proxy before it, changes what passes.",
    "Look for a proxy that compresses or filters; compare the evidence with what another S3 client gets.",
)
CHECKSUM_INSIDE = Kind(
    "D409",
    Level.ERROR,
    "The upload's checksum is stored inside the file",
    "The store does not understand the way in which boto3 sends checksums since version 1.36, and keeps the frame "
    "with the content: every file is damaged, without an error.",
    "Use `holdall.storage.MediaStorage`, or set AWS_REQUEST_CHECKSUM_CALCULATION=when_required; files that were saved "
    "so must be saved again.",
    ("G6",),
)

# What stores answer to a checksum that they do not know, each reported for at least one provider.
# jschneier/django-storages#1482, #1498, boto/boto3#4398, boto/s3transfer#327, pyronear/old-pyro-platform#214
_CHECKSUM_CODES = frozenset(
    {"MissingContentLength", "XAmzContentSHA256Mismatch", "NotImplemented", "InvalidArgument", "SignatureDoesNotMatch"}
)
_CONTENT = "A file of the doctor's; it may be deleted.\n"


def probe_saving(examination: Examination) -> Iterator[Finding]:
    """Save a small text. One PUT, or what the project's own storage makes of it; a second one to learn why not."""
    began = time.monotonic()
    # No file of the project's has this name, should a class of its own drop the folder.
    ending = f"sample-{secrets.token_hex(4)}.txt"
    try:
        examination.sample = examination.save(ending, ContentFile(_CONTENT.encode()))
    except HoldallError as error:
        yield _why_not(error, examination)
        return
    where = f"under {examination.location}" if examination.location else "at the bucket's root"
    yield SAVED.found(f"{len(_CONTENT)} bytes in {(time.monotonic() - began) * 1000:.0f} ms, {where}")


def _why_not(error: HoldallError, examination: Examination) -> Finding:
    answer = error.answer
    if answer is None or (isinstance(error, CredentialsRefused) and not _may_be_checksum(error, examination)):
        return diagnose(error, examination)
    if answer.code == "AccessControlListNotSupported":
        return ACL_NOT_SUPPORTED.found(refusal(error))
    if "kms" in answer.message.lower():
        return KMS_REFUSED.found(refusal(error))
    if _may_be_checksum(error, examination) and _accepted(examination):
        return CHECKSUM_REFUSED.found(f"{refusal(error)}; the same bytes without that checksum were accepted")
    if answer.status != 403:
        return diagnose(error, examination)
    if answer.operation == "HeadObject":
        # Other storages ask before they write.
        return list_not_granted(error, examination)
    if (acl := acl_of(examination)) and _accepted(examination):
        return ACL_BLOCKED.found(
            f'{refusal(error)}; with the ACL "{acl}"; without it the file was accepted', do=_acl_remedy(examination)
        )
    return _put_not_granted(error, examination)


def _may_be_checksum(error: HoldallError, examination: Examination) -> bool:
    # Our own uploads carry no such checksum where it is not known to be understood.
    return not examination.is_ours and error.answer is not None and error.answer.code in _CHECKSUM_CODES


def _accepted(examination: Examination) -> bool:
    """Say whether the store takes a plain upload: no ACL, no encryption header, no checksum of the SDK's."""
    try:
        examination.call("put_object", Key=examination.key(examination.name("plain.txt")), Body=b"plain")
    except HoldallError:
        return False
    return True


def _acl_remedy(examination: Examination) -> str:
    if examination.provider.public_by_acl:
        return statement("s3:PutObjectAcl", f"{examination.bucket}/{examination.location}*")
    return "Remove `default_acl` (or `AWS_DEFAULT_ACL`); let a CDN with the right to read, or a bucket policy, publish."


def _put_not_granted(error: HoldallError, examination: Examination) -> Finding:
    resource = f"{examination.bucket}/{examination.location}*"
    return PUT_NOT_GRANTED.found(
        refusal(error),
        do=statement("s3:PutObject", resource),
        otherwise=[
            Cause(
                f"The policy names the bucket (`arn:aws:s3:::{examination.bucket}`) where it should name its objects.",
                f'"Resource": "arn:aws:s3:::{resource}"',
            ),
            Cause(
                "The bucket demands encryption with a KMS key that these keys may not use, and does not say so.",
                'Grant on the key\'s ARN: {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "…"}',
            ),
            Cause(
                "A bucket policy denies it, which outweighs every grant.",
                "Ask for the bucket policy, and read its Deny.",
            ),
        ],
    )


def probe_content(examination: Examination) -> Iterator[Finding]:
    """Read the sample back, behind the storage's back and through it. Two GETs."""
    sample = examination.sample
    if sample is None:
        return
    try:
        stored = examination.read(sample.key)
        with examination.translating("reading", sample.name), examination.storage.open(sample.name) as file:
            given = file.read()
    except AccessRefused as error:
        resource = f"{examination.bucket}/{examination.location}*"
        yield GET_NOT_GRANTED.found(refusal(error), do=statement("s3:GetObject", resource))
        return
    if stored == given == sample.content:
        yield READS_BACK.found(f"{len(stored)} bytes, as they are stored and as the storage gives them")
    elif b"x-amz-checksum-" in stored or b"chunk-signature=" in stored:
        yield CHECKSUM_INSIDE.found(
            f"{len(sample.content)} bytes were saved, {len(stored)} are stored: {stored[:24]!r}…"
        )
    else:
        whose = "stored" if stored != sample.content else "given by the storage"
        wrong = stored if stored != sample.content else given
        yield BYTES_DIFFER.found(f"{len(sample.content)} bytes were saved, {len(wrong)} are {whose}: {wrong[:24]!r}…")


PROBES = probes(probe_saving, probe_content)
