"""Direct uploads in Wagtail's forms for pictures and documents.

WAGTAILIMAGES_IMAGE_FORM_BASE = "holdall.uploads.wagtail.ImageForm"
WAGTAILDOCS_DOCUMENT_FORM_BASE = "holdall.uploads.wagtail.DocumentForm"
"""

from __future__ import annotations

from wagtail.documents.forms import BaseDocumentForm
from wagtail.images.forms import BaseImageForm

from holdall.uploads.forms import DirectUploads


class ImageForm(DirectUploads, BaseImageForm):  # type: ignore[misc]  # Wagtail is not typed
    """Wagtail's form for a picture, whose file goes straight to the store."""


class DocumentForm(DirectUploads, BaseDocumentForm):  # type: ignore[misc]  # Wagtail is not typed
    """Wagtail's form for a document, whose file goes straight to the store."""
