"""Direct uploads that a storage of another kind saved: they are used up too, once the row is saved.

Holdall's own storages do it while they save, and let one of two win that save at the same moment.
"""

from __future__ import annotations

from typing import Any

from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_save, pre_save

from holdall.uploads.files import StagedFile
from holdall.uploads.stores import media_storage

_NOTED = "_holdall_uploads"


def listen() -> None:
    """Hear of models that are saved."""
    pre_save.connect(_note, dispatch_uid="holdall.uploads")
    post_save.connect(_use_up, dispatch_uid="holdall.uploads")


def _note(sender: Any, instance: Any, **_event: Any) -> None:
    # As it is kept, and not through the descriptor, which makes a file of every name.
    kept = instance.__dict__
    for field in sender._meta.concrete_fields:
        if not isinstance(field, FileField):
            continue
        file = kept.get(field.attname)
        staged = getattr(file, "_file", None) if isinstance(file, FieldFile) else file
        if isinstance(staged, StagedFile) and media_storage(field.storage) is None:
            kept.setdefault(_NOTED, []).append(staged.file)


def _use_up(sender: Any, instance: Any, **_event: Any) -> None:
    for staged in instance.__dict__.pop(_NOTED, ()):
        with staged.being_saved():
            pass
