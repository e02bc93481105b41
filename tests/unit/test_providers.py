"""Hosts and what they tell."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall import providers


@pytest.mark.parametrize(
    ("host", "provider", "region"),
    [
        ("s3.amazonaws.com", "amazon", None),
        ("s3.eu-central-1.amazonaws.com", "amazon", "eu-central-1"),
        ("s3-eu-west-1.amazonaws.com", "amazon", "eu-west-1"),
        ("s3.dualstack.us-east-2.amazonaws.com", "amazon", "us-east-2"),
        ("s3-fips.us-gov-west-1.amazonaws.com", "amazon", "us-gov-west-1"),
        ("s3.cn-north-1.amazonaws.com.cn", "amazon", "cn-north-1"),
        ("ams3.digitaloceanspaces.com", "spaces", "ams3"),
        ("SFO3.DigitalOceanSpaces.com", "spaces", "sfo3"),
        ("0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com", "r2", "auto"),
        ("0123456789abcdef0123456789abcdef.eu.r2.cloudflarestorage.com", "r2", "auto"),
        ("s3.us-west-004.backblazeb2.com", "b2", "us-west-004"),
        ("s3.nl-ams.scw.cloud", "scaleway", "nl-ams"),
        ("s3.gra.io.cloud.ovh.net", "ovh", "gra"),
        ("s3.us-east-va.perf.cloud.ovh.us", "ovh", "us-east-va"),
        ("hel1.your-objectstorage.com", "hetzner", "hel1"),
        ("s3.ap-southeast-2.wasabisys.com", "wasabi", "ap-southeast-2"),
        ("storage.example.com", "generic", "us-east-1"),
        ("127.0.0.1:8333", "generic", "us-east-1"),
        ("[::1]:8333", "generic", "us-east-1"),
    ],
)
def test_host_tells_provider_and_region(host: str, provider: str, region: str | None) -> None:
    found, named = providers.recognise(f"https://{host}")
    assert (found.id, named) == (provider, region)


@pytest.mark.parametrize(
    "host",
    [
        "acme.s3.eu-central-1.amazonaws.com",
        "acme.ams3.digitaloceanspaces.com",
        "acme.ams3.cdn.digitaloceanspaces.com",
        "s3.eu-central-1.amazonaws.com.evil.example",
        "s3-amazonaws.com",
        "eu-west-1amazonaws.com",
        "ams3-digitaloceanspaces.com",
        "evil.example",
    ],
)
def test_host_that_only_resembles_a_provider_is_generic(host: str) -> None:
    assert providers.recognise(f"https://{host}") == (providers.GENERIC, "us-east-1")


def test_no_endpoint_means_amazon() -> None:
    assert providers.recognise(None) == (providers.AMAZON, None)


@given(st.from_regex(r"[a-z0-9.-]{0,40}", fullmatch=True))
def test_any_host_is_some_provider(host: str) -> None:
    assert providers.recognise(f"https://{host}")[0].id in providers.PROVIDERS


@pytest.mark.parametrize("host", ["a.ams3.cdn.digitaloceanspaces.com", "d1.cloudfront.net", "pub-1.r2.dev"])
def test_delivery_host_is_recognised(host: str) -> None:
    assert providers.DELIVERY_HOST.search(host)
    assert providers.recognise(f"https://{host}")[0] is providers.GENERIC


@pytest.mark.parametrize("provider", providers.PROVIDERS.values(), ids=lambda provider: provider.id)
def test_provider_is_frozen_and_consistent(provider: providers.Provider) -> None:
    assert provider.addressing in {"path", "virtual"}
    assert not provider.conditional_complete or provider.conditional_put
    if provider.host:
        assert re.compile(provider.host)
    with pytest.raises(AttributeError):
        provider.title = "another"


def test_providers_with_facts_name_their_sources() -> None:
    for provider in providers.PROVIDERS.values():
        claims = (
            provider.conditional_put,
            provider.conditional_complete,
            provider.public_by_acl,
            provider.sdk_checksums,
            provider.md5_etags,
        )
        assert provider.sources or not any(claims), provider.id


def test_only_amazon_is_trusted_with_more_than_is_measured() -> None:
    trusted = [one.id for one in providers.PROVIDERS.values() if one.sdk_checksums or one.conditional_complete]
    assert trusted == ["amazon"]
