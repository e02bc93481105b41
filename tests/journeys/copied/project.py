"""A project whose database can be copied, driven from outside: what each environment does with its rows and files.

    python project.py DATABASE FOLDER

The storage is what the environment says; `FOLDER` is where mode `local` keeps its files. django-cleanup is installed,
as in any project that does not want to keep the files of deleted rows. It reads deeds, each a line with a JSON list of
its name and arguments, and answers each with a line of JSON; it ends with its input.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.request
from typing import Any

import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import call_command

import holdall

DATABASE, FOLDER = sys.argv[1:]

settings.configure(
    SECRET_KEY="nobody's",
    INSTALLED_APPS=["holdall", "album", "django_cleanup.apps.CleanupConfig"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
    STORAGES=holdall.from_env(local_folder=FOLDER),
)
django.setup()

from album.models import Photograph  # noqa: E402  when the apps are loaded


def fill(count: str) -> Any:
    """Make the table and so many rows."""
    from django.db import connection

    with connection.schema_editor() as editor:
        editor.create_model(Photograph)
    for number in range(int(count)):
        add(f"photograph {number}")
    return Photograph.objects.count()


def add(title: str) -> Any:
    """Add a row with a file; every second has the same name."""
    row = Photograph(title=title)
    row.file.save("the same.txt" if title.endswith("0") else f"{title}.txt", ContentFile(title.encode()))
    return row.file.name


def look() -> Any:
    """See of every row whether its file can be read, and whether its link opens."""
    found = []
    for row in Photograph.objects.order_by("pk"):
        try:
            with row.file.open() as file:
                is_read = file.read() == row.title.encode()
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(row.file.url, timeout=20) as answer:
                is_shown = answer.read() == row.title.encode()
        except OSError as error:
            is_read = is_shown = False
            found.append([row.title, row.file.name, f"{type(error).__name__}: {error}"])
        if is_read and is_shown:
            found.append([row.title, row.file.name, row.file.url])
    return found


def exists(name: str) -> Any:
    """Say whether the storage has a file of this name."""
    return Photograph.file.field.storage.exists(name)


def delete(title: str) -> Any:
    """Delete a row, and by django-cleanup its file. Tell what is said to that."""
    return told(lambda: Photograph.objects.get(title=title).delete())


def replace(title: str) -> Any:
    """Give a row another file; django-cleanup deletes the one before."""
    row = Photograph.objects.get(title=title)
    row.title = f"{title}, replaced"
    return told(lambda: row.file.save("replaced.txt", ContentFile(row.title.encode())))


def command(*words: str) -> Any:
    """Run a command of Holdall's, and give what it printed."""
    out = io.StringIO()
    call_command("holdall", *words, stdout=out, stderr=out)
    return out.getvalue()


def told(deed: Any) -> Any:
    try:
        deed()
    except holdall.HoldallError as error:
        return [type(error).__name__, str(error)]
    return None


DEEDS = {
    "add": add,
    "command": command,
    "delete": delete,
    "exists": exists,
    "fill": fill,
    "look": look,
    "replace": replace,
}
for line in sys.stdin:
    deed, *arguments = json.loads(line)
    print(json.dumps(DEEDS[deed](*arguments)), flush=True)
