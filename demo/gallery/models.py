"""Photographs: the facts are in the database, the files in one of two stores."""

from __future__ import annotations

from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models.fields.files import FieldFile
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from gallery.images import ImageFacts
from gallery.stores import key_of, side_of


def private_storage() -> Storage:
    """Return the store whose links are signed; called at run time, so that no migration knows the bucket."""
    return storages["default"]


def public_storage() -> Storage:
    """Return the store whose files everybody may see."""
    return storages["public"]


class PhotographQuerySet(models.QuerySet["Photograph"]):
    """Photographs, and the one way to add one."""

    def add(
        self,
        content: File,
        image: ImageFacts,
        *,
        title: str,
        description: str,
        is_public: bool,
        credit: str = "",
    ) -> Photograph:
        """Save the file in the store of its intent, then the row that names it.

        Requests: one PUT for a photograph below the multipart threshold.
        """
        photograph = Photograph(
            title=title,
            description=description,
            credit=credit,
            width=image.width,
            height=image.height,
            size_bytes=content.size,
        )
        field = photograph.public_file if is_public else photograph.private_file
        # The suffix says what the bytes are, whatever the uploader called them.
        field.save(f"{slugify(title) or 'photograph'}{image.suffix}", content, save=False)
        photograph.save()
        return photograph


class Photograph(models.Model):
    """One photograph: public or private by intent, which decides the field, and the field the store."""

    title = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    credit = models.CharField(max_length=120, blank=True)
    # FileField, not ImageField: that one would read each photograph back from the bucket to measure it,
    # and the form has measured it already.
    public_file = models.FileField(storage=public_storage, upload_to="photos/%Y/", max_length=300, blank=True)
    private_file = models.FileField(storage=private_storage, upload_to="photos/%Y/", max_length=300, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size_bytes = models.PositiveBigIntegerField()
    added = models.DateTimeField(default=timezone.now, db_index=True)

    objects = PhotographQuerySet.as_manager()

    class Meta:
        ordering = ("-added", "-pk")
        constraints = (
            models.CheckConstraint(
                name="photograph_is_public_or_private",
                condition=models.Q(public_file="") ^ models.Q(private_file=""),
            ),
        )

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the address of the photograph's own page."""
        return reverse("photograph", args=[self.pk])

    @property
    def is_public(self) -> bool:
        """Tell whether everybody who knows the link may see the file."""
        return bool(self.public_file)

    @property
    def file(self) -> FieldFile:
        """Return the file, in whichever store it is."""
        return self.public_file or self.private_file

    @property
    def key(self) -> str:
        """Return the key under which the bucket keeps the file."""
        return key_of(side_of(self.file.storage, self.file.name), self.file.name)

    @property
    def is_the_originals(self) -> bool:
        """Tell whether this is a copied gallery that shows the original's file."""
        return side_of(self.file.storage, self.file.name) is not self.file.storage

    def remove(self) -> None:
        """Delete the row, then the file: should the second fail, an unused file is left, never a broken page.

        Requests: one DELETE.
        """
        storage, name = self.file.storage, self.file.name
        self.delete()
        storage.delete(name)


class FirstStart(models.Model):
    """One shipped photograph that was uploaded once, so that it does not come back after it was deleted."""

    shipped_file = models.CharField(max_length=120, unique=True)

    def __str__(self) -> str:
        return self.shipped_file
