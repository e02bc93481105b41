"""Layer `options`: what Holdall's contract makes impossible, in django-storages' own storage, where it happens."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from storages.backends.s3 import S3Storage

from holdall.s3.target import UPLOAD_ARGUMENTS
from tests.doctor import errors, examine_storage, the, told, warnings
from tests.stores import build_storage
from tests.unit.doctor import ACCESS, PAIR, S3, SECRET, SPACES, offline, offline_plain

ENDPOINTS = {"spaces": "https://nyc3.digitaloceanspaces.com", "scaleway": "https://s3.fr-par.scw.cloud"}


def case(failure: str, finding: str, **chosen: Any) -> Any:
    return pytest.param(chosen, finding, marks=pytest.mark.failure(failure), id=f"{finding}-{'-'.join(chosen)}")


@pytest.mark.parametrize(
    ("chosen", "finding"),
    [
        case("A4", "D201", bucket_name=None),
        case("A4", "D201", bucket_name=""),
        case("A5", "D202", bucket_name='"acme-media"'),
        case("A5", "D202", region_name="eu-west-1 "),
        case("A5", "D202", endpoint_url='"https://s3.example.com"'),
        case("A5", "D202", secret_key=f"{SECRET}\n"),
        case("A6", "D203", querystring_auth="False"),
        case("A6", "D203", querystring_expire="3600"),
        case("A6", "D203", file_overwrite="False"),
        case("A7", "D204", endpoint_url=""),
        case("B1", "D207", access_key="ASIAIOSFODNN7EXAMPLE"),
        case("B2", "D206", secret_key=None),
        case("B2", "D206", access_key=None),
        case("B2", "D208", access_key=None, secret_key=None, session_profile="nobody"),
        case("C2", "D209", endpoint_url="nyc3.digitaloceanspaces.com"),
        case("G9", "D210", object_parameters={"ServerSideEnccryption": "AES256"}),
        case("G9", "D210", object_parameters={"Access-Control-Allow-Origin": "*"}),
    ],
)
def test_broken_option_has_its_own_error(chosen: dict[str, Any], finding: str) -> None:
    report = offline_plain(**chosen)
    assert errors(report) == [finding], told(report)
    assert warnings(report) == [], told(report)
    assert SECRET not in told(report)


@pytest.mark.parametrize(
    ("chosen", "finding"),
    [
        case("A7", "D205", access_key="", secret_key=""),
        case("B3", "D212", endpoint_url=ENDPOINTS["spaces"], region_name="nyc3"),
        case("B3", "D212", endpoint_url=ENDPOINTS["scaleway"], region_name="fr-par", access_key="DO00EXAMPLEEXAMPLE00"),
        case("B3", "D212", access_key="SCWEXAMPLEEXAMPLE000"),
        case("G1", "D220", file_overwrite=True),
        case("H1", "D221", max_memory_size=0),
    ],
)
def test_doubtful_option_has_its_own_warning(chosen: dict[str, Any], finding: str) -> None:
    report = offline_plain(**chosen)
    assert (errors(report), warnings(report)) == ([], [finding]), told(report)


def test_healthy_plain_storage_gives_no_error_and_no_warning() -> None:
    report = offline_plain()
    assert (errors(report), warnings(report)) == ([], []), told(report)


@pytest.mark.failure("B3")
def test_key_of_another_provider_is_seen_in_the_environment_too() -> None:
    report = offline({**SPACES, "AWS_ACCESS_KEY_ID": ACCESS})
    assert (errors(report), warnings(report)) == ([], ["D212"])
    assert ACCESS not in told(report)


@pytest.mark.failure("B2")
def test_missing_profile_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    without_keys = {name: value for name, value in S3.items() if name not in PAIR}
    report = offline(without_keys)
    assert errors(report) == ["D208"]
    assert the(report, "D208").seen == 'profile "nobody"; this machine has no profiles'


@pytest.mark.failure("A3")
@pytest.mark.parametrize(
    ("name", "meant", "value"),
    [
        ("AWS_SECERT_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME", "acme-media"),
        ("AWS_S3_REGION", "AWS_S3_REGION_NAME", "eu-central-1"),
    ],
)
def test_setting_that_nobody_reads_is_named(settings: Any, name: str, meant: str, value: str) -> None:
    right = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_STORAGE_BUCKET_NAME": "acme-media"}
    for setting, text in {**right, name: value}.items():
        if setting != meant:
            setattr(settings, setting, text)
    plain = S3Storage(signature_version="s3v4", addressing_style="virtual", file_overwrite=False, max_memory_size=9)
    report = examine_storage(plain, offline=True, skip=("link_stability",))
    assert errors(report) == ["D211"], told(report)
    assert the(report, "D211").cause.do == f"Rename `{name}` to `{meant}`."


@pytest.mark.failure("G9")
def test_upload_parameter_of_ours_is_checked_too() -> None:
    storage = build_storage(S3, object_parameters={"CacheControll": "max-age=60"})
    report = examine_storage(storage, offline=True)
    assert errors(report) == ["D210"]
    assert "CacheControl" in the(report, "D210").seen
    assert {"ContentDisposition", "StorageClass"} <= UPLOAD_ARGUMENTS


@pytest.mark.failure("G12")
def test_threads_under_gevent_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gevent = ModuleType("gevent.monkey")
    gevent.is_module_patched = lambda name: name == "socket"
    monkeypatch.setitem(sys.modules, "gevent.monkey", gevent)
    assert warnings(offline_plain()) == ["D222"]
    # Holdall's own threads are gevent's greenlets, and wait for each other as such.
    assert "D222" not in warnings(offline(S3))
    gevent.is_module_patched = lambda name: False
    assert warnings(offline_plain()) == []


def test_errors_of_options_stop_before_the_first_request() -> None:
    # Chosen live: what is sent here would be refused by the tests' closed world.
    from holdall.doctor.examination import Entry, Examination
    from tests.doctor import report_on

    storage = S3Storage(bucket_name=None)
    report = report_on(Examination(storage, entry=Entry()))
    assert errors(report) == ["D201"]
    assert "D090" in [finding.id for finding in report.findings]


@pytest.mark.parametrize("options", [{"default_acl": "public-read"}, {"object_parameters": {"ACL": "public-read"}}])
def test_public_acl_at_amazon_is_named_before_the_first_upload(options: dict[str, Any]) -> None:
    assert "D223" in warnings(offline_plain(**options))
    assert "D223" not in warnings(
        offline_plain(**options, endpoint_url="https://ams3.digitaloceanspaces.com", region_name="ams3")
    )


@pytest.mark.parametrize(
    ("domain", "named"),
    [
        ("acme-media.s3.eu-central-1.amazonaws.com", True),
        ("acme-media.s3.amazonaws.com", True),
        ("http://acme-media.s3-website-eu-west-1.amazonaws.com", True),
        ("s3.eu-central-1.amazonaws.com/acme-media", True),
        ("d111111abcdef8.cloudfront.net", False),
        ("media.example.com", False),
    ],
)
def test_bucket_of_amazon_as_its_own_domain_is_named_before_the_first_upload(domain: str, named: bool) -> None:
    report = offline({**S3, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": domain})
    assert ("D224" in warnings(report)) == named
