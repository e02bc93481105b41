"""No proof from an answer that is none, and no blame either; a refusal is told as what it is."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from holdall.doctor import caching, web
from holdall.findings import Level
from tests.contract import only
from tests.doctor import errors, examine, examine_storage, ids, the, told
from tests.doctor.conftest import MakePublic, StartCdn, Through, always, s3_error
from tests.doctor.lab.cdn import Copy
from tests.servers.fault_proxy import (
    Answer,
    Fault,
    Request,
    answers,
    answers_500_before,
    answers_503_before,
    answers_a_page,
    resets_before,
    stalls_before,
)

on_one_server = only("seaweedfs-http")


def answering(status: int, kind: str, body: bytes, **headers: str) -> Fault:
    """Answer as something else than the store does."""
    named = (("Content-Type", kind), *((name.replace("_", "-"), value) for name, value in headers.items()))
    return answers(lambda request: Answer(status, named, b"" if request.method == "HEAD" else body))


# What visitors may get that says nothing of the store.
NON_ANSWERS: dict[str, Fault] = {
    "503": answers_503_before,
    "500": answers_500_before,
    "502 of a proxy": answering(502, "text/html", b"<h1>502 Bad Gateway</h1>"),
    "429": answering(429, "text/plain", b"Too many requests"),
    "time-out in S3's words": s3_error(400, "RequestTimeout", "Your socket connection was not read from."),
    "reset": resets_before,
    "silence": stalls_before,
    "captive portal": answers_a_page,
    "redirect to a login": answering(302, "text/html", b"", Location="https://login.example.com/"),
    "refused by a firewall": answering(403, "text/html", b"<h1>Blocked by the company's policy</h1>"),
    "another service": answering(404, "application/json", b'{"detail":"Not Found"}'),
}
# What says that visitors, strangers and forgers are kept out, and what accuses the store of letting them in.
PROOFS = {"D600", "D611", "D613", "D719"}
ACCUSATIONS = {"D601", "D602", "D603", "D610", "D612", "D713", "D714"}


@on_one_server
@pytest.mark.parametrize("name", NON_ANSWERS)
def test_what_visitors_are_not_answered_proves_nothing(
    through: Through, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(web, "READ_SECONDS", 0.2)
    monkeypatch.setattr(web, "PAUSES_SECONDS", (0.0, 0.0))

    def choose(request: Request) -> Fault | None:
        # The first question is whether the endpoint is S3, and is not in doubt here.
        is_visitor = request.header("authorization") is None and "list-type=2" not in request.target
        return NON_ANSWERS[name] if is_visitor else None

    report = examine(through(choose=choose), only=["intent", "links"])
    found = {finding.id for finding in report.findings if finding.level is not Level.UNKNOWN}
    assert not found & (PROOFS | ACCUSATIONS), told(report)


@on_one_server
@pytest.mark.parametrize("fault", [answers_503_before, answers_500_before, resets_before])
def test_every_other_request_that_fails_changes_no_finding(
    through: Through, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(web, "PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr("holdall.s3.fastlane.MAX_PAUSE_SECONDS", 0)
    number = itertools.count()

    def choose(request: Request) -> Fault | None:
        return fault if request.header("authorization") is None and next(number) % 2 else None

    report = examine(through(choose=choose), only=["intent", "links"])
    assert errors(report) == [], told(report)
    assert set(ids(report, Level.OK)) >= PROOFS


@on_one_server
@pytest.mark.parametrize("name", ["503", "429", "captive portal", "another service"])
def test_writers_that_are_not_answered_prove_no_condition(
    through: Through, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("holdall.s3.fastlane.MAX_PAUSE_SECONDS", 0)
    number = itertools.count()

    def choose(request: Request) -> Fault | None:
        is_racer = request.method == "PUT" and "race.txt" in request.target
        return NON_ANSWERS[name] if is_racer and next(number) else None

    report = examine(through(choose=choose), only=["condition"])
    assert "D504" not in ids(report, Level.OK), told(report)


@on_one_server
def test_deleted_files_that_cannot_be_looked_for_are_not_proven_to_be_gone(
    through: Through, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdall.s3.fastlane.MAX_PAUSE_SECONDS", 0)
    deleted: list[Request] = []

    def choose(request: Request) -> Fault | None:
        if request.method == "DELETE" and "sample-" in request.target:
            deleted.append(request)
        return answers_503_before if deleted and request.method in {"GET", "HEAD"} else None

    report = examine(through(choose=choose), only=["saving"])
    assert "D900" not in ids(report, Level.OK), told(report)


@on_one_server
@pytest.mark.parametrize("status", [503, 429])
def test_cdn_that_cannot_answer_is_not_judged(
    make_public: MakePublic, start_cdn: StartCdn, public_bucket: str, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(web, "PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(caching, "PATIENCE_SECONDS", 0.0)
    cdn = start_cdn(public_bucket)
    answer = cdn.answer

    def tired(method: str, target: str, headers: Any) -> Any:
        copy, said = answer(method, target, headers)
        # The sample alone is served.
        return (copy if "sample-" in target and method == "GET" else type(copy)(status, [], b"busy", 0, 0)), said

    monkeypatch.setattr(cdn, "answer", tired)
    report = examine_storage(make_public(cdn.domain), only=["cdn", "caching"])
    assert [finding.id for finding in report.findings if finding.id[:2] == "D8" and finding.level is Level.ERROR] == []
    assert not {"D814", "D824", "D827"} & set(ids(report, Level.OK)), told(report)


# https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/
@on_one_server
def test_bot_challenge_is_no_reason_to_open_the_bucket(
    make_public: MakePublic, start_cdn: StartCdn, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdn = start_cdn(bucket)

    def challenges(*_: Any) -> Any:
        return Copy(403, [("cf-mitigated", "challenge"), ("Content-Type", "text/html")], b"<html>", 0, 0), {}

    monkeypatch.setattr(cdn, "answer", challenges)
    report = examine_storage(make_public(cdn.domain, bucket=bucket))
    assert errors(report) == ["D808"], told(report)


# -- what answers at the endpoint


REDIRECTS = (301, 302, 307, 308)


@on_one_server
@pytest.mark.parametrize("status", REDIRECTS)
def test_endpoint_that_redirects_is_named_with_the_address_to_write(through: Through, status: int) -> None:
    def to_https(request: Request) -> Answer:
        host = request.header("host")
        return Answer(status, (("Location", f"https://{host}{request.target}"),), b"", request.method == "HEAD")

    environ = through(always("*", answers(to_https)))
    report = examine(environ)
    assert errors(report) == ["D326"], told(report)
    address = environ["AWS_S3_ENDPOINT_URL"].replace("http://", "https://")
    assert the(report, "D326").cause.do == f"AWS_S3_ENDPOINT_URL={address}"


# Each with the finding, and what is told of it.
OTHERS: dict[str, tuple[Fault, str]] = {
    "another service's JSON": (NON_ANSWERS["another service"], "D323"),
    "a page for what is missing": (answering(404, "text/html", b"<h1>Not Found</h1>"), "D323"),
    "a page for another method": (answering(405, "text/html", b"<h1>Not Allowed</h1>"), "D323"),
    "a login": (NON_ANSWERS["redirect to a login"], "D323"),
    "nothing at all": (answering(200, "text/plain", b""), "D323"),
    "a port for HTTPS": (answering(400, "text/plain", b"Client sent an HTTP request to an HTTPS server.\n"), "D328"),
    "a proxy without a server": (NON_ANSWERS["502 of a proxy"], "D331"),
    "a limit": (NON_ANSWERS["429"], "D324"),
}


@on_one_server
@pytest.mark.parametrize("name", OTHERS)
def test_what_answers_in_the_stores_place_is_not_taken_for_s3(
    through: Through, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(web, "PAUSES_SECONDS", (0.0, 0.0))
    fault, finding = OTHERS[name]
    report = examine(through(always("*", fault)))
    assert errors(report) == [finding], told(report)


# -- refusals that no right changes


# Each answer with its source, the finding, and a part of what the finding says.
REFUSALS: dict[str, tuple[Fault, str, str]] = {
    # https://docs.ceph.com/en/latest/radosgw/s3/commons/
    "quota": (s3_error(403, "QuotaExceeded", ""), "D332", "quota"),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
    "deny": (
        s3_error(
            403,
            "AccessDenied",
            "User: arn:aws:iam::111122223333:user/media is not authorized to perform: s3:PutObject on resource: "
            '"arn:aws:s3:::acme/a.txt" with an explicit deny in a resource-based policy',
        ),
        "D334",
        "explicit deny in a resource-based policy",
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    "suspended": (s3_error(403, "AllAccessDisabled", "All access to this object has been disabled."), "D336", "closed"),
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
    "KMS": (
        s3_error(
            403,
            "AccessDenied",
            "User: arn:aws:iam::111122223333:user/media is not authorized to perform: kms:GenerateDataKey on resource",
        ),
        "D404",
        "kms:GenerateDataKey",
    ),
}


@on_one_server
@pytest.mark.parametrize("name", REFUSALS)
def test_refused_save_is_told_as_what_it_is(through: Through, name: str) -> None:
    fault, finding, said = REFUSALS[name]
    report = examine(through(choose=lambda request: fault if request.method == "PUT" else None))
    assert errors(report) == [finding], told(report)
    told_of = the(report, finding)
    assert said in f"{told_of.seen} {told_of.cause.means}"
    assert "s3:PutObject" not in told_of.cause.do


# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (InvalidObjectState)
@on_one_server
def test_archived_file_is_no_missing_right(through: Through) -> None:
    archived = s3_error(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    report = examine(through(choose=lambda request: archived if is_read(request) else None))
    assert errors(report) == ["D333"], told(report)


def is_read(request: Request) -> bool:
    return request.method == "GET" and "sample-" in request.target


@on_one_server
def test_deny_that_only_the_policy_tells_is_no_missing_right(through: Through) -> None:
    """Most servers say no more than "Access Denied"."""
    policy = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": "arn:aws:s3:::x/*"}]}
    denied = s3_error(403, "AccessDenied", "Access Denied.")

    def choose(request: Request) -> Fault | None:
        if request.method == "GET" and request.target.endswith("?policy"):
            return answering(200, "application/json", json.dumps(policy).encode())
        return denied if request.method == "PUT" else None

    report = examine(through(choose=choose))
    assert errors(report) == ["D334"], told(report)
    assert "`Deny` for s3:Put*" in the(report, "D334").seen
