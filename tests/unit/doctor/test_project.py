"""Layer `project`: what only Django knows."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import storages

import holdall
from holdall.findings import Level
from tests.doctor import errors, ids, the, told, warnings
from tests.unit.doctor import ACCESS, S3, SECRET
from tests.unit.doctor.conftest import MakeApp
from tests.unit.doctor.test_backend import OURS, STATIC, plain, project

PHOTO = 'class Item(models.Model):\n    photo = models.FileField(upload_to="{upload_to}"{more})\n'
IMPORT = "from django.core.files.storage import storages\n\n"
FROZEN = IMPORT + PHOTO.format(upload_to="p", more=', storage=storages["default"]')


@pytest.mark.failure("A2")
def test_missing_staticfiles_is_an_error(settings: Any) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.staticfiles"]
    settings.STORAGES = {"default": OURS["default"]}
    [report] = project()
    assert errors(report) == ["D050"]


def test_missing_staticfiles_are_not_missed_where_nobody_uses_them(settings: Any) -> None:
    settings.STORAGES = {"default": OURS["default"]}
    assert errors(project()[0]) == []


@pytest.mark.failure("I2")
def test_static_files_on_s3_are_named(settings: Any) -> None:
    static = {**plain(bucket_name="acme-static"), "BACKEND": "storages.backends.s3.S3StaticStorage"}
    settings.STORAGES = {**OURS, "staticfiles": static}
    [report] = project()
    assert (errors(report), warnings(report)) == ([], ["D051"])


@pytest.mark.failure("E3")
def test_settings_for_a_disk_are_noticed(settings: Any) -> None:
    settings.STORAGES = OURS
    settings.MEDIA_URL = "https://media.example.com/"
    [report] = project()
    assert (errors(report), warnings(report), ids(report, Level.NOTICE)) == ([], [], ["D054"])
    assert "MEDIA_URL" in the(report, "D054").seen


@pytest.mark.parametrize(("debug", "finding"), [(False, ["D058"]), (True, [])])
def test_local_mode_without_debug_is_named(settings: Any, debug: bool, finding: list[str]) -> None:
    settings.STORAGES, settings.DEBUG = holdall.from_env({"STORAGES_MODE": "local"}), debug
    assert warnings(project()[0]) == finding


@pytest.mark.failure("K4")
def test_key_in_the_next_migration_is_an_error(settings: Any, make_app: MakeApp) -> None:
    settings.STORAGES = {"default": plain(), **STATIC}
    make_app(FROZEN)
    [report] = project(skip=("link_stability",))
    assert errors(report) == ["D052"], told(report)
    assert "Item.photo" in the(report, "D052").seen
    assert SECRET not in told(report)


@pytest.mark.failure("K4")
def test_bucket_in_the_next_migration_is_a_warning(settings: Any, make_app: MakeApp) -> None:
    settings.STORAGES = {"default": plain(access_key=None, secret_key=None), **STATIC}
    make_app(FROZEN)
    [report] = project()
    assert (errors(report), warnings(report)) == ([], ["D053"]), told(report)


@pytest.mark.parametrize("storage", ["", ', storage=storages["default"]', ", storage=lambda: storages['default']"])
def test_storage_of_ours_stands_in_no_migration(settings: Any, make_app: MakeApp, storage: str) -> None:
    settings.STORAGES = OURS
    make_app(IMPORT + PHOTO.format(upload_to="p", more=storage))
    [report] = project()
    assert (errors(report), warnings(report)) == ([], []), told(report)


@pytest.mark.failure("K4")
@pytest.mark.parametrize(
    "text",
    [f"key = {SECRET!r}", f"# {ACCESS}", "S3Storage(secret_key='of-another-environment')"],
    ids=["secret", "key-id", "another-secret"],
)
def test_key_in_a_migration_is_an_error(settings: Any, make_app: MakeApp, text: str) -> None:
    settings.STORAGES = {"default": plain(), **STATIC}
    name = make_app(migrations__in____init__="", migrations__in__0001_initial=text)
    [report] = project(skip=("link_stability",))
    assert errors(report) == ["D052"], told(report)
    assert the(report, "D052").seen == f"{name}/migrations/0001_initial.py"


@pytest.mark.failure("E2")
@pytest.mark.parametrize(
    ("upload_to", "finding"), [("media/photos", ["D055"]), ("media", ["D055"]), ("mediaphotos", [])]
)
def test_folder_that_stands_in_keys_twice_is_named(
    settings: Any, make_app: MakeApp, upload_to: str, finding: list[str]
) -> None:
    settings.STORAGES = holdall.from_env({**S3, "STORAGE_LOCATION": "media"})
    make_app(PHOTO.format(upload_to=upload_to, more=""))
    [report] = project()
    assert (errors(report), warnings(report)) == ([], finding)


@pytest.mark.failure("H2")
def test_path_of_a_file_is_named(settings: Any, make_app: MakeApp) -> None:
    settings.STORAGES = OURS
    views = (
        "def show(item):\n    # item.photo.path\n    return open(item.photo.path), item.photo_path, item.other.path\n"
    )
    name = make_app(PHOTO.format(upload_to="p", more=""), views=views)
    [report] = project()
    assert (errors(report), warnings(report)) == ([], ["D057"])
    assert the(report, "D057").seen.startswith(f"{name}/views.py, line 3: return open(item.photo.path)")


@pytest.mark.failure("M1")
def test_storage_that_was_used_while_loading_is_named(settings: Any) -> None:
    settings.STORAGES = {"default": plain(), **STATIC}
    assert warnings(project(skip=("link_stability",))[0]) == []
    # What a module does that makes a link when it is imported.
    storages["default"].url("a.jpg")
    assert warnings(project(skip=("link_stability",))[0]) == ["D056"]


def test_storage_of_ours_may_be_used_while_loading(settings: Any) -> None:
    settings.STORAGES = OURS
    storages["default"].url("a.jpg")
    assert warnings(project()[0]) == []
