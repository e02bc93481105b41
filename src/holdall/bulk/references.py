"""What the rows of a project refer to: every file field of every model, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage, storages
from django.db import connections, models, router

from holdall.fork.storage import site_of
from holdall.storage import MediaStorage
from holdall.storage.media import batched

# So many names are asked for at a time.
BATCH = 500


def fields(storage: MediaStorage) -> Iterator[tuple[type[models.Model], Any]]:
    """Give the file fields whose files are in this very store."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy or not model._meta.managed:
            continue
        for field in model._meta.local_concrete_fields:
            if isinstance(field, models.FileField) and _is_here(field.storage, storage):
                yield model, field


def _is_here(one: Any, storage: MediaStorage) -> bool:
    if one is default_storage:
        # Lazy, and perhaps not made yet.
        one = storages["default"]
    return isinstance(one, MediaStorage) and site_of(one) == site_of(storage)


def names(storage: MediaStorage) -> Iterator[str]:
    """Give every name that a row refers to, on every database; one may come more than once."""
    here = list(fields(storage))
    for alias in connections:
        tables = set(connections[alias].introspection.table_names())
        for model, field in here:
            # Without a router every model may be on every database, and is on those that have its table.
            if model._meta.db_table in tables and router.allow_migrate_model(alias, model):
                rows = model._base_manager.using(alias).exclude(**{field.attname: ""})
                yield from (str(name) for name in rows.values_list(field.attname, flat=True).iterator() if name)


def missing_names(storage: MediaStorage) -> list[str]:
    """Give the names that a row refers to and the store does not have. One HEAD for each name, a few at a time."""
    missing: list[str] = []
    for batch in batched(names(storage), BATCH):
        found = storage.exists_many(batch)
        missing += [name for name, exists in found.items() if not exists]
    return list(dict.fromkeys(missing))
