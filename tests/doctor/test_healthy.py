"""A healthy set-up of every mode gives no error and no warning, and finds its bucket as it was."""

from __future__ import annotations

import pytest

from tests.contract import only
from tests.doctor import errors, examine, shown, told, warnings
from tests.doctor.conftest import StartCdn
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy

# The buckets of the tests have no rule for unfinished uploads. Nothing else is said of a healthy store.
NO_RULE = {"D904"}


def test_private_store_is_healthy(provider: Provider, bucket: str, location: str) -> None:
    before = list(provider.objects_in(bucket))
    report = examine(provider.environ(bucket, location=location))
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert set(shown(report)) <= NO_RULE, told(report)
    assert list(provider.objects_in(bucket)) == before
    assert provider.unfinished_uploads(bucket, location) == []


def test_public_store_behind_a_cdn_is_healthy(
    provider: Provider, public_bucket: str, location: str, start_cdn: StartCdn
) -> None:
    before = list(provider.objects_in(public_bucket))
    domain = start_cdn(public_bucket).domain
    report = examine(provider.environ(public_bucket, location=location, is_public=True, AWS_S3_CUSTOM_DOMAIN=domain))
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert set(shown(report)) <= NO_RULE, told(report)
    assert list(provider.objects_in(public_bucket)) == before
    assert provider.unfinished_uploads(public_bucket, location) == []


@only("seaweedfs-http")
@pytest.mark.parametrize(("is_public", "about"), [(False, 70), (True, 90)], ids=["private", "public"])
def test_examination_sends_as_many_requests_as_it_says(
    provider: Provider, public_bucket: str, location: str, start_cdn: StartCdn, *, is_public: bool, about: int
) -> None:
    bucket = public_bucket if is_public else provider.create_bucket()
    cdn = start_cdn(bucket)
    domain = {"AWS_S3_CUSTOM_DOMAIN": cdn.domain} if is_public else {}
    with FaultProxy(provider.endpoint_url) as proxy:
        environ = provider.environ(bucket, location=location, is_public=is_public, AWS_S3_ENDPOINT_URL=proxy.url)
        report = examine(environ | domain)

    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert abs(len(proxy.exchanges) + len(cdn.requests) - about) <= 8
