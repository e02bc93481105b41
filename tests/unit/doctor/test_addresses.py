"""Layer `addresses`: hosts, regions and links, told without a request."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config

from holdall.findings import Level
from tests.doctor import errors, examine_storage, ids, the, told, warnings
from tests.stores import build_storage
from tests.unit.doctor import S3, offline, offline_plain

SPACES_PLAIN = {
    "endpoint_url": "https://nyc3.digitaloceanspaces.com",
    "region_name": "nyc3",
    "access_key": "DO00EXAMPLEEXAMPLE00",
}
R2_PLAIN = {"endpoint_url": "https://0123abcd.r2.cloudflarestorage.com", "access_key": "0123abcd0123abcd"}


def case(failure: str, finding: str, **chosen: Any) -> Any:
    return pytest.param(chosen, finding, marks=pytest.mark.failure(failure), id=f"{finding}-{'-'.join(chosen)}")


@pytest.mark.parametrize(
    ("chosen", "finding"),
    [
        case("C1", "D230", endpoint_url="https://acme-media.s3.fr-par.scw.cloud", region_name="fr-par"),
        case("C1", "D231", endpoint_url="https://acme-media.nyc3.cdn.digitaloceanspaces.com"),
        case("C3", "D233", **{**SPACES_PLAIN, "region_name": None}),
        case("C3", "D233", **{**SPACES_PLAIN, "region_name": "us-east-1"}),
        case("F1", "D233", **R2_PLAIN, region_name=None, signature_version=None),
        case("C5", "D235", region_name="Frankfurt"),
        case("C5", "D235", region_name="eu-west-1a"),
        case("C5", "D235", region_name="us-east1"),
        case("F1", "D252", region_name="us-east-1", signature_version=None),
        case("F2", "D253", querystring_expire=691_200),
        case("E1", "D257", custom_domain="https://media.example.com", querystring_auth=False),
        case("E1", "D257", custom_domain="media.example.com/", querystring_auth=False),
        case("E1", "D258", custom_domain="media.example.com", url_protocol="https", querystring_auth=False),
    ],
)
def test_broken_address_has_its_own_error(chosen: dict[str, Any], finding: str) -> None:
    report = offline_plain(**chosen)
    assert (errors(report), warnings(report)) == ([finding], []), told(report)


@pytest.mark.parametrize(
    ("chosen", "finding"),
    [
        case("C2", "D232", endpoint_url="http://s3.example.com"),
        case("C3", "D234", endpoint_url="https://s3.example.com", region_name=None),
        case("C4", "D236", addressing_style=None),
        case("C6", "D237", bucket_name="media.example.com"),
        case(
            "C7", "D238", client_config=Config(request_checksum_calculation="when_required"), region_name="ap-south-1"
        ),
        case("E3", "D259", **SPACES_PLAIN, querystring_auth=False),
        case("E4", "D261", custom_domain="media.example.com"),
        case("F2", "D254", security_token="a-token", querystring_expire=7200),
    ],
)
def test_doubtful_address_has_its_own_warning(chosen: dict[str, Any], finding: str) -> None:
    report = offline_plain(**chosen)
    expected = {finding, "D236"} if finding == "D238" else {finding}
    assert (errors(report), set(warnings(report))) == ([], expected), told(report)


@pytest.mark.failure("A8")
def test_ambient_endpoint_of_a_plain_storage_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:4566")
    report = offline_plain()
    assert (errors(report), warnings(report)) == ([], ["D239"])
    assert "localhost:4566" in the(report, "D250").seen


def test_remedies_can_be_pasted() -> None:
    report = offline_plain(**{**SPACES_PLAIN, "region_name": None})
    assert the(report, "D233").cause.do == 'AWS_S3_REGION_NAME = "nyc3"'
    report = offline_plain(**SPACES_PLAIN, querystring_auth=False)
    assert '"acme-media.nyc3.cdn.digitaloceanspaces.com"' in the(report, "D259").cause.do
    report = offline_plain(custom_domain="https://media.example.com/", querystring_auth=False)
    assert the(report, "D257").cause.do == 'AWS_S3_CUSTOM_DOMAIN = "media.example.com"'


@pytest.mark.failure("E4")
def test_declared_private_files_with_unsigned_links_are_an_error() -> None:
    storage = build_storage(S3, custom_domain="media.example.com")
    assert errors(examine_storage(storage, offline=True)) == ["D260"]


@pytest.mark.failure("F2")
def test_too_long_a_link_of_ours_is_named_too() -> None:
    storage = build_storage(S3, querystring_expire=700_000)
    assert errors(examine_storage(storage, offline=True)) == ["D253"]


@pytest.mark.failure("F3")
def test_links_that_change_every_second_are_noticed() -> None:
    report = offline_plain(skip=())
    assert ids(report, Level.NOTICE) == ["D255"]


def test_links_of_ours_do_not_change() -> None:
    assert ids(offline(S3), Level.NOTICE) == []


@pytest.mark.failure("F5")
@pytest.mark.parametrize("public", [True, False])
def test_response_overrides_on_unsigned_links_are_noticed(public: bool) -> None:
    chosen = {"custom_domain": "media.example.com", "querystring_auth": False} if public else {}
    assert ids(offline_plain(**chosen), Level.NOTICE) == (["D256"] if public else [])


def test_link_that_can_not_be_made_is_an_error() -> None:
    class Broken(type(build_storage(S3))):
        def url(self, *_arguments: Any, **_options: Any) -> str:
            raise RuntimeError("no links today")

    storage = build_storage(S3)
    storage.__class__ = Broken
    report = examine_storage(storage, offline=True)
    assert "D251" in errors(report)
    assert "no links today" in the(report, "D251").seen


def test_dots_in_a_bucket_behind_a_domain_are_no_finding() -> None:
    domain = {"custom_domain": "media.example.com", "querystring_auth": False}
    assert warnings(offline_plain(bucket_name="media.example.com", **domain)) == []
