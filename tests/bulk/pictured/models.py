"""One model for each package."""

from __future__ import annotations

import reversion
from django.db import models
from easy_thumbnails.fields import ThumbnailerImageField
from filer.fields.image import FilerImageField
from imagekit.models import ImageSpecField, ProcessedImageField
from imagekit.processors import ResizeToFill
from simple_history.models import HistoricalRecords


class Row(models.Model):
    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class Easy(Row):
    photo = ThumbnailerImageField(upload_to="easy")


class Sorl(Row):
    photo = models.ImageField(upload_to="sorl")


class Kit(Row):
    photo = ProcessedImageField(upload_to="kit", processors=[ResizeToFill(30, 30)], format="PNG")
    small = ImageSpecField(source="photo", processors=[ResizeToFill(10, 10)], format="PNG")


class Filed(Row):
    photo = FilerImageField(on_delete=models.CASCADE)


class Historic(Row):
    photo = models.ImageField(upload_to="historic")
    history = HistoricalRecords()


@reversion.register()
class Versioned(Row):
    photo = models.ImageField(upload_to="versioned")
