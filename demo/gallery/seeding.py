"""The photographs that the demo comes with, uploaded through the same storage as everybody's."""

from __future__ import annotations

import tomllib
from pathlib import Path

from django.core.files import File
from django.db import transaction

from gallery.images import inspect_image
from gallery.models import FirstStart, Photograph


def upload_shipped(folder: Path) -> int:
    """Upload each photograph of the folder that was never uploaded before, and return how many that were.

    A start that was interrupted is completed by the next one, and what a visitor deleted stays deleted.

    Requests: one PUT for each photograph.
    """
    shipped = tomllib.loads((folder / "photographs.toml").read_text(encoding="utf-8"))["photograph"]
    done = set(FirstStart.objects.values_list("shipped_file", flat=True))
    missing = [entry for entry in shipped if entry["file"] not in done]
    # The gallery shows the newest first, so the first of the list comes last.
    for entry in reversed(missing):
        with (folder / entry["file"]).open("rb") as file, transaction.atomic():
            Photograph.objects.add(
                File(file, name=entry["file"]),
                inspect_image(file),
                title=entry["title"],
                description=entry["description"],
                credit=entry["credit"],
                is_public=entry["public"],
            )
            FirstStart.objects.create(shipped_file=entry["file"])
    return len(missing)
