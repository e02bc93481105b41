"""The app of the project."""

from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "tests.uploads.site"
    label = "letters"
    default_auto_field = "django.db.models.BigAutoField"
