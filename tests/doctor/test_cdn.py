"""The domain in front of the bucket: each way in which a CDN fails has its own finding."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.contract import only
from tests.doctor import errors, examine_storage, notices, the, told, warnings
from tests.doctor.conftest import MakePlain, MakePublic, StartCdn
from tests.providers import Provider

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


# -- no CDN at all


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
