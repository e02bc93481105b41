"""Layer `urlconf`: what the project's own URLs serve."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf.urls.static import static
from django.contrib.auth.decorators import login_required
from django.urls import clear_url_caches, include, path, re_path
from django.views.static import serve

import holdall
from tests.doctor import errors, the, told
from tests.unit.doctor import S3
from tests.unit.doctor.test_backend import project

Urls = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Path:
    """A project's folder, in which its server runs."""
    (tmp_path / "manage.py").touch()
    (tmp_path / "media").mkdir()
    monkeypatch.chdir(tmp_path)
    settings.STORAGES, settings.DEBUG = holdall.from_env(S3), True
    return tmp_path


@pytest.fixture
def urls(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Urls:
    """Give the project these patterns."""

    def have(*patterns: Any) -> None:
        module = types.ModuleType("urls_of_the_test")
        module.urlpatterns = list(patterns)  # type: ignore[attr-defined]  # a module of our own making
        monkeypatch.setitem(sys.modules, module.__name__, module)
        settings.ROOT_URLCONF = module.__name__
        clear_url_caches()

    return have


def test_pattern_that_the_removed_settings_leave_is_an_error(site: Path, urls: Urls, settings: Any) -> None:
    """The accident: "remove MEDIA_URL and MEDIA_ROOT", and the pattern that was made of them stays."""
    urls(*static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT))
    [report] = project()

    assert errors(report) == ["D064"], told(report)
    assert f"serves {site}, which holds manage.py" in the(report, "D064").seen


@pytest.mark.parametrize(
    "pattern",
    [
        lambda folder: re_path(r"^media/(?P<path>.*)$", serve, {"document_root": folder}),
        lambda folder: path("media/<path:path>", functools.partial(serve, document_root=str(folder))),
        lambda folder: path("media/<path:path>", login_required(serve), {"document_root": folder}),
        lambda folder: path(
            "a/", include([path("b/", include([path("<path:path>", serve, {"document_root": folder})]))])
        ),
        lambda folder: path("a/", include([path("<path:path>", serve)]), {"document_root": folder}),
    ],
    ids=["plain", "partial", "decorated", "included", "argument of include"],
)
def test_pattern_is_found_wherever_it_is(site: Path, urls: Urls, pattern: Any) -> None:
    urls(pattern(site))
    assert errors(project()[0]) == ["D064"]
    urls(pattern(site / "media"))
    assert errors(project()[0]) == []


def test_folders_above_and_their_databases_count(
    site: Path, urls: Urls, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "manage.py").unlink()
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", site / "media" / "db.sqlite3")
    urls(path("m/<path:path>", serve, {"document_root": site}))
    assert "which holds db.sqlite3" in the(project()[0], "D064").seen

    monkeypatch.setitem(settings.DATABASES["default"], "NAME", ":memory:")
    assert errors(project()[0]) == []


def test_folder_of_local_mode_counts(site: Path, urls: Urls, settings: Any, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("files")
    settings.STORAGES = holdall.from_env({"STORAGES_MODE": "local"}, local_folder=elsewhere / "store")
    urls(path("m/<path:path>", serve, {"document_root": elsewhere}))
    assert "which holds store" in the(project()[0], "D064").seen

    settings.STORAGES = holdall.from_env(S3)
    (elsewhere / ".holdall").mkdir()
    assert "which holds .holdall" in the(project()[0], "D064").seen


def test_broken_urlconf_is_left_to_djangos_own_checks(site: Path, urls: Urls, settings: Any) -> None:
    settings.ROOT_URLCONF = "there.is.none"
    clear_url_caches()
    assert errors(project()[0]) == []
    urls(path("<path:path>", serve))
    assert errors(project()[0]) == []


def test_urlconf_that_includes_itself_ends(site: Path, urls: Urls) -> None:
    endless: list[Any] = [path("<path:path>", serve, {"document_root": site / "media"})]
    endless.append(path("again/", include(endless)))
    urls(*endless)
    assert errors(project()[0]) == []
