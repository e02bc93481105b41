"""Direct uploads in Wagtail's forms for pictures and documents.

WAGTAILIMAGES_IMAGE_FORM_BASE = "holdall.uploads.wagtail.ImageForm"
WAGTAILDOCS_DOCUMENT_FORM_BASE = "holdall.uploads.wagtail.DocumentForm"
"""

from __future__ import annotations

from copy import copy
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.forms import Media
from django.forms.widgets import Script
from django.templatetags.static import static
from wagtail.documents.forms import BaseDocumentForm
from wagtail.images.forms import BaseImageForm

from holdall.uploads import texts
from holdall.uploads.fields import request_of
from holdall.uploads.files import StagedFile
from holdall.uploads.forms import DirectUploads, TakesUploads
from holdall.uploads.limits import strictest
from holdall.uploads.tickets import MOST_CHARACTERS

# How a ticket comes from the pages that add several files at once: their views take nothing but a file.
TICKET_TYPE = "application/vnd.holdall.ticket"
FILE = "file"


class _Uploads(DirectUploads):
    """What the forms for pictures and for documents have in common."""

    # The file that a ticket was posted as.
    _posted: Any = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        field = self.fields.get(FILE)
        if isinstance(field, TakesUploads):
            # What Wagtail would refuse is not uploaded in the first place.
            field.max_size = strictest(field.max_size, getattr(field, "max_upload_size", None))
            self._take_ticket(self.add_prefix(FILE))

    def _take_ticket(self, name: str) -> None:
        posted = self.files.get(name)
        if (text := _ticket_in(posted)) is None:
            return
        self._posted = posted
        data: Any = copy(self.data)
        files: Any = copy(self.files)
        data[name] = text
        del files[name]
        self.data, self.files = data, files

    def full_clean(self) -> None:
        super().full_clean()
        staged = getattr(self, "cleaned_data", {}).get(FILE)
        request = request_of(self.request)
        if self._posted is None or request is None or not isinstance(staged, StagedFile):
            return
        # Where another field of the form has an error, Wagtail's view keeps the request's file until somebody corrects it.
        for name, given in list(request.FILES.lists()):
            request.FILES.setlist(name, [staged if one is self._posted else one for one in given])

    @property
    def media(self) -> Media:
        """The scripts and styles of the form: with the field's token, for the pages that show no field of it."""
        found: Media = super().media
        field = self.fields.get(FILE)
        if self.is_bound or not isinstance(field, TakesUploads):
            return found
        # Only a bound field knows of which form it is.
        self[FILE]
        if (offer := field.offer) is None:
            return found
        said = {
            "data-holdall-upload": offer["upload"],
            "data-holdall-url": offer["url"],
            "data-holdall-texts": texts.as_json(),
            "data-holdall-module": static("holdall/uploads.js"),
        }
        scripts: list[Any] = [Script("holdall/wagtail.js", type="module", **said)]
        return found + Media(js=scripts)


def _ticket_in(posted: Any) -> str | None:
    if not isinstance(posted, UploadedFile) or posted.content_type != TICKET_TYPE:
        return None
    # Longer ones are not read: what is no ticket, the field refuses.
    posted.seek(0)
    return str(posted.read(MOST_CHARACTERS + 1), "latin-1")


class ImageForm(_Uploads, BaseImageForm):  # type: ignore[misc]  # Wagtail is not typed
    """Wagtail's form for a picture, whose file goes straight to the store."""


class DocumentForm(_Uploads, BaseDocumentForm):  # type: ignore[misc]  # Wagtail is not typed
    """Wagtail's form for a document, whose file goes straight to the store."""
