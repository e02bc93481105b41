"""Make the tables, the users and Wagtail's first rows, and serve: `python -m tests.browser.site PORT`."""

from __future__ import annotations

import os
import sys
from io import BytesIO

import django


def prepare() -> None:
    """Make what every test finds there."""
    import PIL.Image
    from django.contrib.auth.models import User
    from django.core.files import File
    from django.core.management import call_command
    from wagtail.documents.models import Document
    from wagtail.images.models import Image
    from wagtail.models import Collection, Locale

    call_command("migrate", run_syncdb=True, verbosity=0)
    for name in ("ada", "bob"):
        User.objects.create_superuser(name, f"{name}@example.com", "tests-only")
    Locale.objects.create(language_code="en")
    Collection.add_root(name="Root")
    # What editors replace the file of.
    png = BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(png, "PNG")
    Image.objects.create(title="Picture", file=File(png, "picture.png"))
    Document.objects.create(title="Document", file=File(BytesIO(b"text"), "document.txt"))


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
