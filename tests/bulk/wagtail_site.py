"""A site with Wagtail, its tables in memory: print what refers to files. A program of its own, because apps load once."""

from __future__ import annotations

import json
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

APPS = ("images", "documents", "admin", "users", "search")
DJANGO = ("auth", "contenttypes", "messages", "sessions")


def main() -> None:
    labels = ("wagtailcore", "wagtailimages", "wagtaildocs", "wagtailadmin", "wagtailusers", "wagtailsearch", "taggit")
    settings.configure(
        SECRET_KEY="tests-only",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        STATIC_URL="static/",
        WAGTAILADMIN_BASE_URL="http://localhost",
        MIGRATION_MODULES=dict.fromkeys((*labels, *DJANGO)),
        INSTALLED_APPS=[
            *(f"wagtail.{app}" for app in APPS),
            "wagtail",
            "taggit",
            *(f"django.contrib.{app}" for app in DJANGO),
            "holdall",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        STORAGES={
            "default": {
                "BACKEND": "holdall.storage.MediaStorage",
                "OPTIONS": {"bucket_name": "media", "endpoint_url": "http://127.0.0.1:1", "region_name": "us-east-1"},
            },
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    print(json.dumps(found()))


def found() -> dict[str, str]:
    from django.contrib.contenttypes.models import ContentType
    from django.core.files.storage import storages
    from django.utils import timezone
    from wagtail.documents import get_document_model
    from wagtail.images import get_image_model
    from wagtail.images.models import Rendition
    from wagtail.models import Collection, Revision

    from holdall.bulk import references

    Collection.add_root(name="Root")
    image, document = get_image_model(), get_document_model()
    image.objects.bulk_create([image(title="a", file="original_images/a.png", width=1, height=1)])
    document.objects.bulk_create([document(title="a", file="documents/a.pdf")])
    rendition = Rendition(
        image=image.objects.get(), filter_spec="width-1", file="images/a.width-1.png", width=1, height=1
    )
    Rendition.objects.bulk_create([rendition])
    kind = ContentType.objects.get_for_model(document)
    draft = Revision(
        content_type=kind, base_content_type=kind, object_id="1", created_at=timezone.now(),
        content={"title": "draft", "file": "documents/draft.pdf"},
    )  # fmt: skip
    Revision.objects.bulk_create([draft])
    storage: Any = storages["default"]
    return {one.name: one.source.label for one in references.walk(storage)}


if __name__ == "__main__":
    main()
