"""What pages of other sites may do with the files: each way in which CORS fails has its own finding."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from django.core.files.storage import Storage

from holdall.doctor import examination
from tests.contract import only
from tests.doctor import errors, examine, examine_storage, notices, report_on, the, told, warnings
from tests.doctor.conftest import MakePublic, StartCdn
from tests.providers import Provider

SITE = "https://www.example.com"


def allow(provider: Provider, bucket: str, *origins: str) -> None:
    rule: Any = {"AllowedOrigins": list(origins), "AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["*"]}
    provider.client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def with_origins(storage: Storage, *origins: str) -> Any:
    return report_on(examination.Examination(storage, origins=origins, entry=examination.Entry()))


@only("seaweedfs-http", "ministack", "ceph-http")
@pytest.mark.parametrize("allowed", [[SITE, "https://beta.example.com"], ["*"]], ids=["named", "all"])
def test_site_that_is_allowed_is_healthy(
    provider: Provider, own_bucket: str, start_cdn: StartCdn, make_public: MakePublic, allowed: list[str]
) -> None:
    allow(provider, own_bucket, *allowed)
    storage = make_public(start_cdn(own_bucket, keys=provider.no_list).domain, bucket=own_bucket)
    report = with_origins(storage, SITE, "https://beta.example.com")

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D850" in {finding.id for finding in report.findings}


@pytest.mark.failure("J1")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_site_that_is_not_allowed_is_warned_of(
    provider: Provider, own_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    allow(provider, own_bucket, "https://beta.example.com")
    storage = make_public(start_cdn(own_bucket, keys=provider.no_list).domain, bucket=own_bucket)
    report = with_origins(storage, SITE)

    assert (errors(report), warnings(report)) == ([], ["D851"]), told(report)
    do = the(report, "D851").cause.do
    if provider.mode == "do":
        assert do.endswith(f"\nholdall provision --format commands --origin {SITE}")
        return
    words = shlex.split(do, comments=True)
    assert words[words.index("--bucket") + 1] == own_bucket
    assert words[words.index("--endpoint-url") + 1] == provider.endpoint_url
    rules = json.loads(words[words.index("--cors-configuration") + 1])
    provider.client.put_bucket_cors(Bucket=own_bucket, CORSConfiguration=rules)
    assert warnings(with_origins(storage, SITE)) == []


@pytest.mark.failure("J1")
@only("ministack")
def test_sites_of_the_settings_are_asked_for(
    provider: Provider, own_bucket: str, start_cdn: StartCdn, make_public: MakePublic, settings: Any
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.com", SITE]
    report = examine_storage(make_public(start_cdn(own_bucket, keys=provider.no_list).domain, bucket=own_bucket))

    # They may show pictures alone, for which no header is needed.
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert f"Origin {SITE}" in the(report, "D856").seen


@pytest.mark.failure("J1")
@only("seaweedfs-http", "ministack")
def test_preflight_that_is_refused_is_noticed(
    provider: Provider, own_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    allow(provider, own_bucket, SITE)
    domain = start_cdn(own_bucket, keys=provider.no_list, methods=("GET", "HEAD")).domain
    report = with_origins(make_public(domain, bucket=own_bucket), SITE)

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D852" in notices(report)


@pytest.mark.failure("J2")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_permission_that_is_kept_for_another_site_is_warned_of(
    provider: Provider, own_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    allow(provider, own_bucket, SITE)
    domain = start_cdn(own_bucket, keys=provider.no_list, key_headers=()).domain
    report = with_origins(make_public(domain, bucket=own_bucket), SITE)

    assert (errors(report), warnings(report)) == ([], ["D853"]), told(report)


@pytest.mark.failure("J2")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_permission_that_does_not_say_on_what_it_depends_is_warned_of(
    provider: Provider, own_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    allow(provider, own_bucket, SITE)
    domain = start_cdn(own_bucket, keys=provider.no_list, drops=("vary",)).domain
    report = with_origins(make_public(domain, bucket=own_bucket), SITE)

    assert (errors(report), warnings(report)) == ([], ["D854"]), told(report)


@only("seaweedfs-http")
def test_sites_that_nobody_named_are_noticed(
    provider: Provider, public_bucket: str, location: str, start_cdn: StartCdn
) -> None:
    environ = provider.environ(
        public_bucket, location=location, is_public=True, AWS_S3_CUSTOM_DOMAIN=start_cdn(public_bucket).domain
    )
    report = examine(environ)

    assert "D855" in notices(report)


@only("seaweedfs-http")
def test_cors_of_signed_links_is_that_of_the_bucket(provider: Provider, own_bucket: str, location: str) -> None:
    environ = provider.environ(own_bucket, location=location)
    allow(provider, own_bucket, "https://beta.example.com")
    assert [one for one in warnings(examine(environ, only=["cors"])) if one.startswith("D85")] == []
    report = examine(environ, origins=[SITE], only=["cors"])
    assert warnings(report) == ["D857"], told(report)
    words = shlex.split(the(report, "D857").cause.do, comments=True)
    rules = json.loads(words[words.index("--cors-configuration") + 1])
    provider.client.put_bucket_cors(Bucket=own_bucket, CORSConfiguration=rules)
    report = examine(environ, origins=[SITE], only=["cors"])
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D850" in {finding.id for finding in report.findings}
