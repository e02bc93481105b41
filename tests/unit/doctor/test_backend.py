"""Layer `backend`: versions, and the class that really keeps the files."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

import holdall
from holdall.doctor import stores
from holdall.findings import Level
from tests.doctor import errors, ids, report_on, the, told, warnings
from tests.unit.doctor import PLAIN, S3, offline, offline_plain

DISK = "django.core.files.storage.FileSystemStorage"
STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
OURS = holdall.from_env(S3)


def project(**chosen: Any) -> list[Any]:
    """Examine the project whose settings are loaded: a report for each of its storages."""
    return [report_on(examination, offline=True, **chosen) for examination in stores.of_project()]


def plain(**options: Any) -> dict[str, Any]:
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**PLAIN, **options}}


def test_healthy_project_gives_no_error_and_no_warning(settings: Any) -> None:
    settings.STORAGES = OURS
    [report] = project()
    assert (errors(report), warnings(report)) == ([], []), told(report)


def test_project_is_read_from_its_environment(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in S3.items():
        monkeypatch.setenv(f"MEDIA_{name}", value)
    monkeypatch.setenv("MEDIA_STORAGE_LOCATION", "/media/")
    with pytest.warns(holdall.ContractWarning):
        settings.STORAGES = holdall.from_env(aliases={"default": "MEDIA_"})
    [report] = project()
    assert (errors(report), warnings(report)) == ([], ["D120"])
    assert 'under "media"' in the(report, "D150").seen


def test_project_that_was_made_of_another_mapping_is_not_judged_by_the_environment(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_BUCKET_NAME", "another")
    monkeypatch.setenv("STORAGE_LOCATION", "/media/")
    settings.STORAGES = OURS
    [report] = project()
    assert (errors(report), warnings(report)) == ([], [])
    assert "D150" not in ids(report, Level.OK)


def test_versions_are_told() -> None:
    assert f"Holdall {holdall.__version__}" in the(offline(S3), "D000").seen


@pytest.mark.failure("A1")
def test_files_on_disk_are_an_error(settings: Any) -> None:
    settings.STORAGES = {"default": {"BACKEND": DISK}, **STATIC}
    [report] = project()
    assert errors(report) == ["D001"]


@pytest.mark.failure("A1")
def test_setting_that_django_ignores_is_an_error(settings: Any) -> None:
    settings.DEFAULT_FILE_STORAGE = "storages.backends.s3.S3Storage"
    settings.STORAGES = {"default": {"BACKEND": DISK}, **STATIC}
    [report] = project()
    assert errors(report) == ["D002"]
    assert "DEFAULT_FILE_STORAGE" in the(report, "D002").seen


@pytest.mark.failure("A1")
def test_setting_that_is_left_over_is_a_warning(settings: Any) -> None:
    settings.STATICFILES_STORAGE = "whitenoise.storage.CompressedStaticFilesStorage"
    settings.STORAGES = OURS
    [report] = project()
    assert (errors(report), warnings(report)) == ([], ["D003"])


def test_other_storages_are_named_and_left_alone(settings: Any) -> None:
    settings.STORAGES = {**OURS, "exports": {"BACKEND": DISK}}
    report = project()[1]
    assert (errors(report), ids(report, Level.NOTICE)) == ([], ["D004"])


def test_build_mode_in_a_project_is_named(settings: Any) -> None:
    settings.STORAGES = holdall.from_env({"BUILD_MODE": "true"})
    [report] = project()
    assert errors(report) == ["D005"]


@pytest.mark.failure("A2")
def test_missing_default_is_an_error(settings: Any) -> None:
    settings.STORAGES = STATIC
    [report] = project()
    assert errors(report) == ["D008"]
    assert "Could not find config for 'default'" in the(report, "D008").seen


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"bucket": "acme"}, marks=pytest.mark.failure("A3")),
        pytest.param({"session_profile": "work"}, marks=pytest.mark.failure("B2")),
        pytest.param({"location": "/media"}, marks=pytest.mark.failure("G11")),
    ],
    ids=["unknown-option", "profile-and-keys", "leading-slash"],
)
def test_storage_that_can_not_be_made_is_an_error(settings: Any, options: dict[str, Any]) -> None:
    settings.STORAGES = {"default": plain(**options), **STATIC}
    [report] = project()
    assert errors(report) == ["D006"], told(report)


@pytest.mark.failure("E7")
@pytest.mark.parametrize(
    "options",
    [
        {"cloudfront_key_id": "K2JCJMDEHXQW5F"},
        {
            "cloudfront_key_id": "K2JCJMDEHXQW5F",
            "cloudfront_key": "-----BEGIN RSA PRIVATE KEY-----\\nMIIB\\n-----END RSA PRIVATE KEY-----",
        },
    ],
    ids=["half", "escaped-line-breaks"],
)
def test_unusable_cloudfront_key_is_an_error(settings: Any, options: dict[str, str]) -> None:
    settings.STORAGES = {"default": plain(custom_domain="media.example.com", **options), **STATIC}
    [report] = project()
    assert errors(report) == ["D007"], told(report)


@pytest.mark.parametrize(
    ("version", "level", "finding"),
    [
        pytest.param("1.14.4", Level.ERROR, "D010", marks=pytest.mark.failure("G13")),
        pytest.param("1.14.5", Level.WARNING, "D011", marks=pytest.mark.failure("G13")),
        pytest.param("1.13.2", Level.WARNING, "D011", marks=pytest.mark.failure("G3")),
        ("1.15", Level.WARNING, None),
    ],
)
def test_version_with_known_defects_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, level: Level, finding: str | None
) -> None:
    # What an installer leaves behind says which version it is.
    info = tmp_path / f"django_storages-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: django-storages\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.metadata.version("django-storages") == version
    assert ids(offline(S3), level) == ([finding] if finding else [])


ELSEWHERE = {
    "endpoint_url": "https://s3.fr-par.scw.cloud",
    "region_name": "fr-par",
    "access_key": "SCWEXAMPLE0000000000",
}


def test_transfer_client_that_ignores_the_endpoint_is_an_error() -> None:
    crt = TransferConfig(preferred_transfer_client="crt")
    assert errors(offline_plain(**ELSEWHERE, transfer_config=crt)) == ["D012"]
    assert errors(offline_plain(transfer_config=crt)) == []


def test_transfer_client_that_may_ignore_the_endpoint_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warnings(offline_plain(**ELSEWHERE)) == []
    (tmp_path / "awscrt.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert warnings(offline_plain(**ELSEWHERE)) == ["D013"]
    classic = TransferConfig(preferred_transfer_client="classic")
    assert warnings(offline_plain(**ELSEWHERE, transfer_config=classic)) == []
    environ = {**S3, "AWS_S3_ENDPOINT_URL": "https://s3.example.com"}
    assert warnings(offline(environ)) == []


def test_local_mode_without_its_server_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # As where the extra is not installed: nothing of it is found.
    def missing(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("holdall.devserver.weed.importlib.metadata.distribution", missing)
    report = offline({"STORAGES_MODE": "local"})
    assert errors(report) == ["D014"], told(report)
