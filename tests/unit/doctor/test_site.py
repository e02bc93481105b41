"""Layer `site`: where links lead, beside the site that shows them."""

from __future__ import annotations

from typing import Any

import pytest

from holdall.findings import Level
from tests.doctor import errors, examine_storage, ids, the, told, warnings
from tests.stores import build_storage
from tests.unit.doctor import PUBLIC, S3, SPACES, offline_plain


@pytest.mark.failure("C8")
def test_internal_host_in_links_of_a_public_site_is_named(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["www.example.com"]
    report = offline_plain(endpoint_url="http://minio:9000", addressing_style="path")
    assert (errors(report), warnings(report)) == (["D262"], []), told(report)
    settings.ALLOWED_HOSTS = ["localhost"]
    assert errors(offline_plain(endpoint_url="http://minio:9000", addressing_style="path")) == []


@pytest.mark.failure("K2")
@pytest.mark.parametrize(
    ("cookie_domain", "domain", "level", "finding"),
    [
        (".example.com", "media.example.com", Level.WARNING, "D263"),
        (None, "www.example.com", Level.WARNING, "D264"),
        (None, "media.example.com", Level.NOTICE, "D265"),
        (None, "media.example.net", Level.NOTICE, None),
    ],
)
def test_media_on_the_sites_own_domain_are_named(
    settings: Any, cookie_domain: str | None, domain: str, level: Level, finding: str | None
) -> None:
    settings.ALLOWED_HOSTS = ["www.example.com"]
    settings.SESSION_COOKIE_DOMAIN = cookie_domain
    storage = build_storage({**S3, **PUBLIC, "AWS_S3_CUSTOM_DOMAIN": domain})
    report = examine_storage(storage, offline=True)
    assert errors(report) == []
    found = [id_ for id_ in ids(report, level) if id_ != "D256"]
    assert found == ([finding] if finding else []), told(report)


def test_site_under_a_country_is_told_from_its_neighbours(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["shop.example.co.uk"]
    storage = build_storage({**SPACES, **PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "media.other.co.uk"})
    assert "D265" not in ids(examine_storage(storage, offline=True), Level.NOTICE)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("SECURE_CSP", {"default-src": ["'self'"]}),
        ("SECURE_CSP", {"default-src": ["*"], "img-src": ["'self'", "https://cdn.example.com"]}),
        ("CONTENT_SECURITY_POLICY", {"DIRECTIVES": {"img-src": ["'none'"]}}),
        ("CSP_IMG_SRC", ("'self'", "*.example.com")),
        ("CSP_DEFAULT_SRC", ["'self'"]),
    ],
)
def test_policy_that_forbids_the_media_host_is_named(settings: Any, name: str, policy: Any) -> None:
    setattr(settings, name, policy)
    storage = build_storage({**S3, **PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "media.example.net"})
    report = examine_storage(storage, offline=True)
    assert (errors(report), warnings(report)) == ([], ["D266"]), told(report)
    assert "https://media.example.net" in the(report, "D266").cause.do


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("SECURE_CSP", {"img-src": ["'self'", "https://media.example.net"]}),
        ("SECURE_CSP", {"script-src": ["'self'"]}),
        ("SECURE_CSP", {}),
        ("CONTENT_SECURITY_POLICY", {"DIRECTIVES": {"img-src": ["*.example.net"], "upgrade-insecure-requests": True}}),
        ("CSP_IMG_SRC", "https:"),
        ("CSP_IMG_SRC", ("media.example.net:443",)),
    ],
)
def test_policy_that_allows_the_media_host_is_no_finding(settings: Any, name: str, policy: Any) -> None:
    setattr(settings, name, policy)
    storage = build_storage({**S3, **PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "media.example.net"})
    assert warnings(examine_storage(storage, offline=True)) == []


def test_policy_is_given_the_scheme_and_port_of_the_domain(settings: Any) -> None:
    settings.SECURE_CSP = {"img-src": ["'self'"]}
    storage = build_storage({**S3, **PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "https://media.example.net:8443/files"})
    assert "Add https://media.example.net:8443 to" in the(examine_storage(storage, offline=True), "D266").cause.do


@pytest.mark.failure("C8")
@pytest.mark.parametrize("endpoint", ["http://192.168.1.20:9000", "http://localhost:9000"])
def test_private_address_beside_a_public_site_is_led_to_the_public_endpoint(settings: Any, endpoint: str) -> None:
    settings.ALLOWED_HOSTS = ["www.example.com"]
    environ = {**S3, "AWS_S3_ENDPOINT_URL": endpoint}
    report = examine_storage(build_storage(environ), offline=True)
    assert errors(report) == ["D262"], told(report)
    assert the(report, "D262").cause.do.startswith("AWS_S3_PUBLIC_ENDPOINT_URL=")

    for elsewhere in (
        {"AWS_S3_PUBLIC_ENDPOINT_URL": "https://files.example.net"},
        {"AWS_S3_CUSTOM_DOMAIN": "files.example.net", "AWS_S3_SIGN_FOR_DOMAIN": "true"},
        {**PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "files.example.net"},
    ):
        report = examine_storage(build_storage({**environ, **elsewhere}), offline=True)
        assert errors(report) == [], told(report)


# What a task on Amazon's machines has: a region, and keys that only a request fetches.
ROLE = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_REGION": "eu-central-1"}


def test_host_is_told_without_keys(settings: Any) -> None:
    host = "https://acme-media.s3.eu-central-1.amazonaws.com"
    settings.SECURE_CSP = {"img-src": ["'self'", host]}
    assert warnings(examine_storage(build_storage(ROLE), offline=True)) == []
    settings.SECURE_CSP = {"img-src": ["'self'"]}
    report = examine_storage(build_storage(ROLE), offline=True)
    assert warnings(report) == ["D266"]
    assert host in the(report, "D266").cause.do


def test_host_that_only_a_request_tells_is_not_guessed(settings: Any) -> None:
    settings.SECURE_CSP = {"img-src": ["'self'", "https://acme-media.s3.eu-central-1.amazonaws.com"]}
    storage = build_storage({"STORAGE_BUCKET_NAME": "acme-media"})
    assert warnings(examine_storage(storage, offline=True)) == []
