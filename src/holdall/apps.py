"""The Django app, which brings `manage.py holdall` and the system checks; the storage works without it."""

from django.apps import AppConfig


class HoldallConfig(AppConfig):
    name = "holdall"
    verbose_name = "Holdall"

    def ready(self) -> None:
        from holdall import checks

        checks.register()
