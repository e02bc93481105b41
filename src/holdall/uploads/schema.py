"""What drf-spectacular writes of an upload field: a ticket or a file comes in, a link goes out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.settings import spectacular_settings


class UploadFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # that is not typed
    """Found by drf-spectacular once it is imported, which the app does."""

    target_class = "holdall.uploads.serializers.UploadField"
    # That of pictures too.
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        ticket = {"type": "string", "description": "The accepted ticket of a direct upload."}
        if not spectacular_settings.COMPONENT_SPLIT_REQUEST:
            # One description for both directions.
            return {"type": "string", "description": f"{ticket['description']} In an answer: the link of the file."}
        if direction == "response":
            return {"type": "string", "format": "uri"}
        # Not "oneOf": to whatever does not know the format every text is both.
        return {"anyOf": [ticket, {"type": "string", "format": "binary", "description": "The file itself."}]}
