"""What goes wrong when files come back: rights, frames, proxies."""

from __future__ import annotations

import pytest

from holdall import doctor
from holdall.doctor import stores
from holdall.findings import Level
from tests.contract import only
from tests.doctor import errors, examine, examine_storage, ids, the, told, warnings
from tests.doctor.conftest import MakePlain, Through, always, keys_with, s3_error, without
from tests.providers import Provider
from tests.servers.fault_proxy import Answer, Exchange, Fault, Request

on_one_server = only("seaweedfs-http")


@pytest.mark.failure("B4")
@only("ceph-http")
def test_right_to_list_that_is_missing_is_named_with_its_statement(
    provider: Provider, bucket: str, location: str
) -> None:
    report = examine(provider.environ(bucket, location=location, keys=provider.no_list))
    assert errors(report) == ["D500"], told(report)
    # It is taken for a Space, whose keys have permissions of their own.
    assert the(report, "D500").cause.do.endswith(f"--grants 'bucket={bucket};permission=readwrite'")
    assert the(report, "D500").otherwise == ()


# S3's answer to HEAD without the right to list: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
@pytest.mark.failure("B4")
@on_one_server
def test_right_to_list_is_named_for_plain_django_storages_too(through: Through, plain: MakePlain) -> None:
    def hides(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.answer(Answer(403, is_head=answer.is_head) if answer.status == 404 else answer)

    environ = through(always("HeadObject", hides), always("GetObject", hides))
    storage = plain(endpoint_url=environ["AWS_S3_ENDPOINT_URL"])
    report = examine_storage(storage, only=["missing"])
    assert errors(report) == ["D500"], told(report)


@pytest.mark.failure("B5")
@only("ministack")
def test_right_to_read_that_is_missing_is_named(provider: Provider, bucket: str, location: str) -> None:
    keys = keys_with(provider, allow=without("s3:GetObject"))
    report = examine(provider.environ(bucket, location=location, keys=keys))
    assert errors(report) == ["D407"], told(report)


# What boto/boto3#4435 reports: the server keeps the frame of the trailer with the content.
@pytest.mark.failure("G6")
@on_one_server
def test_checksum_inside_the_file_is_named(through: Through) -> None:
    def framed(exchange: Exchange) -> None:
        answer = exchange.forward()
        if answer.status == 200:
            body = b"2b\r\n" + answer.body + b"\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
            headers = tuple((name, value) for name, value in answer.headers if name.lower() != "content-length")
            answer = Answer(200, headers, body)
        exchange.answer(answer)

    report = examine(through(always("GetObject", framed)), only=["content"])
    assert errors(report) == ["D409"], told(report)


@on_one_server
def test_proxy_that_changes_files_is_named(through: Through) -> None:
    def shouts(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.answer(Answer(answer.status, answer.headers, answer.body.upper(), answer.is_head))

    report = examine(through(always("GetObject", shouts)), only=["content"])
    assert errors(report) == ["D408"], told(report)


@pytest.mark.failure("H1")
@on_one_server
def test_proxy_that_ignores_ranges_is_named(through: Through) -> None:
    def whole(exchange: Exchange) -> None:
        answer = exchange.forward()
        if answer.status == 206:
            headers = tuple(one for one in answer.headers if one[0].lower() not in {"content-range", "content-length"})
            answer = Answer(200, headers, b"A file of the doctor's; it may be deleted.\n")
        exchange.answer(answer)

    report = examine(through(always("GetObject", whole)), only=["range"])
    assert (errors(report), warnings(report)) == ([], ["D506"]), told(report)


@pytest.mark.failure("H1")
@on_one_server
def test_storage_that_reads_the_whole_for_ten_bytes_is_named(plain: MakePlain) -> None:
    report = examine_storage(plain(), only=["range"])
    assert (errors(report), warnings(report)) == ([], ["D507"]), told(report)


@pytest.mark.failure("I1")
@pytest.mark.failure("I3")
@pytest.mark.failure("M1")
@on_one_server
def test_costs_of_plain_django_storages_are_named(plain: MakePlain) -> None:
    report = examine_storage(plain(file_overwrite=False), only=["processes"])
    found = [id_ for id_ in ids(report, *Level) if id_.startswith("D55")]
    assert found == ["D550", "D551", "D552"], told(report)
    assert the(report, "D550").seen == "HeadObject and PutObject"


@on_one_server
def test_bucket_is_left_as_it_was_when_the_examination_is_broken_off(
    provider: Provider, bucket: str, location: str
) -> None:

    provider.write(bucket, f"{location}/kept.txt", b"kept")
    findings = doctor.examine(stores.of_environment(provider.environ(bucket, location=location)))
    for finding in findings:
        if finding.id == "D410":
            break
    assert len(provider.keys_in(bucket, location)) > 1
    findings.close()
    assert provider.keys_in(bucket, location) == [f"{location}/kept.txt"]


@pytest.mark.failure("B5")
@on_one_server
def test_right_to_list_that_only_listings_need_is_named(through: Through) -> None:
    denied = s3_error(403, "AccessDenied", "Access Denied")

    def lists(request: Request) -> Fault | None:
        return denied if request.operation == "ListObjects" and "holdall-doctor" in request.target else None

    report = examine(through(choose=lists), only=["listing"])
    assert errors(report) == ["D511"], told(report)
