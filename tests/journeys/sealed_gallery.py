"""The demo's gallery as a WSGI and an ASGI application, with its rows in memory: for a machine without a disk."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.journeys.sealed_settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402  after the settings
from django.core.wsgi import get_wsgi_application  # noqa: E402  after the settings

from holdall.asgi import get_asgi_application  # noqa: E402  after the settings


def say_what_can_be_written() -> None:
    """Prove that this is such a machine; who starts it reads what it says."""
    try:
        found = tempfile.gettempdir()
    except FileNotFoundError:
        found = "none"
    print(f"temporary folder: {found}", file=sys.stderr, flush=True)


if os.environ.get("SAY_WHAT_CAN_BE_WRITTEN"):
    # Python looks by writing.
    say_what_can_be_written()
call_command("migrate", verbosity=0)
application: Any = get_wsgi_application()
asgi_application: Any = get_asgi_application()
