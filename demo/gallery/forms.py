"""The form that adds photographs. What it refuses, it refuses in a sentence that names the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from gallery.images import ImageFacts, NotAPhotograph, inspect_image
from gallery.models import Photograph
from holdall.uploads.forms import UploadField

MOST_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of the form, looked at."""

    content: UploadedFile
    image: ImageFacts

    @property
    def title(self) -> str:
        """Make a title of the name that the file had on the uploader's machine."""
        words = PurePath(self.content.name).stem.replace("_", " ").replace("-", " ").split()
        title = " ".join(words)[:120]
        return title[:1].upper() + title[1:] or "Photograph"


def everybody(request: HttpRequest, field: object) -> bool:
    """Let every visitor upload: this is a demo on a machine of one's own."""
    return True


class PhotographsField(UploadField):
    """One to twenty photographs, which the browser sends straight to the bucket; without its script, to the server."""

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        """Look at each file; refuse all when one is refused, with a sentence for each reason."""
        uploads, problems = [], []
        for file in super().clean(data, initial):
            try:
                uploads.append(Upload(file, inspect_image(file)))
            except NotAPhotograph as reason:
                problems.append(f"“{file.name}” {reason}.")
        if problems:
            if uploads:
                problems.append("Nothing was uploaded.")
            raise ValidationError(problems)
        return uploads


class AddForm(forms.Form):
    """Photographs, what they show, and who can see them."""

    photographs = PhotographsField(
        multiple=True,
        max_files=MOST_AT_ONCE,
        max_size=settings.LARGEST_PHOTOGRAPH_BYTES,
        error_messages={
            "too_many_files": "You chose too many files; please upload at most %(count)d at once.",
            "required": "Please choose a photograph first.",
            "empty": "This file is empty; please choose another.",
            "max_length": "The name of this file is too long; please shorten it.",
        },
        max_length=200,
    )
    photographs.widget.attrs["accept"] = "image/jpeg,image/png,image/webp,image/gif,image/avif"
    description = forms.CharField(required=False, max_length=300)
    # Private comes first: what nobody thought about must not be published.
    visibility = forms.ChoiceField(
        choices=[("private", "Private"), ("public", "Public")],
        widget=forms.RadioSelect,
        initial="private",
        error_messages={"required": "Please say whether the photographs are private or public."},
    )

    @property
    def largest_bytes(self) -> int:
        """How large one photograph may be."""
        return int(settings.LARGEST_PHOTOGRAPH_BYTES)

    def save(self) -> list[Photograph]:
        """Upload the photographs, each into the store of the chosen intent."""
        return [
            Photograph.objects.add(
                upload.content,
                upload.image,
                title=upload.title,
                description=self.cleaned_data["description"],
                is_public=self.cleaned_data["visibility"] == "public",
            )
            for upload in self.cleaned_data["photographs"]
        ]


def refusal_of_length(content_length: int) -> str:
    """Return the sentence for a request that is too large to be read at all, or nothing."""
    limit = settings.LARGEST_REQUEST_BYTES
    if content_length <= limit:
        return ""
    return (
        f"These files are {filesizeformat(content_length)} in total; the limit is {filesizeformat(limit)}. "
        "Please upload fewer at once."
    )
