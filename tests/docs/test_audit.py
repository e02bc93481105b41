"""The page about audits, followed as it is written: its steps in their order, in a new project."""

import sys

import pytest

from tests.docs.pages import DOCS, blocks
from tests.docs.reader import Reader

PAGE = DOCS / "how-to" / "audit.md"
SETTINGS = """
import holdall

INSTALLED_APPS += ["holdall", "shop"]
STORAGES = holdall.from_env()
"""
FILL = """
from django.core.files.base import ContentFile
from shop.models import Product

PNG = bytes.fromhex("89504e470d0a1a0a") + b"picture"
storage = Product._meta.get_field("photo").storage
for name in ("photos/ada.png", "photos/Grace.png", "pictures/hopper.png"):
    storage.save(name, ContentFile(PNG))
Product.objects.create(photo="photos/ada.png", description='<img src="/media/pictures/hopper.png">')
Product.objects.create(photo="photos/grace.png")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the embedded server needs file locks that Windows lacks")
def test_page_is_right(tmp_path_factory: pytest.TempPathFactory) -> None:
    reader = Reader(tmp_path_factory.mktemp("audit"))
    reader.lasting = ["export STORAGES_MODE=local COLUMNS=80"]
    reader.run("django-admin startproject mysite . && python manage.py startapp shop")
    with (reader.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    steps = 0
    for block in blocks(PAGE):
        kind, _, name = block.comment.partition(": ")
        if kind in {"append", "write"}:
            with (reader.folder / name).open("a" if kind == "append" else "w") as file:
                file.write(block.text)
        elif kind == "step":
            if not steps:
                reader.run("python manage.py makemigrations shop && python manage.py migrate")
                # Two seconds later they are older than the store, which counts seconds, can tell.
                (reader.folder / "fill.py").write_text(f"{FILL}\nimport time\n\ntime.sleep(2.1)\n")
                reader.run("python manage.py shell < fill.py")
            reader.do(block)
            steps += 1
    assert steps == 4
