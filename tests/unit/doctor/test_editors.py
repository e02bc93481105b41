"""Layer `editors`: links that texts keep, beside links that end."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

import holdall
from holdall.doctor.editors import EDITORS
from tests.doctor import the, told, warnings
from tests.unit.doctor import PUBLIC, S3
from tests.unit.doctor.test_backend import project

PERMALINKS = {"BACKEND": "holdall.serving.PermalinkStorage", "OPTIONS": {"folder": "pictures"}}
PATH = "holdall.serving.PermalinkStorage"


@pytest.fixture
def install(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install apps that have nothing but their names."""

    def installed(*apps: str, **environ: str) -> None:
        for app in apps:
            for number in range(1, app.count(".") + 2):
                name = ".".join(app.split(".")[:number])
                module = ModuleType(name)
                module.__path__ = [f"/nowhere/{name}"]
                monkeypatch.setitem(sys.modules, name, module)
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, *apps]
        settings.STORAGES = holdall.from_env({**S3, **environ})

    return installed


def found() -> list[str]:
    [report] = project()
    assert warnings(report) in ([], ["D068"], ["D068"] * 2), told(report)
    return [finding.seen for finding in report.findings if finding.id == "D068"]


@pytest.mark.parametrize("app", EDITORS)
def test_editor_beside_links_that_end_is_named(app: str, install: Any) -> None:
    install(app)

    [seen] = found()

    assert seen.startswith(EDITORS[app].title)


def test_editor_beside_public_files_is_not(install: Any) -> None:
    install("tinymce", "django_ckeditor_5", **PUBLIC)

    assert found() == []


@pytest.mark.parametrize(
    ("app", "chosen"),
    [
        ("django_ckeditor_5", {"CKEDITOR_5_FILE_STORAGE": PATH}),
        ("ckeditor_uploader", {"CKEDITOR_STORAGE_BACKEND": PATH}),
        ("django_summernote", {"SUMMERNOTE_CONFIG": {"attachment_storage_class": PATH}}),
        ("wagtail.images", {"WAGTAILIMAGES_RENDITION_STORAGE": "pictures"}),
        ("tinymce", {}),
        ("django_prose_editor", {}),
    ],
)
def test_editor_that_keeps_permalinks_is_not(app: str, chosen: dict[str, Any], install: Any, settings: Any) -> None:
    install(app)
    settings.STORAGES = {**settings.STORAGES, "pictures": PERMALINKS}
    for name, value in chosen.items():
        setattr(settings, name, value)

    assert found() == []


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("app", ["wagtail.images", "tinymce"])
def test_editor_with_a_second_storage_is_named_unless_that_is_public(
    app: str, public: bool, install: Any, settings: Any
) -> None:
    """It is what the finding says to do."""
    install(app)
    second = holdall.from_env({**S3, **(PUBLIC if public else {}), "STORAGE_LOCATION": "pictures"})["default"]
    settings.STORAGES = {**settings.STORAGES, "pictures": second}
    settings.WAGTAILIMAGES_RENDITION_STORAGE = "pictures"

    named = [finding.id for report in project() for finding in report.findings if finding.id == "D068"]
    assert bool(named) is not public


def test_editor_with_a_setting_of_its_own_must_use_it(install: Any, settings: Any) -> None:
    install("django_ckeditor_5")
    settings.STORAGES = {**settings.STORAGES, "pictures": PERMALINKS}
    settings.CKEDITOR_5_FILE_STORAGE = "nowhere.Storage"

    [report] = project()

    assert the(report, "D068").cause.do == f'CKEDITOR_5_FILE_STORAGE = "{PATH}"'
