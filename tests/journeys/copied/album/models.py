"""Rows with files."""

from __future__ import annotations

from django.db import models


class Photograph(models.Model):
    """A row with a file; the title tells what the file must hold."""

    title = models.TextField()
    file = models.FileField(upload_to="photographs/%Y", max_length=200)

    def __str__(self) -> str:
        return self.title
