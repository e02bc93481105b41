"""What is uploaded to."""

from __future__ import annotations

from django.db import models


class Report(models.Model):
    """One document, and pictures beside it."""

    title = models.CharField(max_length=100)
    document = models.FileField(upload_to="reports/%Y/", max_length=200, blank=True)

    def __str__(self) -> str:
        return self.title


class Picture(models.Model):
    """A picture of a report, edited in the report's own page of the admin."""

    report = models.ForeignKey(Report, models.CASCADE, related_name="pictures", null=True, blank=True)
    image = models.ImageField(upload_to="pictures/", max_length=200)

    def __str__(self) -> str:
        return self.image.name
