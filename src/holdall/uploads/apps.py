"""The Django app of direct uploads."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy


class UploadsConfig(AppConfig):
    name = "holdall.uploads"
    label = "holdall_uploads"
    verbose_name = gettext_lazy("Direct uploads")

    def ready(self) -> None:
        from holdall.uploads import acceptance, checks

        acceptance.listen()
        checks.register()
        if apps.is_installed("drf_spectacular"):
            from holdall.uploads import schema  # noqa: F401  it is found once it is imported
