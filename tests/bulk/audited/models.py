"""The tables that refer to files."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import models


def aside() -> Storage:
    """Another alias, chosen when the model is loaded."""
    return storages["aside"]


class OwnFileField(models.FileField):
    """A project's own kind of file field."""


class Dated(models.Model):
    attachment = models.FileField(max_length=255, blank=True)

    class Meta:
        abstract = True


class Product(Dated):
    photo = models.ImageField(max_length=255, null=True)
    manual = OwnFileField(max_length=255, null=True)

    def __str__(self) -> str:
        return str(self.pk)


class Bicycle(Product):
    drawing = models.FileField(max_length=255)


class SameProduct(Product):
    class Meta:
        proxy = True


class Legacy(models.Model):
    """A table that migrations leave alone."""

    scan = models.FileField(max_length=255)

    class Meta:
        managed = False
        db_table = "legacy_scans"

    def __str__(self) -> str:
        return str(self.pk)


class OnDisk(models.Model):
    paper = models.FileField(storage=FileSystemStorage(location="/nowhere"), max_length=255)

    def __str__(self) -> str:
        return str(self.pk)


class HistoricalProduct(models.Model):
    """What django-simple-history makes of `Product`: a file field is a text there."""

    photo = models.TextField()
    note = models.TextField(default="")
    instance_type: Any = Product

    def __str__(self) -> str:
        return str(self.pk)


MODELS = (Product, Bicycle, Legacy, OnDisk, HistoricalProduct)
