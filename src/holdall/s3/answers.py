"""What the store's answers mean: each failure as an error of ours, with its cause and its remedy. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from holdall.errors import (
    AccessRefused,
    Answer,
    BucketNotFound,
    CredentialsRefused,
    HoldallError,
    InvalidName,
    NameTaken,
    ObjectChanged,
    ObjectNotFound,
    StoreFailed,
)
from holdall.s3.fastlane import Refused


def answer_of(error: Any) -> Answer:
    """Read what the store said out of an error of the SDK or of the fast lane."""
    if isinstance(error, Refused):
        return Answer(error.operation, error.status, error.code, error.message, error.retries, error.headers)
    response = error.response
    meta = response.get("ResponseMetadata", {})
    details = response.get("Error", {})
    status = int(meta.get("HTTPStatusCode", 0))
    return Answer(
        operation=error.operation_name,
        status=status,
        code=str(details.get("Code") or status),
        message=str(details.get("Message") or ""),
        retries=int(meta.get("RetryAttempts", 0)),
        headers=meta.get("HTTPHeaders", {}),
    )


# Codes that only a bucket which exists answers with.
OBJECT_CODES = frozenset({"NoSuchKey", "PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"})

# The right that an operation needs.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_RIGHTS = {
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject (and s3:ListBucket, without which a missing file is refused instead of not found)",
    "DeleteObject": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjects": "s3:ListBucket",
    "HeadBucket": "s3:ListBucket",
    "CopyObject": "s3:GetObject and s3:PutObject",
    "UploadPartCopy": "s3:GetObject and s3:PutObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
    "PutBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "GetBucketPolicy": "s3:GetBucketPolicy",
    "PutBucketPolicy": "s3:PutBucketPolicy",
    "GetBucketCors": "s3:GetBucketCORS",
    "PutBucketCors": "s3:PutBucketCORS",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
}

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
CREDENTIALS = {
    "InvalidAccessKeyId": "the store does not know the access key id. Check `AWS_ACCESS_KEY_ID`: it may be mistyped, "
    "deleted, from another provider or account, or temporary and missing its `AWS_SESSION_TOKEN`.",
    "SignatureDoesNotMatch": "the access key id is known, but the secret does not match it. Copy "
    "`AWS_SECRET_ACCESS_KEY` again, in full; if there is a proxy, check that it does not change the host or the headers.",
    "ExpiredToken": "the temporary keys have expired. Fetch new ones, with their `AWS_SESSION_TOKEN`.",
    "TokenRefreshRequired": "the temporary keys must be renewed. Fetch new ones, with their `AWS_SESSION_TOKEN`.",
    "InvalidToken": "`AWS_SESSION_TOKEN` does not belong to the key. Set all three from the same set, or none.",
    "RequestTimeTooSkewed": "the clock of this machine is off by more than 15 minutes. Set it; the time zone does not matter.",
    "AccountProblem": "there is a problem with the account of this key. Ask the provider.",
    "NotSignedUp": "the account behind the key may not use S3. Ask the provider.",
}
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
# https://docs.ceph.com/en/latest/radosgw/s3/commons/ (QuotaExceeded)
_LASTING: dict[str, tuple[type[HoldallError], str]] = {
    "InvalidObjectState": (
        AccessRefused,
        (
            "the file is archived, and cannot be read before it is restored. Restore it (`aws s3api restore-object`), and let "
            "no lifecycle rule archive what is served."
        ),
    ),
    "QuotaExceeded": (
        StoreFailed,
        "the store's quota is used up. Delete something, or have the quota raised; reading and deleting still work.",
    ),
    "ServiceQuotaExceeded": (StoreFailed, "a quota of the account is used up. Have it raised."),
    "InsufficientCapacity": (StoreFailed, "the store is full. Ask whoever runs it."),
    "XMinioStorageFull": (StoreFailed, "the store's disks are full. Ask whoever runs it."),
    "EntityTooLarge": (StoreFailed, "the file is longer than the store takes. Save a shorter one."),
    "ObjectLockConfigurationNotFoundError": (StoreFailed, "the bucket has no object lock, and the request names one."),
    "InvalidRetentionPeriod": (StoreFailed, "the retention that the request names is not allowed by the bucket."),
    "KMS.DisabledException": (
        AccessRefused,
        "the KMS key that the file is encrypted with is disabled. Enable it, or give the bucket another.",
    ),
    "KMS.NotFoundException": (AccessRefused, "the KMS key that the request or the bucket names does not exist."),
    "KMS.KMSInvalidStateException": (
        AccessRefused,
        "the KMS key is in a state in which it cannot be used, such as pending deletion.",
    ),
    "MethodNotAllowed": (StoreFailed, "the store does not do this to such an object; nothing was changed."),
    "NotImplemented": (StoreFailed, "the store does not know this request, or a header of it; nothing was done."),
    "InvalidPayer": (AccessRefused, "the requester pays for this bucket, and the request did not agree to."),
    "AllAccessDisabled": (AccessRefused, "the provider has closed this bucket for everybody. Ask the provider."),
    "AccountSuspended": (AccessRefused, "the account is suspended. Ask the provider."),
    "UserSuspended": (AccessRefused, "the user of these keys is suspended. Ask whoever runs the store."),
}
# Where a bucket is not reached by its name in the path.
# https://www.alibabacloud.com/help/en/oss/user-guide/0003-00000303 (SecondLevelDomainForbidden)
# https://www.tencentcloud.com/document/product/436/75050 (PathStyleDomainForbidden)
# https://support.huaweicloud.com/intl/en-us/api-obs/obs_errorcode_0014.html (VirtualHostDomainRequired)
_VIRTUAL_ONLY = frozenset({"SecondLevelDomainForbidden", "PathStyleDomainForbidden", "VirtualHostDomainRequired"})
_VIRTUAL_WORDS = re.compile(
    r"virtual[ -]?(?:host|styled? domain)|path[ -]style.*(?:not|no longer) (?:supported|allowed)"
)
# Refusals that end by themselves, though their status says that the request was wrong.
_MAY_PASS = frozenset(
    {"RequestTimeout", "OperationAborted", "ConditionalRequestConflict", "BadDigest", "IncompleteBody", "408", "409"}
)
# What "AccessDenied" means besides a missing right, by the words that come with it.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
_BY_WORDS: tuple[tuple[tuple[str, ...], tuple[type[HoldallError], str]], ...] = (
    (
        ("object lock", "object is locked", "worm protected", "legal hold", "retention"),
        (
            AccessRefused,
            (
                "the object is locked against changes, until its retention ends or its legal hold is lifted. No right of the "
                "keys lifts it in compliance mode."
            ),
        ),
    ),
    (
        ("explicit deny",),
        (
            AccessRefused,
            (
                "a policy denies it explicitly, and no grant outweighs that. Look for a `Deny` in the policy that the store "
                "names: of the bucket, the user, the role or the organisation."
            ),
        ),
    ),
    (
        ("kms:", "kms key", "aws kms"),
        (
            AccessRefused,
            (
                "the keys may not use the KMS key that the bucket encrypts with. Grant `kms:GenerateDataKey` and "
                "`kms:Decrypt` on it, in the key's own policy too."
            ),
        ),
    ),
    (
        ("request has expired",),
        (
            CredentialsRefused,
            "the signature has expired: the link is old, or the clock of this machine is wrong. Set it.",
        ),
    ),
    (
        ("quota",),
        (StoreFailed, "the store's quota is used up. Delete something, or have the quota raised."),
    ),
)
# The operations whose condition is about another object than the one that is made.
_COPIES = frozenset({"CopyObject", "UploadPartCopy"})
# The operations by which the SDK fetches keys; their refusals are none of the bucket's.
_KEY_SOURCES = ("AssumeRole", "GetRoleCredentials", "GetSessionToken", "GetFederationToken", "CreateOAuth2Token")
_REGION = frozenset(
    {"PermanentRedirect", "301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)


_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def moved_to(location: str, *, bucket: str | None) -> str:
    """Give the endpoint that a redirect leads to, from its header; "" if it leads to something else than this bucket."""
    parts = urlsplit(location)
    if parts.scheme not in {"http", "https"} or not parts.netloc or not bucket:
        return ""
    if parts.netloc.startswith(f"{bucket}."):
        return f"{parts.scheme}://{parts.netloc.removeprefix(f'{bucket}.')}"
    before, found, rest = parts.path.partition(f"/{bucket}")
    if not found or (rest and not rest.startswith("/")):
        return ""
    return f"{parts.scheme}://{parts.netloc}{before}"


def what_of(action: str, name: str) -> str:
    """Say what was being done."""
    return f'{action} "{name}"' if name else action


def explain(answer: Answer, *, action: str, name: str, key: str, bucket: str | None, where: str) -> HoldallError:
    """Make the error that says what an answer means: the fact, the place, the cause and the remedy."""
    what = what_of(action, name)
    said = f"{answer.status} {answer.code}" if not answer.bare else str(answer.status)
    refused = f"{what[:1].upper()}{what[1:]} was refused ({said}) by {where}"
    error: HoldallError
    if answer.code == "NoSuchBucket":
        error = BucketNotFound(
            f"There is no {where} (needed for {what}). Check `STORAGE_BUCKET_NAME`, the region and the endpoint."
        )
    elif answer.code in {"NoSuchKey", "404"}:
        error = ObjectNotFound(f'File does not exist: {name} (key "{key}" in {where}).')
    elif answer.code in {"PreconditionFailed", "412"} and answer.operation in _COPIES:
        error = ObjectChanged(f'What "{name}" was to be a copy of was replaced meanwhile ({where}). Open it again.')
    elif answer.code in {"PreconditionFailed", "412"} and answer.operation == "GetObject":
        error = ObjectChanged(f'"{name}" was replaced in {where} while it was read. Read it again from the beginning.')
    elif answer.code in {"PreconditionFailed", "412"}:
        error = NameTaken(
            f'"{name}" is taken in {where}; an existing file is never replaced. Nothing was changed.',
            store=where,
            key=key,
        )
    elif answer.code == "KeyTooLongError":
        error = InvalidName(f'{refused}: "{name}" is too long for a key there. Shorten it. {answer.message}'.rstrip())
    elif wants_virtual_style(answer):
        # No right is missing.
        error = StoreFailed(
            f"{refused}: it wants the bucket's name before the host, not in the path. Set "
            f"`AWS_S3_ADDRESSING_STYLE=virtual`.{_quoted(answer)}"
        )
    elif answer.operation.startswith(_KEY_SOURCES):
        error = CredentialsRefused(
            f"{what[:1].upper()}{what[1:]} failed in {where}: {answer.operation}, which is to give the keys, was refused "
            f"({said}). Check the role (`AWS_ROLE_ARN`), its trust policy, and the token. {answer.message}".rstrip()
        )
    elif answer.code in CREDENTIALS:
        error = CredentialsRefused(f"{refused}: {CREDENTIALS[answer.code]}")
    elif address := moved_to(answer.headers.get("location", ""), bucket=bucket):
        error = StoreFailed(
            f"{refused}: the endpoint redirects to {address}, and a signed request cannot follow. "
            f"Set `AWS_S3_ENDPOINT_URL={address}`."
        )
    elif answer.status in _REDIRECTS and answer.bare and "x-amz-bucket-region" not in answer.headers:
        leads = answer.headers.get("location", "").partition("?")[0]
        error = StoreFailed(
            f"{refused}: what answers is not S3; it redirects{f' to {leads}' if leads else ''}, as a login page or a web "
            "server does. Check `AWS_S3_ENDPOINT_URL`, and what is between here and the store."
        )
    elif answer.code in _REGION:
        region = answer.headers.get("x-amz-bucket-region")
        advice = f"set `AWS_S3_REGION_NAME={region}`." if region else "check `AWS_S3_REGION_NAME` and the endpoint."
        error = StoreFailed(f"{refused}: the bucket is in another region; {advice} {answer.message}".rstrip())
    elif lasting := _lasting(answer):
        error = lasting[0](f"{refused}: {lasting[1]}{_quoted(answer)}")
    elif answer.code == "AccessControlListNotSupported":
        error = AccessRefused(
            f"{refused}: the bucket does not allow ACLs, and one was sent. Remove `default_acl` and let a bucket policy "
            "or the CDN make the files public."
        )
    elif answer.status == 403 or answer.code in {"AccessDenied", "AllAccessDisabled"}:
        right = _RIGHTS.get(answer.operation, f"the right to {answer.operation}")
        error = AccessRefused(
            f"{refused}: the keys may not do this. Grant {right} on {_resource(answer, bucket, key)}.{_quoted(answer)}"
        )
    elif answer.status in {429, 503} or answer.code in {"SlowDown", "TooManyRequests"}:
        error = StoreFailed(f"{refused}: too many requests, even after {answer.retries} retries. Try again later.")
    else:
        reason = answer.message.rstrip(".") or "it gave no reason"
        # What is wrong with a request stays wrong when it is sent again.
        may_pass = answer.status >= 500 or answer.code in _MAY_PASS
        advice = (
            "Try again; if it happens again, ask whoever runs the store." if may_pass else "Ask whoever runs the store."
        )
        error = StoreFailed(f"{refused}: {reason}. {advice}")
    error.code, error.retries, error.answer = answer.code, answer.retries, answer
    # 501 says for certain that nothing was done.
    error.outcome_unknown = answer.status >= 500 and answer.status != 501
    return error


def meaning_of(answer: Answer) -> str:
    """Say why a request was refused, where no right of the keys would have helped; "" if one may."""
    found = _lasting(answer)
    return found[1] if found else ""


def _lasting(answer: Answer) -> tuple[type[HoldallError], str] | None:
    """Give what a refusal means that no right would lift, and that lasts until somebody does something."""
    if answer.code in _LASTING:
        return _LASTING[answer.code]
    if answer.status != 403:
        return None
    said = answer.message.lower()
    return next((meaning for words, meaning in _BY_WORDS if any(word in said for word in words)), None)


def wants_virtual_style(answer: Answer) -> bool:
    """Say whether a store refuses the bucket in the path, by its code or, where that says too little, in its words."""
    return answer.code in _VIRTUAL_ONLY or (
        400 <= answer.status < 500 and _VIRTUAL_WORDS.search(answer.message.lower()) is not None
    )


def _quoted(answer: Answer) -> str:
    """Give the store's own words, where it has any that the code does not say."""
    said = answer.message.strip().rstrip(".")
    return f' The store says: "{said}".' if said and said.lower() != "access denied" else ""


def _resource(answer: Answer, bucket: str | None, key: str) -> str:
    return (
        f"arn:aws:s3:::{bucket}"
        if "Bucket" in answer.operation or "List" in answer.operation or not key
        else f"arn:aws:s3:::{bucket}/{key}"
    )
