"""The page about backups, done as it is written: a dump is restored, and every row shows its file again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks
from tests.docs.reader import Reader

PAGE = DOCS / "how-to" / "backups.md"

FILES = {
    "manage.py": """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "settings.py": """
import holdall
SECRET_KEY = "nobody's"
INSTALLED_APPS = ["holdall", "album"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}}
USE_TZ = True
STORAGES = holdall.from_env()
""",
    "album/__init__.py": "",
    "album/models.py": """
from django.db import models

class Photograph(models.Model):
    id = models.AutoField(primary_key=True)
    title = models.TextField()
    file = models.FileField(upload_to="photographs")
""",
}
FILL = """
from django.core.files.base import ContentFile
from album.models import Photograph
for title in ("kept", "first", "second"):
    Photograph(title=title).file.save(f"{title}.txt", ContentFile(title.encode() + b"!" * (title == "first") * 5))
"""
LOOK = """
from album.models import Photograph
for photograph in Photograph.objects.order_by("pk"):
    assert photograph.file.read().decode().rstrip("!") == photograph.title
    print(photograph.title)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the embedded server needs file locks that Windows lacks")
def test_restored_dump_has_all_of_its_files(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    reader = Reader(tmp_path)
    steps = [block for block in blocks(PAGE) if block.comment]
    reader.do(steps.pop(0))
    reader.run("python manage.py migrate --run-syncdb --verbosity 0")
    shell = "python manage.py shell --no-imports --command"
    reader.run(f"{shell} '{FILL}'")
    for block in steps:
        if block.comment == "deeds":
            reader.run(f"{shell} 'from album.models import Photograph\n{block.text}'")
        else:
            reader.do(block)

    assert reader.run(f"{shell} '{LOOK}'").split() == ["kept", "first", "second"]
    copied = {path.name for path in (tmp_path / "second-copy" / "photographs").iterdir()}
    assert copied == {"kept.txt", "first.txt", "second.txt"}
    found = json.loads(reader.run("python manage.py holdall usage --json"))
    assert found["fields"] == [{"field": "album.Photograph.file", "files": 3, "size_bytes": 20}]
    assert found["trash"]["files"] == 0
