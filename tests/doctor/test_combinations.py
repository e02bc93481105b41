"""Two faults at once, and faults that look like others: what is told is the cause that comes first."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from tests.contract import only
from tests.doctor import errors, examine, told
from tests.doctor.conftest import Through, s3_error
from tests.servers.fault_proxy import Answer, Exchange, Fault, Request, answers

on_one_server = only("seaweedfs-http")
Choose = Callable[[Request], Fault | None]


def is_signed(request: Request) -> bool:
    return request.header("authorization") is not None


def signed(fault: Fault) -> Choose:
    return lambda request: fault if is_signed(request) else None


def with_clock(seconds: int, fault: Fault | None) -> Choose:
    """Answer with another date, and signed requests with a fault."""

    def dated(exchange: Exchange) -> None:
        answer = exchange.forward()
        kept = tuple(one for one in answer.headers if one[0].lower() != "date")
        date = ("Date", formatdate(time.time() - seconds, usegmt=True))
        exchange.answer(Answer(answer.status, (*kept, date), answer.body, answer.is_head))

    return lambda request: fault if fault and is_signed(request) else dated


def writing(method: str, fault: Fault, name: str = "") -> Choose:
    return lambda request: fault if request.method == method and is_signed(request) and name in request.target else None


# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, each with its code and message.
REGION = s3_error(
    400,
    "AuthorizationHeaderMalformed",
    "The authorization header is malformed; the region 'x' is wrong; expecting 'eu-west-1'",
)
SKEWED = s3_error(
    403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
)
DENIED = s3_error(403, "AccessDenied", "Access Denied")
DISABLED = s3_error(400, "KMS.DisabledException", "arn:aws:kms:eu-west-1:111122223333:key/a is disabled.")
LOCKED = s3_error(403, "AccessDenied", "Access Denied because object protected by object lock.")
PAYER = s3_error(403, "InvalidPayer", "All access to this object has been disabled.")
SUSPENDED = s3_error(403, "UserSuspended", "")
UNKNOWN_KEY = s3_error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
NO_BUCKET = s3_error(404, "NoSuchBucket", "The specified bucket does not exist")
FULL = s3_error(507, "InsufficientCapacity", "")

COMBINATIONS: dict[str, tuple[Choose, list[str]]] = {
    "wrong clock and wrong region": (with_clock(1200, REGION), ["D308"]),
    "wrong clock that the store refuses": (with_clock(1200, SKEWED), ["D308"]),
    "wrong region and keys of another provider": (signed(REGION), ["D311"]),
    "keys of another provider and a missing bucket": (signed(UNKNOWN_KEY), ["D301"]),
    "missing bucket in a mistaken region": (signed(NO_BUCKET), ["D310"]),
    "bucket of another account": (signed(DENIED), ["D401"]),
    "disabled key of the encryption": (writing("PUT", DISABLED), ["D404"]),
    "requester pays": (signed(PAYER), ["D336"]),
    "suspended user": (signed(SUSPENDED), ["D336"]),
    "full disk": (writing("PUT", FULL), ["D332"]),
    "object lock": (writing("DELETE", LOCKED, "sample-"), ["D335"]),
}


@on_one_server
@pytest.mark.parametrize("name", COMBINATIONS)
def test_cause_that_comes_first_is_told(through: Through, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("holdall.s3.fastlane.MAX_PAUSE_SECONDS", 0)
    choose, expected = COMBINATIONS[name]
    report = examine(through(choose=choose), only=["saving"])
    assert errors(report) == expected, told(report)


# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
@on_one_server
@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("<Filter/><Expiration><Days>7</Days></Expiration>", "rule old: deletes files after 7 days"),
        (
            "<Filter/><Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>",
            "rule old: archives files as GLACIER after 30 days",
        ),
        ("<Filter><Prefix>elsewhere/</Prefix></Filter><Expiration><Days>7</Days></Expiration>", ""),
        ("<Filter><Tag><Key>tmp</Key><Value>1</Value></Tag></Filter><Expiration><Days>7</Days></Expiration>", ""),
        ("<Filter/><NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration>", ""),
    ],
)
def test_rule_that_takes_files_away_is_told(through: Through, rule: str, said: str) -> None:
    body = f"<LifecycleConfiguration><Rule><ID>old</ID>{rule}<Status>Enabled</Status></Rule></LifecycleConfiguration>"
    answer = answers(lambda request: Answer(200, (("Content-Type", "application/xml"),), body.encode()))
    report = examine(
        through(choose=lambda request: answer if "lifecycle" in request.target else None), only=["lifecycle"]
    )
    assert [finding.seen for finding in report.findings if finding.id == "D907"] == [said][: len(said)], told(report)
