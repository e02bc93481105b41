"""`{% load holdall %}`: addresses of files in templates.

<img src="{% media_url photo.image %}">
"""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models.fields.files import FieldFile
from django.template import Context

register = template.Library()


@register.simple_tag(takes_context=True)
def media_url(context: Context, file: FieldFile, download_as: str | None = None) -> Any:
    """Give the address of a field's file for the visitor of this page; see `holdall.serving.media_url`."""
    from holdall import serving

    return serving.media_url(context.get("request"), file, download_as=download_as)
