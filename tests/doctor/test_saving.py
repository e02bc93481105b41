"""Why a file cannot be saved: which right, which ACL, which key, which checksum."""

from __future__ import annotations

import json

import pytest

from tests.contract import only
from tests.doctor import errors, examine, examine_storage, the, told
from tests.doctor.conftest import MakePlain, Through, always, keys_with, s3_error
from tests.providers import Provider
from tests.servers.fault_proxy import Fault, Request

on_one_server = only("seaweedfs-http")


@pytest.mark.failure("B5")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_missing_right_to_put_is_named_with_its_statement(provider: Provider, bucket: str, location: str) -> None:
    report = examine(provider.environ(bucket, location=location, keys=provider.readonly))
    assert errors(report) == ["D401"], told(report)
    where, _, line = the(report, "D401").cause.do.partition("\n")
    if provider.mode == "do":
        assert "permission Read/Write/Delete for this Space" in where
        assert line.endswith(f"--grants 'bucket={bucket};permission=readwrite'")
        return
    statement = json.loads(line)
    assert statement == {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/{location}/*",
    }


@only("ministack")
def test_name_of_a_strangers_bucket_is_a_possible_cause(provider: Provider, bucket: str, location: str) -> None:
    # As Amazon answers for a bucket of another account: everything is refused.
    keys = keys_with(provider, allow=["s3:ListAllMyBuckets"])
    report = examine(provider.environ(bucket, location=location, keys=keys))
    assert errors(report) == ["D401"], told(report)
    assert "the bucket is someone else's" in the(report, "D401").otherwise[0].means


def _with_acl(fault: Fault) -> object:
    return lambda request: fault if request.header("x-amz-acl") else None


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
@pytest.mark.failure("D1")
@on_one_server
def test_acl_on_a_bucket_without_acls_is_named(through: Through) -> None:
    refused = s3_error(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
    environ = through(choose=_with_acl(refused), is_public=True) | {"STORAGES_MODE": "do", "AWS_S3_REGION_NAME": ""}
    report = examine(environ)
    assert errors(report) == ["D402"], told(report)


# A plain AccessDenied, without a word on the ACL: pulp/pulpcore#366
@pytest.mark.failure("D2")
@on_one_server
def test_acl_that_public_access_block_refuses_is_found_by_leaving_it_out(through: Through) -> None:
    refused = s3_error(403, "AccessDenied", "Access Denied")
    environ = through(choose=_with_acl(refused), is_public=True) | {"STORAGES_MODE": "do", "AWS_S3_REGION_NAME": ""}
    report = examine(environ)
    assert errors(report) == ["D403"], told(report)


@pytest.mark.failure("D1")
@only("ministack")
def test_acl_on_amazons_default_bucket_is_named(provider: Provider, plain: MakePlain) -> None:
    # MiniStack's new buckets have what Amazon's have: owner enforced, public access blocked.
    report = examine_storage(plain(default_acl="public-read"))
    assert errors(report) == ["D402"], told(report)


# jschneier/django-storages#1144, #666
@pytest.mark.failure("B7")
@on_one_server
def test_encryption_key_that_may_not_be_used_is_named(through: Through) -> None:
    denied = s3_error(
        403,
        "AccessDenied",
        "User: arn:aws:iam::111122223333:user/app is not authorized to perform: kms:GenerateDataKey on the resource",
    )
    report = examine(through(always("PutObject", denied)))
    assert errors(report) == ["D404"], told(report)


@pytest.mark.failure("G5")
@only("ceph-https")
def test_checksum_of_newer_sdks_is_named(plain: MakePlain) -> None:
    # Over HTTPS, where boto3 sends the checksum as a trailer; this gateway answers MissingContentLength.
    report = examine_storage(plain(file_overwrite=False))
    assert errors(report) == ["D405"], told(report)


# jschneier/django-storages#1498, boto/s3transfer#327: Backblaze B2
@pytest.mark.failure("G5")
@on_one_server
def test_checksum_header_that_the_store_does_not_know_is_named(through: Through, plain: MakePlain) -> None:
    unsupported = s3_error(
        400, "InvalidArgument", "Unsupported header 'x-amz-sdk-checksum-algorithm' received for this API call."
    )

    def with_checksum(request: Request) -> Fault | None:
        return unsupported if request.header("x-amz-sdk-checksum-algorithm") else None

    environ = through(choose=with_checksum)
    report = examine_storage(plain(endpoint_url=environ["AWS_S3_ENDPOINT_URL"], file_overwrite=False))
    assert errors(report) == ["D405"], told(report)
