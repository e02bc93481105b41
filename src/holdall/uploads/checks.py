"""What Django's system checks say of direct uploads. Nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.urls import NoReverseMatch

from holdall.uploads.fields import root_url
from holdall.uploads.options import options
from holdall.uploads.stores import media_storage

_OF_ONE_PROCESS = frozenset(
    {"django.core.cache.backends.locmem.LocMemCache", "django.core.cache.backends.dummy.DummyCache"}
)
MIDDLEWARE = "holdall.uploads.middleware.UploadsMiddleware"


def check_uploads(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Say what is missing for direct uploads."""
    found: list[checks.CheckMessage] = []
    try:
        root_url()
    except NoReverseMatch:
        found.append(
            checks.Warning(
                "The URLs of direct uploads are not included, so every file goes through the server.",
                hint='Add path("uploads/", include("holdall.uploads.urls")) to the URLs.',
                id="holdall.U001",
            )
        )
    if MIDDLEWARE not in settings.MIDDLEWARE:
        found.append(
            checks.Warning(
                "Forms do not know whose request they belong to, so that only forms that are given it offer direct uploads.",
                hint=f'Add "{MIDDLEWARE}" to MIDDLEWARE, behind django.contrib.auth\'s.',
                id="holdall.U002",
            )
        )
    alias = options().storage
    try:
        takes_uploads = media_storage(storages[alias]) is not None
    except (ImproperlyConfigured, InvalidStorageError):
        # What is wrong with it, other checks say.
        takes_uploads = False
    if not takes_uploads:
        found.append(
            checks.Warning(
                f'STORAGES["{alias}"] is not Holdall\'s, so its files go through the server.',
                hint="Use holdall.from_env() for STORAGES, or name another alias as STORAGE in HOLDALL_UPLOADS.",
                id="holdall.U003",
            )
        )
    return found


def check_cache(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Say that open uploads are counted by each process for itself."""
    alias = options().cache
    if settings.CACHES.get(alias, {}).get("BACKEND") not in _OF_ONE_PROCESS:
        return []
    return [
        checks.Warning(
            f'Open uploads are counted in CACHES["{alias}"], which each process has for itself. With several processes a user '
            "may have more of them open than allowed, and is refused because of uploads that are saved.",
            hint="Use a cache that all processes share (the database is one), or name another alias as CACHE in HOLDALL_UPLOADS.",
            id="holdall.U004",
        )
    ]


def register() -> None:
    """Register the checks with Django."""
    checks.register(check_uploads, "holdall_uploads")
    # In development there is one process.
    checks.register(check_cache, "holdall_uploads", deploy=True)
