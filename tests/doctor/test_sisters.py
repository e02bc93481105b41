"""What is private in one store is not shown by the domain or the endpoint of another: each is asked, and must refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdall.doctor import stores
from holdall.doctor.examination import Entry, Examination, Sister
from holdall.findings import Level
from tests.contract import only
from tests.doctor import errors, examine, ids, report_on, the, told
from tests.doctor.conftest import StartCdn
from tests.providers import Provider
from tests.stores import build_fork, build_storage

pytestmark = only("seaweedfs-http")
PUBLIC, PRIVATE = "shown", "kept"


def policy(bucket: str, *folders: str) -> str:
    """Let everybody read these folders of a bucket; all of it where none is named."""
    places = [f"arn:aws:s3:::{bucket}/{folder}/*" for folder in folders] or [f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": places}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def two(provider: Provider, bucket: str, domain: str, *, other: str = "") -> dict[str, str]:
    """Describe a public store, which is said to be limited, and a private one under `PRIVATE_`, in one bucket."""
    public = provider.environ(bucket, location=PUBLIC, is_public=True, AWS_S3_CUSTOM_DOMAIN=domain)
    private = provider.environ(other or bucket, location=PRIVATE)
    own = {**public, "STORAGE_DOMAIN_IS_LIMITED": "true"}
    return {**own, **{f"PRIVATE_{name}": value for name, value in private.items()}}


@pytest.mark.failure("K1")
def test_domain_of_a_sister_that_reads_the_whole_bucket_is_found(
    provider: Provider, own_bucket: str, start_cdn: StartCdn
) -> None:
    # As CloudFront with an origin access control that may read everything: the bucket itself refuses visitors.
    cdn = start_cdn(own_bucket, keys=provider.keys)
    report = examine(two(provider, own_bucket, cdn.domain), prefix="PRIVATE_")

    assert errors(report) == ["D620"], told(report)
    assert f"http://{cdn.domain}/{PRIVATE}/" in the(report, "D620").seen
    assert "the store of `STORAGE_BUCKET_NAME`" in the(report, "D620").seen
    assert "D600" in ids(report, Level.OK)
    assert provider.keys_in(own_bucket) == []


@pytest.mark.failure("K1")
def test_domain_that_leads_to_the_private_folder_itself_is_found(
    provider: Provider, own_bucket: str, start_cdn: StartCdn
) -> None:
    cdn = start_cdn(own_bucket, keys=provider.keys, origin_path=f"/{PRIVATE}")
    report = examine(two(provider, own_bucket, cdn.domain), prefix="PRIVATE_")
    assert errors(report) == ["D620"], told(report)


def test_domain_that_is_limited_is_proved(provider: Provider, own_bucket: str, start_cdn: StartCdn) -> None:
    # It reads as a visitor does, and the policy opens the public folder alone.
    provider.client.put_bucket_policy(Bucket=own_bucket, Policy=policy(own_bucket, PUBLIC))
    cdn = start_cdn(own_bucket)
    environ = two(provider, own_bucket, cdn.domain)

    report = examine(environ, prefix="PRIVATE_")
    assert errors(report) == [], told(report)
    assert cdn.domain in the(report, "D621").seen
    assert provider.endpoint_url.partition("//")[2] in the(report, "D621").seen

    # From the other side: with nothing to request it says so, with a file it proves it.
    report = examine(environ)
    assert errors(report) == [], told(report)
    assert the(report, "D623").level is Level.UNKNOWN
    provider.write(own_bucket, f"{PRIVATE}/salary.txt", b"a lot")
    report = examine(environ)
    assert (errors(report), the(report, "D623").level) == ([], Level.OK), told(report)


@pytest.mark.failure("K1")
def test_claim_of_a_limit_that_does_not_hold_is_found_from_the_public_side(
    provider: Provider, own_bucket: str, start_cdn: StartCdn
) -> None:
    provider.write(own_bucket, f"{PRIVATE}/salary.txt", b"a lot")
    provider.client.put_bucket_policy(Bucket=own_bucket, Policy=policy(own_bucket, PUBLIC))
    cdn = start_cdn(own_bucket, keys=provider.keys)
    report = examine(two(provider, own_bucket, cdn.domain))

    # A CDN that signs whatever it is asked for lists the bucket, too.
    assert errors(report) == ["D622", "D825"], told(report)
    assert f"{PRIVATE}/salary.txt" in the(report, "D622").seen
    assert provider.keys_in(own_bucket) == [f"{PRIVATE}/salary.txt"]


@pytest.mark.failure("K1")
def test_sister_that_is_not_in_the_contract_is_asked_too(
    provider: Provider, own_bucket: str, start_cdn: StartCdn
) -> None:
    """A project may have any storage beside ours, and may name the bucket otherwise, as by an access point."""
    cdn = start_cdn(own_bucket, keys=provider.keys)
    private = build_storage(provider.environ(own_bucket, location=PRIVATE))
    public = build_storage(
        provider.environ("another-name", is_public=True, AWS_S3_CUSTOM_DOMAIN=cdn.domain), location=PUBLIC
    )
    report = report_on(Examination(private, entry=Entry(), sisters=[Sister("shown", public)]))
    assert errors(report) == ["D620"], told(report)
    assert the(report, "D620").seen.startswith("shown: GET ")


@pytest.mark.failure("K1")
def test_domain_of_a_forks_parent_is_asked(provider: Provider, own_bucket: str, start_cdn: StartCdn) -> None:
    cdn = start_cdn(own_bucket, keys=provider.keys)
    provider.write(own_bucket, f"{PUBLIC}/a.txt", b"shown")
    parent = provider.environ(own_bucket, location=PUBLIC, is_public=True, AWS_S3_CUSTOM_DOMAIN=cdn.domain)
    # from_env refuses it without the claim.
    parent["STORAGE_DOMAIN_IS_LIMITED"] = "true"
    fork = build_fork(provider.environ(own_bucket, location=PRIVATE), parent)
    report = report_on(Examination(fork, entry=Entry()))
    assert "D620" in errors(report), told(report)
    assert the(report, "D620").seen.startswith("the parent: GET ")


@pytest.mark.failure("K1")
def test_stores_of_an_environment_that_leak_are_named_without_a_request(provider: Provider) -> None:
    environ = two(provider, "acme", "cdn.example.com")
    del environ["STORAGE_DOMAIN_IS_LIMITED"]
    for prefix in ("", "PRIVATE_"):
        report = examine(environ, prefix=prefix, offline=True)
        assert errors(report) == ["D170"], told(report)
    assert errors(examine(two(provider, "acme", "cdn.example.com"), offline=True)) == []


def test_stores_of_a_project_know_each_other(settings: Any, provider: Provider) -> None:
    entry = {"BACKEND": "storages.backends.s3.S3Storage"}
    shared = {"bucket_name": "acme", "endpoint_url": provider.endpoint_url}
    public = {**shared, "location": PUBLIC, "querystring_auth": False, "custom_domain": "cdn.example.com"}
    settings.STORAGES = {
        "default": {**entry, "OPTIONS": {**shared, "location": PRIVATE}},
        "shown": {**entry, "OPTIONS": public},
    }
    private, shown = stores.of_project()
    assert [sister.label for sister in private.sisters] == ["shown"]
    assert "D170" in errors(report_on(private, offline=True))
    # Once, with the store whose files are in danger.
    assert "D170" not in errors(report_on(shown, offline=True))
