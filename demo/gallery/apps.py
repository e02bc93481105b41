"""The gallery as Django knows it."""

from __future__ import annotations

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """A gallery whose photographs live in a bucket."""

    name = "gallery"
