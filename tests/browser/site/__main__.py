"""Make the tables, the users and Wagtail's first rows, and serve: `python -m tests.browser.site PORT`."""

from __future__ import annotations

import os
import sys

import django


def prepare() -> None:
    """Make what every test finds there."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from wagtail.models import Collection, Locale

    call_command("migrate", run_syncdb=True, verbosity=0)
    for name in ("ada", "bob"):
        User.objects.create_superuser(name, f"{name}@example.com", "tests-only")
    Locale.objects.create(language_code="en")
    Collection.add_root(name="Root")


def serve(port: int) -> None:
    """Answer until somebody ends the process."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    server = ThreadedWSGIServer(("127.0.0.1", port), WSGIRequestHandler)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    server.serve_forever()


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.browser.site.settings"
    django.setup()
    prepare()
    serve(int(sys.argv[1]))
