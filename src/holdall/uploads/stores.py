"""The store into which a field's files go: where they are staged, and where they are saved."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.utils.functional import LazyObject, empty

from holdall.s3.staging import Staging
from holdall.sites import stamp
from holdall.storage import MediaStorage
from holdall.storage.objects import links_of, prefix_of, site_of
from holdall.uploads.refusals import UploadRefused


def resolve(reference: str) -> MediaStorage:
    """Find the storage that a token names.

    Raises:
        UploadRefused: there is none, or none of Holdall's.
    """
    kind, _, name = reference.partition(":")
    try:
        if kind == "field":
            label, _, field = name.rpartition(".")
            found = apps.get_model(label)._meta.get_field(field).storage
        else:
            found = storages[name]
    except (LookupError, AttributeError, ValueError) as error:
        raise UploadRefused("other_store", "There is no such store.") from error
    storage = media_storage(found)
    if storage is None:
        raise UploadRefused("other_store", "The store takes no direct uploads.")
    return storage


def media_storage(storage: Any) -> MediaStorage | None:
    """Give a storage that takes direct uploads as what it is; None if it takes none."""
    if isinstance(storage, LazyObject):
        if storage._wrapped is empty:
            storage._setup()
        storage = storage._wrapped
    return storage if isinstance(storage, MediaStorage) and not storage.read_only else None


def reference_of(storage: Any, model_field: Any = None) -> str:
    """Write which storage it is, for a token: an alias, or the model's field that has it."""
    wanted = media_storage(storage)
    for alias in storages.backends:
        # Static files are no uploads, and their storage needs settings of its own. That of another alias may be of no use.
        with suppress(ImproperlyConfigured, InvalidStorageError):
            if alias != "staticfiles" and media_storage(storages[alias]) is wanted:
                return f"alias:{alias}"
    if model_field is not None:
        return f"field:{model_field.model._meta.label}.{model_field.name}"
    raise UploadRefused("other_store", "The storage is not an alias of STORAGES, and no model uses it.")


def stamp_of(storage: MediaStorage) -> str:
    """Give what tells a store from any other: a ticket of one environment is nothing in another, or in a fork of it."""
    lies = site_of(storage)
    return stamp(f"{lies.place}/{lies.bucket_name}", f"{lies.location}\n{storage.environment or ''}")


def staging_of(storage: MediaStorage) -> Staging:
    """Give the staging area of a storage. Requests: none."""
    return Staging(storage.store, links_of(storage), prefix=prefix_of(storage))
