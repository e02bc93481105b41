"""A site with every package that makes thumbnails or keeps old versions: it saves pictures, and audits what is there then.

A program of its own, because apps load once. It is given the variables of a store, and prints what the audits found.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

import holdall

WAGTAIL = ("images", "documents", "admin", "users", "search")
DJANGO = ("auth", "contenttypes", "messages", "sessions")
OTHERS = ("taggit", "easy_thumbnails", "sorl.thumbnail", "filer", "imagekit", "simple_history", "reversion")


def main() -> None:
    settings.configure(
        SECRET_KEY="tests-only",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        STATIC_URL="static/",
        WAGTAILADMIN_BASE_URL="http://localhost",
        # Tables are made from the models, which is quicker than hundreds of migrations.
        MIGRATION_MODULES=NoMigrations(),
        INSTALLED_APPS=[
            *(f"wagtail.{app}" for app in WAGTAIL),
            "wagtail",
            *OTHERS,
            *(f"django.contrib.{app}" for app in DJANGO),
            "tests.bulk.pictured",
            "holdall",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        STORAGES={
            **holdall.from_env(json.loads(sys.argv[1])),
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        THUMBNAIL_ALIASES={"": {"small": {"size": (10, 10)}}},
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    saved, found = dict(made()), [audited()]
    for forget in (forget_originals, forget_thumbnails):
        forget()
        found.append(audited())
    print(json.dumps({"saved": saved, "found": found}))


class NoMigrations:
    def __contains__(self, _app: str) -> bool:
        return True

    def __getitem__(self, _app: str) -> None:
        return None


class Later(datetime):
    """An hour from now, when what was just saved is no longer young."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + timedelta(hours=1)


def audited() -> dict[str, Any]:
    from django.core.files.storage import storages

    from holdall.bulk import audit

    audit.datetime = Later  # type: ignore[attr-defined]  # the clock that it reads
    storage: Any = storages["default"]
    found = audit.make(storage, min_age_seconds=0, look_at=0)
    assert not found.problems, found.problems
    return {
        "files": [one.name for one in audit.Inventory(storage).files()],
        "orphans": [one.name for one in found.orphans],
        "missing": [one.name for one in found.missing],
        "cached": found.cached.files,
        "notes": found.notes,
    }


def picture(name: str) -> Any:
    from django.core.files.base import ContentFile
    from PIL import Image

    png = io.BytesIO()
    Image.new("RGB", (40, 40), "teal").save(png, "PNG")
    return ContentFile(png.getvalue(), name)


def made() -> Iterator[tuple[str, str]]:
    """Save pictures as each package does; give the names of the files that it made, by what they are."""
    import reversion
    from django.contrib.auth.models import User
    from filer.models import Image as Filed
    from sorl.thumbnail import get_thumbnail
    from wagtail.images import get_image_model
    from wagtail.models import Collection

    from tests.bulk.pictured import models

    easy = models.Easy.objects.create(photo=picture("a.png"))
    yield "easy", easy.photo.name
    yield "easy small", easy.photo["small"].name
    sorl = models.Sorl.objects.create(photo=picture("a.png"))
    yield "sorl", sorl.photo.name
    yield "sorl small", get_thumbnail(sorl.photo, "10x10").name
    kit = models.Kit.objects.create(photo=picture("a.png"))
    yield "kit", kit.photo.name
    kit.small.generate()
    yield "kit small", kit.small.name
    filed = Filed.objects.create(original_filename="a.png", file=picture("a.png"), owner=User.objects.create())
    models.Filed.objects.create(photo=filed)
    yield "filer", filed.file.name
    yield "filer small", filed.file.get_thumbnail({"size": (16, 16)}).name
    historic = models.Historic.objects.create(photo=picture("before.png"))
    yield "history before", historic.photo.name
    historic.photo = picture("after.png")
    historic.save()
    yield "history after", historic.photo.name
    with reversion.create_revision():
        versioned = models.Versioned.objects.create(photo=picture("before.png"))
    yield "version before", versioned.photo.name
    with reversion.create_revision():
        versioned.photo = picture("after.png")
        versioned.save()
    yield "version after", versioned.photo.name
    Collection.add_root(name="Root")
    image = get_image_model().objects.create(title="a", file=picture("a.png"))
    yield "wagtail", image.file.name
    yield "wagtail small", image.get_rendition("width-10").file.name
    yield "wagtail draft", draft(image)


def draft(image: Any) -> str:
    """Save a file that no row names but a draft."""
    from django.contrib.contenttypes.models import ContentType
    from django.core.files.storage import default_storage
    from django.utils import timezone
    from wagtail.models import Revision

    name = default_storage.save("documents/draft.pdf", picture("draft.pdf"))
    kind = ContentType.objects.get_for_model(image)
    draft = Revision(
        content_type=kind, base_content_type=kind, object_id="1", created_at=timezone.now(),
        content={"title": "draft", "file": name},
    )  # fmt: skip
    Revision.objects.bulk_create([draft])
    return name


def forget_originals() -> None:
    """Delete rows as a database does, which knows nothing of files."""
    from tests.bulk.pictured import models

    for model in (models.Easy, models.Sorl, models.Kit):
        model.objects.all()._raw_delete("default")


def forget_thumbnails() -> None:
    from easy_thumbnails.models import Thumbnail
    from sorl.thumbnail.models import KVStore
    from wagtail.images.models import Rendition

    for model in (Thumbnail, KVStore, Rendition):
        model.objects.all()._raw_delete("default")


if __name__ == "__main__":
    main()
