"""Private never leaks, public is really readable: each way in which that goes wrong has its own finding."""

from __future__ import annotations

import json
import shlex
from itertools import pairwise
from typing import Any

import pytest

from tests.contract import only
from tests.doctor import errors, examine, examine_storage, notices, the, told, warnings
from tests.doctor.conftest import FILES, StartCdn, keys_with, public_policy
from tests.providers import Provider
from tests.stores import build_storage

PICTURE = b"a picture of the project's"


def public_environ(provider: Provider, bucket: str, location: str, domain: str) -> dict[str, str]:
    return provider.environ(bucket, location=location, is_public=True, AWS_S3_CUSTOM_DOMAIN=domain)


def a_bucket(provider: Provider, *actions: str) -> str:
    """Make a bucket in which everybody may do this."""
    bucket = provider.create_bucket()
    if provider.name == "ministack":
        provider.client.delete_public_access_block(Bucket=bucket)
    if actions:
        provider.client.put_bucket_policy(Bucket=bucket, Policy=public_policy(bucket, *actions))
    return bucket


def arguments_of(command: str) -> dict[str, str]:
    """Read the options of a command that the doctor printed."""
    words = shlex.split(command)
    return {name.removeprefix("--"): value for name, value in pairwise(words) if name[:2] == "--"}


# -- private


@pytest.mark.failure("K1")
def test_private_files_in_a_public_bucket_are_found(provider: Provider, location: str) -> None:
    bucket = a_bucket(provider, "s3:GetObject")
    report = examine(provider.environ(bucket, location=location))

    assert errors(report) == ["D601"], told(report)
    assert warnings(report) == []
    assert "200" in the(report, "D601").seen
    assert provider.keys_in(bucket) == []


@pytest.mark.failure("K1")
@only("ministack", "seaweedfs-http")
def test_remedy_for_a_public_bucket_closes_it(provider: Provider, location: str) -> None:
    bucket = a_bucket(provider, "s3:GetObject")
    environ = provider.environ(bucket, location=location)
    command = the(examine(environ), "D601").cause.do

    given = arguments_of(command)
    assert given["bucket"] == bucket
    assert given["endpoint-url"] == provider.endpoint_url
    # The switches are Amazon's own.
    assert "delete-bucket-policy" in command
    provider.client.delete_bucket_policy(Bucket=bucket)
    assert errors(examine(environ)) == []


@pytest.mark.failure("K1")
@only("ceph-http")
def test_private_files_that_are_sent_with_a_public_acl_are_found(
    provider: Provider, bucket: str, location: str
) -> None:
    storage = build_storage(provider.environ(bucket, location=location), default_acl="public-read")
    report = examine_storage(storage)

    # What contradicts itself is named before anything is sent, too.
    assert errors(report) == ["D063", "D601"], told(report)
    assert "Remove `default_acl`" in the(report, "D601").cause.do


@pytest.mark.failure("K1")
@only("seaweedfs-http")
def test_bucket_whose_acl_opens_every_object_is_found(provider: Provider, location: str) -> None:
    bucket = provider.create_bucket()
    provider.client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    report = examine(provider.environ(bucket, location=location))

    # There it opens the listing as well.
    assert errors(report) == ["D601", "D610"], told(report)
    assert the(report, "D601").cause.do.startswith("aws s3api put-bucket-acl")


@pytest.mark.failure("K1")
@only("ceph-http", "ceph-https", "ministack")
def test_older_file_with_a_public_acl_is_found(provider: Provider, location: str) -> None:
    bucket = a_bucket(provider)
    if provider.name == "ministack":
        rules: Any = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        provider.client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)
    provider.write(bucket, f"{location}/invoice.pdf", PICTURE, ACL="public-read")
    report = examine(provider.environ(bucket, location=location))

    assert errors(report) == ["D602"], told(report)
    assert "invoice.pdf" in the(report, "D602").seen
    key, command = f"{location}/invoice.pdf", the(report, "D602").cause.do
    if provider.name == "ministack":
        assert arguments_of(command)["key"] == key
    else:
        assert command == f"s3cmd setacl s3://{bucket}/{key} --acl-private"


def test_older_private_file_is_no_finding(provider: Provider, bucket: str, location: str) -> None:
    provider.write(bucket, f"{location}/invoice.pdf", PICTURE)
    report = examine(provider.environ(bucket, location=location))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert provider.keys_in(bucket, location) == [f"{location}/invoice.pdf"]


# -- public


@pytest.mark.failure("D3")
@only("ceph-http", "ceph-https")
def test_public_files_without_an_acl_are_found(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn
) -> None:
    environ = public_environ(provider, bucket, location, start_cdn(bucket).domain)
    report = examine_storage(build_storage(environ, default_acl=None))

    assert errors(report) == ["D605"], told(report)
    assert warnings(report) == []
    assert "STORAGE_MAKE_FILES_PUBLIC=true" in the(report, "D605").cause.do


@pytest.mark.failure("D3")
@only("seaweedfs-http", "seaweedfs-https")
def test_public_files_in_a_closed_bucket_are_found_and_the_printed_policy_opens_it(
    provider: Provider, location: str, start_cdn: StartCdn
) -> None:
    bucket = provider.create_bucket()
    environ = public_environ(provider, bucket, location, start_cdn(bucket).domain)
    report = examine(environ)
    assert errors(report) == ["D605"], told(report)

    provider.client.put_bucket_policy(Bucket=bucket, Policy=arguments_of(the(report, "D605").cause.do)["policy"])
    assert errors(examine(environ)) == []


@pytest.mark.failure("D3")
@only("ministack")
def test_closed_bucket_at_amazon_is_told_of_the_distributions_right(
    provider: Provider, location: str, start_cdn: StartCdn
) -> None:
    bucket = a_bucket(provider)
    environ = public_environ(provider, bucket, location, start_cdn(bucket).domain)
    report = examine_storage(build_storage(environ, provider="amazon", addressing_style="path"))

    assert errors(report) == ["D605"], told(report)
    statement = json.loads(the(report, "D605").cause.do.partition("\n")[2])
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statement["Resource"] == f"arn:aws:s3:::{bucket}/{location}/*"


@pytest.mark.failure("D3")
@only("ceph-http")
def test_older_file_without_an_acl_is_noticed(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn
) -> None:
    provider.write(bucket, f"{location}/old.jpg", PICTURE)
    report = examine(public_environ(provider, bucket, location, start_cdn(bucket).domain))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "old.jpg" in the(report, "D609").seen
    assert the(report, "D609").cause.do.endswith(f"s3cmd setacl s3://{bucket}/{location}/old.jpg --acl-public")


@pytest.mark.failure("D4")
@only("seaweedfs-http")
@pytest.mark.parametrize(
    ("kind", "remedy"),
    [("generic", "put-bucket-policy"), ("r2", "Custom Domains"), ("b2", "b2 bucket update")],
)
def test_acl_that_is_taken_and_ignored_is_found(
    provider: Provider, bucket: str, location: str, start_cdn: StartCdn, kind: str, remedy: str
) -> None:
    # SeaweedFS does what R2 is reported to do: the ACL is accepted, and visitors are refused.
    # https://developers.cloudflare.com/r2/api/s3/api/ (x-amz-acl is not implemented)
    environ = public_environ(provider, bucket, location, start_cdn(bucket).domain)
    report = examine_storage(build_storage(environ, provider=kind, default_acl="public-read"))

    assert errors(report) == ["D606"], told(report)
    assert remedy in the(report, "D606").cause.do


@pytest.mark.failure("D5")
@only("ministack")
def test_block_public_access_is_found_before_there_is_a_policy(
    provider: Provider, location: str, start_cdn: StartCdn
) -> None:
    bucket = provider.create_bucket()
    report = examine(public_environ(provider, bucket, location, start_cdn(bucket).domain))

    assert errors(report) == ["D607"], told(report)
    assert "BlockPublicPolicy" in the(report, "D607").cause.means


@pytest.mark.failure("D5")
@only("ministack")
def test_policy_without_effect_is_found_with_the_switch_that_is_on(
    provider: Provider, location: str, start_cdn: StartCdn
) -> None:
    bucket = a_bucket(provider, "s3:GetObject")
    switches = {
        "BlockPublicAcls": False,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": True,
    }
    provider.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=switches)
    environ = public_environ(provider, bucket, location, start_cdn(bucket).domain)
    report = examine_storage(build_storage(environ, default_acl=None))

    assert errors(report) == ["D607"], told(report)
    assert "RestrictPublicBuckets" in the(report, "D607").cause.means
    assert "these switches are on: RestrictPublicBuckets" in the(report, "D607").seen


@pytest.mark.failure("D5")
@only("ministack")
def test_block_that_may_not_be_asked_for_is_a_possible_cause_and_no_fault(
    provider: Provider, location: str, start_cdn: StartCdn
) -> None:
    bucket = provider.create_bucket()
    environ = provider.environ(
        bucket,
        location=location,
        is_public=True,
        keys=keys_with(provider, allow=FILES),
        AWS_S3_CUSTOM_DOMAIN=start_cdn(bucket).domain,
    )
    # Listing folders is refused too, which is another finding.
    report = examine(environ, skip=["listing"])

    assert errors(report) == ["D605"], told(report)
    assert "could not ask (403 AccessDenied)" in the(report, "D605").otherwise[0].means


def test_public_files_in_a_closed_bucket_behind_a_cdn_with_rights_are_right(
    provider: Provider, location: str, start_cdn: StartCdn
) -> None:
    bucket = provider.create_bucket()
    cdn = start_cdn(bucket, keys=provider.no_list)
    storage = build_storage(public_environ(provider, bucket, location, cdn.domain), default_acl=None)
    report = examine_storage(storage)

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "the bucket itself refuses visitors" in the(report, "D604").seen


@pytest.mark.failure("F4")
@only("seaweedfs-http", "ministack")
@pytest.mark.parametrize("declared", [None, True])
def test_links_that_are_signed_although_everybody_may_read_are_warned_of(
    provider: Provider, public_bucket: str, location: str, declared: bool | None
) -> None:
    storage = build_storage(provider.environ(public_bucket, location=location), public=declared)
    report = examine_storage(storage)

    assert (errors(report), warnings(report)) == ([], ["D608"]), told(report)
    # Nobody has said that they are meant to be public, so the other reading is told as well.
    assert bool(the(report, "D608").otherwise) is (declared is None)


# -- listing and writing


@pytest.mark.failure("K3")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_public_listing_is_found(provider: Provider, location: str) -> None:
    bucket = a_bucket(provider, "s3:ListBucket")
    report = examine(provider.environ(bucket, location=location))

    assert errors(report) == ["D610"], told(report)
    is_space = provider.name == "ceph-http"
    assert ("s3cmd delpolicy" if is_space else "s3:ListBucket") in the(report, "D610").cause.do


@pytest.mark.failure("K3")
@only("ceph-http")
def test_public_listing_by_acl_is_found(provider: Provider, location: str) -> None:
    bucket = provider.create_bucket()
    provider.client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    report = examine(provider.environ(bucket, location=location))

    assert errors(report) == ["D610"], told(report)
    assert the(report, "D610").cause.do.startswith(f"s3cmd setacl s3://{bucket} --acl-private")


# SeaweedFS heeds no such policy.
@only("ministack", "ceph-http")
def test_bucket_in_which_everybody_may_write_is_found_and_left_as_it_was(provider: Provider, location: str) -> None:
    bucket = a_bucket(provider, "s3:PutObject")
    report = examine(provider.environ(bucket, location=location))

    assert errors(report) == ["D612"], told(report)
    assert "PUT without keys: 200" in the(report, "D612").seen
    assert provider.keys_in(bucket) == []


def test_nothing_is_asked_where_nothing_was_saved(provider: Provider, location: str) -> None:
    bucket = provider.create_bucket()
    report = examine(provider.environ(bucket, location=location, keys=provider.readonly))

    assert not {"D600", "D601", "D605"} & {finding.id for finding in report.findings}
    assert provider.keys_in(bucket) == []
    assert notices(report)[0] == "D090"
