"""What goes wrong before a file is saved: host, certificate, clock, keys, bucket, region."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from tests.contract import only
from tests.doctor import errors, examine, the, told, warnings
from tests.doctor.conftest import Through, always, s3_error
from tests.providers import Keys, Provider
from tests.servers.fault_proxy import Answer, Exchange, Request, answers
from tests.servers.processes import free_port

on_one_server = only("seaweedfs-http")


@pytest.mark.failure("B3")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_unknown_key_is_named(provider: Provider, bucket: str) -> None:
    report = examine(provider.environ(bucket, keys=Keys.invent()))
    assert errors(report) == ["D301"], told(report)


@pytest.mark.failure("B3")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_wrong_secret_is_told_from_an_unknown_key(provider: Provider, bucket: str) -> None:
    wrong = Keys(provider.keys.access_key, Keys.invent().secret_key)
    report = examine(provider.environ(bucket, keys=wrong))
    assert errors(report) == ["D302"], told(report)
    assert wrong.secret_key not in told(report)


# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
@pytest.mark.failure("F2")
@on_one_server
def test_expired_keys_are_named(through: Through) -> None:
    expired = s3_error(400, "ExpiredToken", "The provided token has expired.")
    report = examine(through(choose=lambda request: expired if _is_signed(request) else None))
    assert errors(report) == ["D303"], told(report)


# https://github.com/vesoft-inc/nebula-br/issues/62 quotes Alibaba Cloud's answer.
@pytest.mark.failure("C1")
@on_one_server
def test_store_that_wants_the_bucket_before_the_host_is_named(through: Through) -> None:
    forbidden = s3_error(403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access.")
    report = examine(through(choose=lambda request: forbidden if _is_signed(request) else None))
    assert errors(report) == ["D314"], told(report)
    assert the(report, "D314").cause.do == "AWS_S3_ADDRESSING_STYLE=virtual"


@pytest.mark.failure("B1")
@on_one_server
def test_token_of_other_keys_is_named(through: Through) -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    invalid = s3_error(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    environ = through(choose=lambda request: invalid if _is_signed(request) else None)
    report = examine(environ | {"AWS_SESSION_TOKEN": "of-another-set"})
    assert errors(report) == ["D304"], told(report)


def _is_signed(request: Request) -> bool:
    return request.header("authorization") is not None


@on_one_server
def test_source_of_the_keys_is_told_in_plain_words(provider: Provider, bucket: str) -> None:
    report = examine(provider.environ(bucket), only=["bucket"])
    assert the(report, "D309").seen == f'bucket "{bucket}", opened with the keys that the storage was given'


@pytest.mark.failure("B2")
@on_one_server
def test_absent_keys_are_named(provider: Provider, bucket: str) -> None:
    environ = provider.environ(bucket)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del environ[name]
    report = examine(environ)
    assert errors(report) == ["D305"], told(report)


# The answer of a server whose clock differs from this machine's; the message is Amazon's.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
@pytest.mark.failure("B6")
@on_one_server
def test_refused_clock_is_named(through: Through) -> None:
    skewed = s3_error(
        403, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large."
    )
    report = examine(through(choose=lambda request: skewed if _is_signed(request) else None))
    assert errors(report) == ["D306"], told(report)


@pytest.mark.failure("B6")
@on_one_server
@pytest.mark.parametrize(("seconds", "levels"), [(120, ([], ["D307"])), (10800, (["D308"], []))])
def test_clock_that_drifts_is_seen_before_it_is_refused(
    through: Through, seconds: int, levels: tuple[list[str], list[str]]
) -> None:
    def with_another_date(exchange: Exchange) -> None:
        answer = exchange.forward()
        kept = [(name, value) for name, value in answer.headers if name.lower() != "date"]
        date = ("Date", formatdate(time.time() - seconds, usegmt=True))
        exchange.answer(Answer(answer.status, (*kept, date), answer.body, answer.is_head))

    report = examine(through(always("*", with_another_date)))
    assert (errors(report), warnings(report)) == levels, told(report)
    assert "ahead" in told(report)
    assert ("3 hours and 0 minutes" in told(report)) == (seconds == 10800)


@pytest.mark.failure("C9")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_missing_bucket_is_named_and_not_taken_for_missing_files(provider: Provider) -> None:
    report = examine(provider.environ("holdall-no-such-bucket"))
    assert errors(report) == ["D310"], told(report)
    assert "holdall-no-such-bucket" in the(report, "D310").seen


# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: PermanentRedirect; the header is documented at
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
@pytest.mark.failure("C5")
@on_one_server
def test_bucket_of_another_region_is_named_with_the_line_to_set(through: Through) -> None:
    redirect = s3_error(
        301,
        "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint.",
        x_amz_bucket_region="eu-central-1",
    )
    report = examine(through(always("*", redirect)))
    assert errors(report) == ["D311"], told(report)
    assert the(report, "D311").cause.do == "AWS_S3_REGION_NAME=eu-central-1"


# The text of jschneier/django-storages#715.
@pytest.mark.failure("C3")
@on_one_server
def test_region_that_the_store_expects_is_read_out_of_its_answer(through: Through) -> None:
    malformed = s3_error(
        400,
        "AuthorizationHeaderMalformed",
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'nyc3'",
    )
    report = examine(through(choose=lambda request: malformed if _is_signed(request) else None))
    assert errors(report) == ["D311"], told(report)
    assert the(report, "D311").cause.do == "AWS_S3_REGION_NAME=nyc3"


@on_one_server
def test_endpoint_where_nothing_listens_is_named(provider: Provider, bucket: str) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    report = examine(provider.environ(bucket, AWS_S3_ENDPOINT_URL=address))
    assert errors(report) == ["D321"], told(report)
    # The remedy can be pasted, and the evidence names no object of the HTTP library.
    assert the(report, "D321").cause.do.startswith(f"curl -v {address} ")
    assert "(host=" not in told(report)


@pytest.mark.failure("C6")
@only("seaweedfs-https", "ceph-https")
def test_certificate_of_an_unknown_authority_is_named(
    provider: Provider, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    report = examine(provider.environ(bucket))
    assert errors(report) == ["D322"], told(report)


@pytest.mark.failure("C1")
@on_one_server
def test_web_page_in_place_of_the_api_is_named(through: Through) -> None:
    page = Answer(200, (("Content-Type", "text/html; charset=utf-8"),), b"<!doctype html><title>Welcome</title>")
    report = examine(through(always("*", answers(lambda request: page))))
    assert errors(report) == ["D323"], told(report)
    assert "log-in page" in str(the(report, "D323").otherwise)


# https://docs.digitalocean.com/products/spaces/details/limits: 503 Slow Down
@pytest.mark.failure("I4")
@on_one_server
def test_throttling_is_named(through: Through, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdall.s3.fastlane.MAX_PAUSE_SECONDS", 0)
    slow = s3_error(503, "SlowDown", "Please reduce your request rate.")
    report = examine(through(choose=lambda request: slow if _is_signed(request) else None))
    assert errors(report) == ["D324"], told(report)


@on_one_server
def test_probe_that_takes_too_long_is_given_up(through: Through) -> None:
    def late(exchange: Exchange) -> None:
        time.sleep(1.5)
        exchange.answer(exchange.forward())

    report = examine(through(always("HeadBucket", late)), only=["connection"], seconds=0.5)
    assert errors(report) == ["D091"], told(report)
    assert "head_bucket in bucket" in the(report, "D091").seen


@on_one_server
def test_examination_ends_where_going_on_makes_no_sense(provider: Provider) -> None:
    report = examine(provider.environ("holdall-no-such-bucket"))
    assert [finding.id for finding in report.findings][-1] == "D090"
    assert not [finding for finding in report.findings if finding.id > "D399"]


@pytest.mark.failure("C2")
@on_one_server
def test_endpoint_that_speaks_plain_http_is_named(provider: Provider, bucket: str) -> None:
    address = provider.endpoint_url.replace("http://", "https://")
    report = examine(provider.environ(bucket, AWS_S3_ENDPOINT_URL=address))
    assert errors(report) == ["D325"], told(report)
    assert the(report, "D325").cause.do.startswith(f"AWS_S3_ENDPOINT_URL={provider.endpoint_url} ")
