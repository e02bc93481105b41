"""Use packages whose own tests are not distributed, as a project does, with every file in a bucket.

    python journeys.py PACKAGE PHOTOGRAPH

It is started by `test_packages.py`, in the environment of `suites.py` and in an empty folder, and ends in "done".
"""

from __future__ import annotations

import io
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

import holdall

APPS = {
    "django-filer": ["easy_thumbnails", "filer", "polymorphic"],
    "django-imagekit": ["imagekit"],
}


def configure(package: str) -> None:
    environ = {"STORAGES_MODE": "local", "STORAGE_LOCATION": "site"}
    folder = os.environ["HOLDALL_LOCAL_FOLDER"]
    storages = holdall.from_env(environ, local_folder=folder)

    def store(place: str) -> dict[str, Any]:
        return {
            "ENGINE": "holdall.storage.MediaStorage",
            "OPTIONS": {**storages["default"]["OPTIONS"], "location": place},
        }

    settings.configure(
        SECRET_KEY="nobody's",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *APPS[package]],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
        STORAGES=storages,
        THUMBNAIL_DEFAULT_STORAGE_ALIAS="default",
        FILER_STORAGES={
            kind: {"main": store(f"{kind}/main"), "thumbnails": store(f"{kind}/thumbnails")}
            for kind in ("public", "private")
        },
    )
    django.setup()
    call_command("migrate", verbosity=0)


def width_at(link: str) -> int:
    """Look at a picture as a visitor does."""
    from PIL import Image

    with urllib.request.urlopen(link, timeout=20) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
        return Image.open(io.BytesIO(answer.read())).width


def use_filer(photograph: Path) -> None:
    from django.core.files import File
    from filer.models import Folder, Image

    content = photograph.read_bytes()
    folder = Folder.objects.create(name="Fruit")
    with photograph.open("rb") as file:
        image = Image.objects.create(
            folder=folder, original_filename="fig.jpg", file=File(file, name="fig.jpg"), is_public=True
        )
    storage, name = image.file.storage, image.file.name
    assert (storage.location, storage.size(name)) == ("public/main", len(content))
    assert image.width == width_at(image.url)
    assert width_at(image.thumbnails["admin_sidebar_preview"]) <= 210
    assert Image.objects.get(pk=image.pk).sha1 == image.sha1 != ""

    # From the public store to the private one, and its thumbnails go.
    image.is_public = False
    image.save()
    assert image.file.storage.location == "private/main"
    with image.file.open() as file:
        assert file.read() == content
    assert not storage.exists(name)

    storage, name = image.file.storage, image.file.name
    image.delete()
    assert not storage.exists(name)


def use_imagekit(photograph: Path) -> None:
    from django.core.files.storage import default_storage
    from imagekit import ImageSpec
    from imagekit.cachefiles import ImageCacheFile
    from imagekit.processors import ResizeToFill

    class Small(ImageSpec):
        processors = (ResizeToFill(120, 80),)
        format = "JPEG"

    with photograph.open("rb") as file:
        name = default_storage.save("photographs/fig.jpg", file)
    for _ in range(2):
        with default_storage.open(name) as source:
            small = ImageCacheFile(Small(source=source))
            small.generate()
        assert default_storage.exists(small.name)
        assert width_at(small.url) == small.width == 120
    small.generate(force=True)


JOURNEYS = {"django-filer": use_filer, "django-imagekit": use_imagekit}

if __name__ == "__main__":
    configure(sys.argv[1])
    JOURNEYS[sys.argv[1]](Path(sys.argv[2]))
    print("done")
