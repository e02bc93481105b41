"""Direct uploads that something else than Holdall's storages saved: they are used up too, once the row is saved.

Another kind of storage, or a field that makes a file of its own of what it is given: a smaller picture. Holdall's storages
do it while they save, and let one of two win that save at the same moment.
"""

from __future__ import annotations

from typing import Any

from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_save, pre_save

from holdall.uploads.files import StagedFile, StagedObject

_NOTED = "_holdall_uploads"


def listen() -> None:
    """Hear of models that are saved."""
    pre_save.connect(_note, dispatch_uid="holdall.uploads")
    post_save.connect(_use_up, dispatch_uid="holdall.uploads")


def _note(sender: Any, instance: Any, **_event: Any) -> None:
    # As it is kept, and not through the descriptor, which makes a file of every name.
    kept = instance.__dict__
    # Those of a save that failed are not meant any more.
    kept.pop(_NOTED, None)
    noted: list[tuple[str, StagedObject]] = []
    for field in sender._meta.concrete_fields:
        if not isinstance(field, FileField):
            continue
        file = kept.get(field.attname)
        staged = getattr(file, "_file", None) if isinstance(file, FieldFile) else file
        if isinstance(staged, StagedFile):
            noted.append((field.attname, staged.file))
    if noted:
        kept[_NOTED] = noted


def _use_up(sender: Any, instance: Any, **_event: Any) -> None:
    kept = instance.__dict__
    for name, staged in kept.pop(_NOTED, ()):
        file = kept.get(name)
        # With `update_fields`, it can still wait to be saved.
        is_saved = getattr(file, "_committed", not isinstance(file, StagedFile))
        if is_saved and not staged.is_spent:
            with staged.being_saved():
                pass
