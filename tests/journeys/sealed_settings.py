"""The demo's settings, with its rows in memory."""

from __future__ import annotations

from project.settings import *  # noqa: F403  all of them

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "file:gallery?mode=memory&cache=shared",
        "OPTIONS": {"uri": True},
    }
}
SECRET_KEY = "of the test alone"
