"""The domain of the CDN is a base: what people write, and what links begin with."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import pytest

import holdall
from holdall.bases import Base, base_of
from holdall.environment import contract, values

S3 = {"STORAGE_BUCKET_NAME": "acme-media"}


def base_in(environ: Mapping[str, str]) -> Base:
    reading = contract.read(environ)
    assert reading.problems == ()
    assert reading.store is not None
    assert reading.store.custom_domain is not None
    return reading.store.custom_domain


def options(environ: Mapping[str, str]) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", holdall.ContractWarning)
        made: dict[str, Any] = holdall.from_env(environ)["default"]["OPTIONS"]
    return made


# What people write, and what links begin with.
BASES = {
    "media.example.com": "https://media.example.com",
    "HTTPS://Media.Example.com/": "https://media.example.com",
    "//media.example.com": "https://media.example.com",
    "media.example.com:8443": "https://media.example.com:8443",
    "storage.googleapis.com/acme-media": "https://storage.googleapis.com/acme-media",
    "f004.backblazeb2.com/file/acme": "https://f004.backblazeb2.com/file/acme",
    "https://cdn.example.com/Files/a%20b": "https://cdn.example.com/Files/a%20b",
    "pub-0123456789abcdef0123456789abcdef.r2.dev": "https://pub-0123456789abcdef0123456789abcdef.r2.dev",
    "localhost:9000/media": "http://localhost:9000/media",
    "http://192.168.1.20:9000": "http://192.168.1.20:9000",
    "https://192.168.1.20:9000": "https://192.168.1.20:9000",
    "10.0.0.7/media": "http://10.0.0.7/media",
    "100.101.102.103": "http://100.101.102.103",
    "minio:9000/media": "http://minio:9000/media",
    "media.svc": "http://media.svc",
    "127.0.0.1:8080": "http://127.0.0.1:8080",
    "media.localhost": "http://media.localhost",
    "[::1]:8080": "http://[::1]:8080",
    "[fd00::1]": "http://[fd00::1]",
    "[2606:4700::1111]/x": "https://[2606:4700::1111]/x",
}


@pytest.mark.parametrize(("given", "base"), BASES.items())
def test_domain_is_a_base_that_keeps_scheme_port_and_path(given: str, base: str) -> None:
    # Some of them are other providers', which serve no bucket of Amazon's.
    at = {"AWS_S3_ENDPOINT_URL": "https://s3.example.com", "AWS_S3_REGION_NAME": "us-east-1"}
    environ = {**S3, **at, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": given}
    found, made = base_in(environ), options(environ)
    assert found.url == base
    assert f"{made['url_protocol']}//{made['custom_domain']}" == base
    # That no browser may know the host is said of it.
    assert {getattr(said, "finding", "") for said in contract.read(environ).warnings} <= {"D161"}
    # What is shown can be written again.
    assert base_in({**environ, "AWS_S3_CUSTOM_DOMAIN": str(found)}) == found


def test_domain_that_says_http_keeps_it_at_a_public_host_with_a_warning() -> None:
    for given in ("http://media.example.com/files", "http://203.0.113.5/files"):
        environ = {**S3, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": given}
        assert base_in(environ).url == given
        (said,) = contract.read(environ).warnings
        assert getattr(said, "finding", "") == "D160"
        assert said.endswith(f"write {given.removeprefix('http://')} if the host answers https.")


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("media.example.com//files//", "media.example.com/files"),
        ("media.example.com/résumé", "media.example.com/r%C3%A9sum%C3%A9"),
    ],
)
def test_path_of_a_domain_is_tidied_and_encoded_once(given: str, base: str) -> None:
    environ = {**S3, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": given}
    assert options(environ)["custom_domain"] == base
    assert list(contract.read(environ).warnings) == [
        f'`AWS_S3_CUSTOM_DOMAIN` had extra slashes or characters that links encode; "{base}" is used.'
    ]


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("media example.com", "write the domain, with its port and path if it has them"),
        ("https://", "write the domain"),
        ("media..example.com", "write the domain"),
        ("a:b:c", "write the domain"),
        ("exa$mple.com", "write the domain"),
        ("s3://acme-media", "write the domain"),
        ("ftp://media.example.com", "write the domain"),
        ("media.example.com:99999", "write the domain"),
        ("media.example.com/files?v=1", "Write media.example.com/files."),
        ("media.example.com/files#top", "Write media.example.com/files."),
        ("media.example.com/files?", "Write media.example.com/files."),
        ("media.example.com/a/../b", "write its path without . and .. in it."),
        ("media.example.com/a/%2e%2E/b", "write its path without . and .. in it."),
        ("media.example.com/my files", "write its path without spaces and backslashes (a space in a URL is %20)."),
        ("media.example.com\\files", "write the domain"),
        ("media.example.com/my\\files", "write its path without spaces and backslashes (a space in a URL is %20)."),
        ("media.example.com/100%", "write a percent sign in its path as %25."),
    ],
)
def test_domain_that_is_none_is_refused_with_what_to_write(given: str, remedy: str) -> None:
    environ = {**S3, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": given}
    (said,) = contract.read(environ).problems
    assert said.startswith(f"`AWS_S3_CUSTOM_DOMAIN` is {values.quoted(given)}")
    assert remedy in said
    assert getattr(said, "finding", "") == "D118"


@pytest.mark.parametrize("given", ["https://ada:lovelace@example.com", "ada:love/lace@example.com"])
def test_domain_with_credentials_is_refused_without_showing_them(given: str) -> None:
    environ = {**S3, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": given}
    (said,) = contract.read(environ).problems
    assert said.startswith("`AWS_S3_CUSTOM_DOMAIN` contains a user name or password; write the domain")
    assert "love" not in said


@pytest.mark.parametrize(
    ("custom_domain", "url_protocol", "url"),
    [
        ("media.example.com", "https:", "https://media.example.com"),
        ("localhost:9000/media", "http:", "http://localhost:9000/media"),
        # As projects write it in their settings, against django-storages' documentation.
        ("http://media.example.com/", "https:", "http://media.example.com"),
    ],
)
def test_options_of_a_storage_are_a_base(custom_domain: str, url_protocol: str, url: str) -> None:
    found = base_of(custom_domain, url_protocol=url_protocol)
    assert found is not None
    assert found.url == url


@pytest.mark.parametrize("custom_domain", [None, "", "/", "http://[::1"])
def test_options_without_a_host_are_no_base(custom_domain: str | None) -> None:
    assert base_of(custom_domain) is None
