"""The Django app, which brings `manage.py holdall`; the storage works without it."""

from django.apps import AppConfig


class HoldallConfig(AppConfig):
    name = "holdall"
    verbose_name = "Holdall"
