"""What a CDN keeps: files, old files and errors."""

from __future__ import annotations

import pytest

from holdall.doctor import caching
from tests.contract import only
from tests.doctor import errors, examine_storage, notices, the, told, warnings
from tests.doctor.conftest import MakePublic, StartCdn
from tests.providers import Provider


@pytest.mark.failure("E3")
@only("seaweedfs-http")
def test_cdn_that_keeps_nothing_is_noticed(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket, caches=False, tells=False).domain))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D810" in notices(report)


@pytest.mark.failure("E3")
@only("seaweedfs-http")
def test_cdn_that_is_told_to_keep_nothing_is_warned_of(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket, caches=False, says="DYNAMIC").domain))

    assert (errors(report), warnings(report)) == ([], ["D812"]), told(report)


@pytest.mark.failure("E5")
# MiniStack and SeaweedFS tell missing from forbidden to everybody.
@only("ceph-http")
def test_missing_file_that_is_refused_is_noticed(
    provider: Provider, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    # Without the right to list, as CloudFront has it by default.
    bucket = provider.create_bucket()
    domain = start_cdn(bucket, keys=provider.no_list).domain
    report = examine_storage(make_public(domain, bucket=bucket))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "403 AccessDenied" in the(report, "D813").seen


@pytest.mark.failure("E5")
@only("seaweedfs-http")
def test_missing_file_that_is_answered_with_a_page_is_warned_of(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket, page_for_errors=b"<!doctype html>").domain))

    assert (errors(report), warnings(report)) == ([], ["D815"]), told(report)


@pytest.mark.failure("E6")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_copy_that_stays_old_is_noticed(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket).domain))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "3600 s" in the(report, "D816").seen


@pytest.mark.failure("E6")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_copy_that_stays_old_is_warned_of_where_files_are_replaced(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    domain = start_cdn(public_bucket).domain
    options = {"file_overwrite": True, "object_parameters": {"CacheControl": "max-age=86400"}}
    report = examine_storage(make_public(domain, **options))

    assert errors(report) == [], told(report)
    assert "D817" in warnings(report)
    assert "86400 s more" in the(report, "D817").seen


@only("seaweedfs-http")
def test_copy_that_is_renewed_is_no_finding(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket, caches=False).domain, file_overwrite=True))

    assert not {"D816", "D817"} & {finding.id for finding in report.findings}


@pytest.mark.failure("E6")
@only("seaweedfs-http", "ceph-http")
def test_error_that_is_kept_is_warned_of(
    provider: Provider,
    public_bucket: str,
    start_cdn: StartCdn,
    make_public: MakePublic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caching, "PATIENCE_SECONDS", 0.3)
    report = examine_storage(make_public(start_cdn(public_bucket, keeps_errors_seconds=600).domain))

    assert (errors(report), warnings(report)) == ([], ["D818"]), told(report)


@pytest.mark.failure("E6")
@only("seaweedfs-http")
def test_error_that_is_kept_for_a_moment_is_noticed(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket, keeps_errors_seconds=1).domain))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "D819" in notices(report)


# https://developers.cloudflare.com/cache/how-to/configure-cache-status-code
@pytest.mark.failure("E6")
@only("seaweedfs-http")
def test_errors_that_cloudflare_keeps_by_default_are_noticed(
    provider: Provider,
    public_bucket: str,
    start_cdn: StartCdn,
    make_public: MakePublic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caching, "PATIENCE_SECONDS", 0.3)
    domain = start_cdn(public_bucket, keeps_errors_seconds=180, adds={"cf-cache-status": "HIT"}).domain
    report = examine_storage(make_public(domain))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert "3 minutes" in the(report, "D819").seen
