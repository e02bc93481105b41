"""The domain in front of the bucket: each way in which a CDN fails has its own finding."""

from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.core.files.storage import Storage

from holdall.doctor import caching, examination
from tests.contract import only
from tests.doctor import errors, examine, examine_storage, notices, report_on, the, told, warnings
from tests.doctor.conftest import MakePlain, StartCdn
from tests.providers import Provider
from tests.stores import build_storage

SITE = "https://www.example.com"
MakePublic = Callable[..., Storage]


@pytest.fixture
def make_public(provider: Provider, public_bucket: str, location: str) -> MakePublic:
    """Make a storage for public files behind a domain; options are put over those of the contract."""

    def make(domain: str, *, bucket: str = "", **options: Any) -> Storage:
        environ = provider.environ(
            bucket or public_bucket, location=location, is_public=True, AWS_S3_CUSTOM_DOMAIN=domain
        )
        return build_storage(environ, **options)

    return make


# -- the way there


def certificate(folder: Path, ca: trustme.CA, *names: str, **times: Any) -> tuple[Path, Path]:
    issued = ca.issue_cert(*names, **times)
    chain, key = folder / "chain.pem", folder / "key.pem"
    issued.private_key_pem.write_to_path(key)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(chain, append=True)
    return chain, key


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that the doctor knows."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return made


def year(number: int) -> datetime:
    return datetime(number, 1, 1, tzinfo=UTC)


@only("seaweedfs-http")
def test_domain_over_https_is_healthy(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic, ca: trustme.CA, tmp_path: Path
) -> None:
    domain = start_cdn(public_bucket, certificate=certificate(tmp_path, ca, "localhost")).domain
    report = examine_storage(make_public(domain, url_protocol="https:"))

    assert (errors(report), warnings(report)) == ([], []), told(report)
    # The lab serves both on one port.
    assert "D826" in notices(report)


@only("seaweedfs-http")
@pytest.mark.parametrize(
    ("names", "times", "finding"),
    [
        (["localhost"], {"not_before": year(2023), "not_after": year(2024)}, "D803"),
        (["media.example.com"], {}, "D804"),
    ],
    ids=["expired", "another name"],
)
def test_certificate_that_browsers_refuse_is_found(
    provider: Provider,
    public_bucket: str,
    start_cdn: StartCdn,
    make_public: MakePublic,
    ca: trustme.CA,
    tmp_path: Path,
    names: list[str],
    times: dict[str, Any],
    finding: str,
) -> None:
    domain = start_cdn(public_bucket, certificate=certificate(tmp_path, ca, *names, **times)).domain
    report = examine_storage(make_public(domain, url_protocol="https:"))

    assert (errors(report), warnings(report)) == ([finding], []), told(report)


@only("seaweedfs-http")
def test_certificate_of_an_unknown_authority_is_found(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic, ca: trustme.CA, tmp_path: Path
) -> None:
    domain = start_cdn(public_bucket, certificate=certificate(tmp_path, trustme.CA(), "localhost")).domain
    report = examine_storage(make_public(domain, url_protocol="https:"))

    assert (errors(report), warnings(report)) == (["D805"], []), told(report)


@only("seaweedfs-http")
def test_domain_that_speaks_no_tls_is_found(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket).domain, url_protocol="https:"))

    assert (errors(report), warnings(report)) == (["D806"], []), told(report)


@only("seaweedfs-http")
def test_domain_whose_name_does_not_exist_is_found(
    provider: Provider, make_public: MakePublic, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = socket.getaddrinfo

    def name_server(host: Any, *arguments: Any, **options: Any) -> Any:
        # What a name server answers, without asking one outside.
        if host == "media.example.com":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ask(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", name_server)
    report = examine_storage(make_public("media.example.com"))

    assert (errors(report), warnings(report)) == (["D801"], []), told(report)
    assert "media.example.com" in the(report, "D801").seen


@only("seaweedfs-http")
def test_domain_where_nothing_answers_is_found(provider: Provider, make_public: MakePublic) -> None:
    with socket.socket() as nobody:
        # Bound, but it does not listen.
        nobody.bind(("127.0.0.1", 0))
        report = examine_storage(make_public(f"127.0.0.1:{nobody.getsockname()[1]}"))

    assert (errors(report), warnings(report)) == (["D802"], []), told(report)


# -- the right file


@pytest.mark.failure("E2")
@only("seaweedfs-http", "ministack", "ceph-http")
@pytest.mark.parametrize("fault", ["origin_path", "strips"])
def test_cdn_that_adds_or_takes_away_the_location_is_found(
    provider: Provider, public_bucket: str, location: str, start_cdn: StartCdn, make_public: MakePublic, fault: str
) -> None:
    domain = start_cdn(public_bucket, **{fault: f"/{location}"}).domain
    report = examine_storage(make_public(domain))

    assert (errors(report), warnings(report)) == (["D807"], []), told(report)
    found = the(report, "D807")
    assert f"/{location}" in found.cause.do
    assert ("Remove the CDN's origin path" in found.cause.do) is (fault == "origin_path")
    assert "the file is at /" in found.seen


@pytest.mark.failure("E2")
@only("seaweedfs-http", "ministack")
def test_cdn_that_leads_above_the_bucket_is_found(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn("").domain))

    assert (errors(report), warnings(report)) == (["D807"], []), told(report)
    assert f"CDN's origin path to `/{public_bucket}`" in the(report, "D807").cause.do


@pytest.mark.failure("E2")
@only("seaweedfs-http")
def test_bucket_within_the_custom_domain_is_found(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    domain = start_cdn(public_bucket).domain
    report = examine_storage(make_public(domain, custom_domain=f"{domain}/{public_bucket}"))

    assert (errors(report), warnings(report)) == (["D807"], []), told(report)
    assert f"Remove `/{public_bucket}` from" in the(report, "D807").cause.do


@pytest.mark.failure("E2")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_cdn_in_front_of_another_bucket_is_found(
    provider: Provider, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(provider.create_bucket()).domain))

    assert (errors(report), warnings(report)) == (["D808"], []), told(report)


@only("seaweedfs-http")
def test_cdn_that_answers_with_something_else_is_found(
    provider: Provider, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    page = b"<!doctype html><title>Our site</title>"
    report = examine_storage(make_public(start_cdn(provider.create_bucket(), page_for_errors=page).domain))

    assert (errors(report), warnings(report)) == (["D809"], []), told(report)
    assert "text/html" in the(report, "D809").seen


@only("seaweedfs-http")
def test_cdn_that_changes_files_is_found(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    domain = start_cdn(public_bucket, transforms=lambda body: body.replace(b" ", b"")).domain
    report = examine_storage(make_public(domain))

    assert (errors(report), warnings(report)) == (["D809"], []), told(report)


# -- copies


@pytest.mark.failure("E3")
@only("seaweedfs-http", "ministack")
def test_domain_that_is_the_bucket_itself_is_warned_of(
    provider: Provider, public_bucket: str, make_public: MakePublic
) -> None:
    host = provider.endpoint_url.partition("//")[2]
    report = examine_storage(make_public(host, custom_domain=f"{host}/{public_bucket}"))

    assert (errors(report), warnings(report)) == ([], ["D811"]), told(report)


@pytest.mark.failure("E3")
@only("ceph-http")
def test_public_files_without_a_domain_are_warned_of(
    provider: Provider, public_bucket: str, make_public: MakePublic
) -> None:
    report = examine_storage(make_public("media.example.com", custom_domain=None))

    assert (errors(report), warnings(report)) == ([], ["D811"]), told(report)
    assert f"AWS_S3_CUSTOM_DOMAIN={public_bucket}." in the(report, "D811").cause.do


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
    assert "31536000 s" in the(report, "D816").seen


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


# -- what arrives


@only("seaweedfs-http")
def test_cdn_that_ignores_ranges_is_warned_of(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket, passes_ranges=False).domain))

    assert (errors(report), warnings(report)) == ([], ["D820"]), told(report)


@pytest.mark.failure("G7")
@only("seaweedfs-http")
def test_cdn_that_changes_the_type_is_warned_of(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    domain = start_cdn(public_bucket, sets={"content-type": "application/octet-stream"}).domain
    report = examine_storage(make_public(domain))

    assert (errors(report), warnings(report)) == ([], ["D821"]), told(report)


@pytest.mark.failure("K2")
@only("seaweedfs-http", "ministack")
def test_pages_that_run_on_the_media_domain_are_warned_of(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, plain: MakePlain
) -> None:
    domain = start_cdn(public_bucket).domain
    storage = plain(bucket_name=public_bucket, custom_domain=domain, url_protocol="http:", querystring_auth=False)
    # django-storages' own storage has faults of its own, which other layers tell.
    report = examine_storage(storage, only=["intent", "links", "cdn", "caching", "cors"])

    assert errors(report) == [], told(report)
    assert "D822" in warnings(report)
    assert not {"D823", "D824"} & {finding.id for finding in report.findings}


@pytest.mark.failure("K2")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_cdn_that_drops_what_keeps_pages_from_running_is_warned_of(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    report = examine_storage(make_public(start_cdn(public_bucket, drops=("content-disposition",)).domain))

    assert (errors(report), warnings(report)) == ([], ["D823"]), told(report)


@only("seaweedfs-http")
def test_type_that_the_project_wants_inline_is_no_finding(
    provider: Provider, public_bucket: str, start_cdn: StartCdn, make_public: MakePublic
) -> None:
    domain = start_cdn(public_bucket).domain
    report = examine_storage(make_public(domain, inline_types=["image/svg+xml", "text/html"]))

    assert (errors(report), warnings(report)) == ([], []), told(report)


@pytest.mark.failure("K3")
@only("seaweedfs-http", "ministack", "ceph-http")
def test_cdn_that_lists_the_bucket_is_found(provider: Provider, start_cdn: StartCdn, make_public: MakePublic) -> None:
    bucket = provider.create_bucket()
    report = examine_storage(make_public(start_cdn(bucket, keys=provider.keys).domain, bucket=bucket))

    assert (errors(report), warnings(report)) == (["D825"], []), told(report)


# -- other sites


def allow(provider: Provider, bucket: str, *origins: str) -> None:
    rule: Any = {"AllowedOrigins": list(origins), "AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["*"]}
    provider.client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def with_origins(storage: Storage, *origins: str) -> Any:
    return report_on(examination.Examination(storage, origins=origins, entry=examination.Entry()))


@pytest.fixture
def own_bucket(provider: Provider) -> str:
    """A bucket for one test, behind a CDN with rights: for what the whole bucket is set to."""
    return provider.create_bucket()


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
    words = shlex.split(the(report, "D851").cause.do, comments=True)
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
