"""What the store's refusals mean: told by their code and in the store's own words.

The words are those of the providers' documentation and of threads in which they are quoted:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
https://docs.ceph.com/en/latest/radosgw/s3/commons/
"""

from __future__ import annotations

import re

import pytest

from holdall.errors import AccessRefused, Answer, CredentialsRefused, HoldallError, StoreFailed
from holdall.s3.answers import explain


def told(code: str, message: str = "", *, status: int = 403, operation: str = "PutObject") -> HoldallError:
    answer = Answer(operation, status, code, message, 0, {})
    return explain(answer, action="saving", name="a.jpg", key="media/a.jpg", bucket="acme", where='bucket "acme" at X')


DENIED = "User: arn:aws:iam::123456789012:user/web is not authorized to perform: "
LASTING = [
    (
        "InvalidObjectState",
        "The operation is not valid for the object's storage class",
        AccessRefused,
        "archived.*Restore",
    ),
    ("QuotaExceeded", "", StoreFailed, "quota is used up"),
    ("AccessDenied", "Quota exceeded for this bucket", StoreFailed, "quota is used up"),
    (
        "AccessDenied",
        f'{DENIED}s3:PutObject on resource: "arn:aws:s3:::acme/media/a.jpg" with an explicit deny in a resource-based policy',
        AccessRefused,
        r"denies it explicitly.*Look for a `Deny`.*resource-based policy",
    ),
    (
        "AccessDenied",
        (
            f"{DENIED}kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:123456789012:key/k because no identity-based "
            "policy allows the kms:GenerateDataKey action"
        ),
        AccessRefused,
        "may not use the KMS key.*kms:GenerateDataKey",
    ),
    ("KMS.DisabledException", "arn:aws:kms:eu-west-1:1:key/k is disabled.", AccessRefused, "disabled. Enable it"),
    (
        "AccessDenied",
        "Access Denied because object protected by object lock.",
        AccessRefused,
        "locked against changes.*protected by object lock",
    ),
    ("AccessDenied", "Object is WORM protected and cannot be overwritten", AccessRefused, "locked against changes"),
    ("AccessDenied", "Request has expired", CredentialsRefused, "clock of this machine"),
    ("RequestTimeTooSkewed", "The difference is too large.", CredentialsRefused, "clock of this machine is off"),
    ("AllAccessDisabled", "All access to this bucket has been disabled.", AccessRefused, "closed this bucket"),
    (
        "XMinioStorageFull",
        "Storage backend has reached its minimum free drive threshold.",
        StoreFailed,
        "disks are full",
    ),
    # The words of Alibaba Cloud, Tencent Cloud and Huawei Cloud, as threads quote them: vesoft-inc/nebula-br#62,
    # gobackup/gobackup#233, and https://support.huaweicloud.com/intl/en-us/api-obs/obs_errorcode_0014.html
    (
        "SecondLevelDomainForbidden",
        "Please use virtual hosted style to access.",
        StoreFailed,
        "AWS_S3_ADDRESSING_STYLE=virtual",
    ),
    (
        "PathStyleDomainForbidden",
        "The bucket you are attempting to access must be addressed using COS virtual-styled domain.",
        StoreFailed,
        "AWS_S3_ADDRESSING_STYLE=virtual",
    ),
    (
        "VirtualHostDomainRequired",
        "Virtual host domain is required while accessing a specific bucket.",
        StoreFailed,
        "AWS_S3_ADDRESSING_STYLE=virtual",
    ),
    ("SomethingElse", "Path-style requests are not supported", StoreFailed, "AWS_S3_ADDRESSING_STYLE=virtual"),
    ("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", StoreFailed, "longer than the store"),
    ("InvalidRequest", "Something is wrong with it", StoreFailed, "Something is wrong with it. Ask whoever"),
]


@pytest.mark.parametrize(
    ("code", "message", "kind", "sentence"), LASTING, ids=[f"{one[0]}-{one[1][:20]}" for one in LASTING]
)
@pytest.mark.parametrize("status", [400, 403])
def test_lasting_refusal_says_its_cause_and_never_to_try_again(
    code: str, message: str, kind: type[HoldallError], sentence: str, status: int
) -> None:
    # Some of these are 400 at one store and 403 at another; these two have one status.
    status = {"AccessDenied": 403, "InvalidRequest": 400}.get(code, status)
    error = told(code, message, status=status)

    assert type(error) is kind
    assert error.code == code
    assert re.search(sentence, str(error), re.DOTALL), str(error)
    assert "try again" not in str(error).lower()
    assert "Grant s3:PutObject" not in str(error)
    if message and code == "AccessDenied":
        assert message.rstrip(".") in str(error)


@pytest.mark.parametrize("message", ["", "Access Denied", "Access Denied."])
def test_missing_right_is_named_and_no_empty_words_are_quoted(message: str) -> None:
    error = told("AccessDenied", message)
    assert type(error) is AccessRefused
    assert str(error).endswith("the keys may not do this. Grant s3:PutObject on arn:aws:s3:::acme/media/a.jpg.")


def test_words_of_the_store_are_quoted() -> None:
    said = f"{DENIED}s3:PutObject because no identity-based policy allows the s3:PutObject action"
    assert str(told("AccessDenied", said)).endswith(f'The store says: "{said}".')


@pytest.mark.parametrize(("code", "status"), [("InternalError", 500), ("RequestTimeout", 400), ("SlowDown", 503)])
def test_passing_failure_says_to_try_again(code: str, status: int) -> None:
    assert "Try again" in str(told(code, status=status))
