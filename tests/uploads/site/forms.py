"""Forms as projects write them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from holdall.uploads.forms import DirectUploads, ImageUploadField, UploadField
from tests.uploads.site.models import Letter


class LetterForm(DirectUploads, forms.ModelForm):
    """One line turns it on for every file field."""

    class Meta:
        model = Letter
        fields = ("title", "file", "picture")


def not_empty_handed(file: Any) -> None:
    """A validator that reads in the file."""
    file.seek(0)
    if file.read(6) == b"refuse":
        raise ValidationError("It begins wrongly.", code="begins_wrongly")


class PlainForm(forms.Form):
    """Fields that belong to no model."""

    title = forms.CharField(max_length=20)
    letter = UploadField(types=[".pdf", "text/plain"], max_size=1_000_000, validators=[not_empty_handed])
    many = UploadField(multiple=True, max_files=3, required=False)
    picture = ImageUploadField(required=False)


class OtherForm(forms.Form):
    """Another form with a field of the same name."""

    letter = UploadField(types=[".pdf", "text/plain"])
