"""Layer `saving`: save one file through the real storage with its real settings, and read it back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from django.core.files.base import ContentFile

from holdall.doctor.catalogue import connection
from holdall.doctor.catalogue import saving as kinds
from holdall.doctor.diagnosis import diagnose, lasting, list_not_granted, no_right
from holdall.doctor.evidence import refusal
from holdall.doctor.examination import Examination
from holdall.doctor.grants import grant, has_statements, resource_of
from holdall.doctor.outside import acl_of
from holdall.doctor.probe import probes
from holdall.errors import AccessRefused, CredentialsRefused, HoldallError
from holdall.findings import Cause, Finding

# What stores answer to a checksum that they do not support. Each was reported for at least one provider.
# jschneier/django-storages#1482, #1498, boto/boto3#4398, boto/s3transfer#327, pyronear/old-pyro-platform#214
_CHECKSUM_CODES = frozenset(
    {"MissingContentLength", "XAmzContentSHA256Mismatch", "NotImplemented", "InvalidArgument", "SignatureDoesNotMatch"}
)
_CONTENT = "A file of the doctor's; it may be deleted.\n"


def probe_saving(examination: Examination) -> Iterator[Finding]:
    """Save a small text. One PUT, or what the project's own storage sends; a second one to find out why it failed."""
    began = time.monotonic()
    # If a class of the project drops the folder, this name is still not one of the project's.
    ending = f"sample-{secrets.token_hex(4)}.txt"
    try:
        examination.sample = examination.save(ending, ContentFile(_CONTENT.encode()))
    except HoldallError as error:
        yield _why_not(error, examination)
        return
    where = f"under {examination.location}" if examination.location else "in the bucket's root"
    yield kinds.SAVED.found(f"{len(_CONTENT)} bytes in {(time.monotonic() - began) * 1000:.0f} ms, {where}")


def _why_not(error: HoldallError, examination: Examination) -> Finding:
    answer = error.answer
    if answer is None or (isinstance(error, CredentialsRefused) and not _may_be_checksum(error, examination)):
        return diagnose(error, examination)
    if answer.code == "AccessControlListNotSupported":
        return kinds.ACL_NOT_SUPPORTED.found(refusal(error))
    if (told := lasting(error)) is not None:
        return told
    if "kms" in answer.message.lower():
        known = examination.provider.id in {"amazon", "generic"}
        return kinds.KMS_REFUSED.found(refusal(error), do=kinds.GRANT_KMS if known else "")
    if _may_be_checksum(error, examination) and _accepted(examination):
        return kinds.CHECKSUM_REFUSED.found(f"{refusal(error)}; without the checksum, the same content was accepted")
    if answer.status != 403:
        return diagnose(error, examination)
    if answer.operation == "HeadObject":
        # Other storages check the name before they write.
        return list_not_granted(error, examination)
    if (acl := acl_of(examination)) and _accepted(examination):
        return kinds.ACL_BLOCKED.found(
            f'{refusal(error)}; it had the ACL "{acl}", and without it the file was accepted',
            do=_acl_remedy(examination),
        )
    return _put_not_granted(error, examination)


def _may_be_checksum(error: HoldallError, examination: Examination) -> bool:
    # Holdall sends this checksum only to providers that support it.
    return not examination.is_ours and error.answer is not None and error.answer.code in _CHECKSUM_CODES


def _accepted(examination: Examination) -> bool:
    """Whether the store accepts a plain upload, without ACL, encryption header or checksum."""
    try:
        examination.call("put_object", Key=examination.key(examination.name("plain.txt")), Body=b"plain")
    except HoldallError:
        return False
    return True


def _acl_remedy(examination: Examination) -> str:
    if examination.provider.public_by_acl:
        return grant(examination, "s3:PutObjectAcl")
    return kinds.ACL_BLOCKED.do


def _put_not_granted(error: HoldallError, examination: Examination) -> Finding:
    if (told := no_right(error, examination, "s3:PutObject")) is not None:
        return told
    # A bucket's name belongs to one account worldwide, so a misspelled name may be a stranger's bucket.
    strangers, encrypted, denied = kinds.PUT_NOT_GRANTED.remedies
    return kinds.PUT_NOT_GRANTED.found(
        refusal(error),
        do=grant(examination, "s3:PutObject"),
        otherwise=[
            *([strangers] if connection.BUCKET_HIDDEN.id in examination.found else []),
            *([_names_the_bucket(examination)] if has_statements(examination) else []),
            encrypted,
            denied,
        ],
    )


def _names_the_bucket(examination: Examination) -> Cause:
    return Cause(
        f"The policy names the bucket (`arn:aws:s3:::{examination.bucket}`) instead of its objects.",
        f'"Resource": "{resource_of(examination, "s3:PutObject")}"',
    )


def probe_content(examination: Examination) -> Iterator[Finding]:
    """Read the sample back, directly and through the storage. Two GETs."""
    sample = examination.sample
    if sample is None:
        return
    try:
        stored = examination.read(sample.key)
        with examination.translating("reading", sample.name), examination.storage.open(sample.name) as file:
            given = file.read()
    except AccessRefused as error:
        if (told := no_right(error, examination, "s3:GetObject")) is not None:
            yield told
            return
        yield kinds.GET_NOT_GRANTED.found(refusal(error), do=grant(examination, "s3:GetObject"))
        return
    if stored == given == sample.content:
        yield kinds.READS_BACK.found(f"{len(stored)} bytes, as stored and as the storage returns them")
    elif b"x-amz-checksum-" in stored or b"chunk-signature=" in stored:
        yield kinds.CHECKSUM_INSIDE.found(
            f"{len(sample.content)} bytes were saved, {len(stored)} are stored: {stored[:24]!r}…"
        )
    else:
        whose = "stored" if stored != sample.content else "returned by the storage"
        wrong = stored if stored != sample.content else given
        yield kinds.BYTES_DIFFER.found(
            f"{len(sample.content)} bytes were saved and {len(wrong)} are {whose}: {wrong[:24]!r}…"
        )


PROBES = probes(probe_saving, probe_content)
