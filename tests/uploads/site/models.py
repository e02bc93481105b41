"""Rows with files: ordinary fields of Django's."""

from __future__ import annotations

from django.db import models


class Letter(models.Model):
    """A row with a file, and one with a picture."""

    title = models.CharField(max_length=20)
    file = models.FileField(upload_to="letters/%Y", max_length=60)
    picture = models.ImageField(upload_to="pictures", blank=True)

    class Meta:
        app_label = "letters"

    def __str__(self) -> str:
        return self.title
