"""Why an upload is refused: a code for programs, a sentence for people in their language, and a status."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.utils.translation import gettext_lazy as _

from holdall.errors import HoldallError

# Code -> status, and the sentence that a person reads.
REASONS: dict[str, tuple[int, Any]] = {
    "malformed": (400, _("The upload could not be understood. Reload the page and try again.")),
    "bad_name": (400, _("This file name cannot be used. Rename the file and try again.")),
    "bad_parts": (400, _("The upload is incomplete. Try again.")),
    "forbidden": (403, _("You are not allowed to upload files here.")),
    "invalid_ticket": (403, _("This upload is not valid. Reload the page and try again.")),
    "not_yours": (403, _("This upload belongs to another session. Reload the page and try again.")),
    "other_field": (403, _("This file was uploaded for another field.")),
    "other_store": (403, _("This file was uploaded to another place. Upload it again.")),
    "other_site": (403, _("This upload came from another site.")),
    "gone": (404, _("The uploaded file is no longer there. Upload it again.")),
    "not_uploaded": (409, _("The file has not arrived yet. Try again.")),
    "size_differs": (409, _("The file did not arrive whole. Upload it again.")),
    "changed": (409, _("The uploaded file was changed. Upload it again.")),
    "expired": (410, _("This upload took too long. Reload the page and upload the file again.")),
    "spent": (410, _("This upload was used already. Upload the file again.")),
    "too_large": (413, _("The file is too large.")),
    "type_refused": (415, _("Files of this type cannot be uploaded here.")),
    "disguised": (415, _("The content of the file does not fit its name.")),
    "throttled": (429, _("Too many uploads at once. Wait a moment and try again.")),
    "too_many": (429, _("Too many uploads are open. Save or cancel some, then try again.")),
    "store_failed": (502, _("The file store did not accept the upload. Try again later.")),
}


class UploadRefused(HoldallError, SuspiciousOperation):
    """An upload that is not permitted, or not what was permitted. `reason` is its code; `message` is for people."""

    def __init__(self, reason: str, detail: str = "", *, wait_seconds: float | None = None) -> None:
        self.reason = reason
        self.status, self.message = REASONS[reason]
        self.detail = detail
        self.wait_seconds = wait_seconds
        super().__init__(f"{detail or reason} ({reason})")

    def __reduce__(self) -> tuple[type[UploadRefused], tuple[str, str]]:
        return type(self), (self.reason, self.detail)

    def as_json(self) -> dict[str, str]:
        """Give what an endpoint answers."""
        return {"error": self.reason, "message": str(self.message), "detail": self.detail}
