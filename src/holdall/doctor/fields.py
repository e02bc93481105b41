"""The file fields of a Django project, and the apps that are its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.core.files.storage import default_storage
from django.db.models import FileField

from holdall.doctor.examination import Examination


def file_fields(examination: Examination) -> Iterator[FileField]:
    """Yield the fields whose files are in this storage."""
    for model in apps.get_models():
        for field in model._meta.get_fields(include_parents=False):
            if isinstance(field, FileField) and _is_same(field.storage, examination):
                yield field


def _is_same(storage: Any, examination: Examination) -> bool:
    if storage is default_storage:
        return examination.alias == "default"
    own = examination.storage
    places = [
        tuple(getattr(one, name, None) for name in ("bucket_name", "location", "endpoint_url"))
        for one in (storage, own)
    ]
    return type(storage) is type(own) and places[0] == places[1]


def own_apps() -> Iterable[AppConfig]:
    """Return the project's own apps, without those that it has installed."""
    return [
        app
        for app in apps.get_app_configs()
        if not {"site-packages", "dist-packages"} & set(Path(app.path).parts) and app.name != "holdall"
    ]
