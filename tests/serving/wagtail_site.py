"""A site of Wagtail whose collections become private, set up as the how-to says: what visitors get, as one JSON document."""

from __future__ import annotations

import io
import json
import os
import sys
import types
from typing import Any

import django
from django.conf import settings

from tests.docs.pages import DOCS, blocks

BLOCKS = {block.comment: block.text for block in blocks(DOCS / "how-to" / "pictures-in-editors.md")}
OURS: dict[str, Any] = {}
exec(next(text for text in BLOCKS.values() if "WAGTAILIMAGES_RENDITION_STORAGE" in text), OURS)

APPS = ["wagtail.documents", "wagtail.images", "wagtail.users", "wagtail.admin", "wagtail.search", "wagtail"]
WITHOUT_HISTORY = [f"wagtail{name}" for name in ("core", "docs", "images", "users", "admin", "search")]
WITHOUT_HISTORY += ["taggit", "contenttypes", "auth", "sessions"]
DJANGO = ["contenttypes", "auth", "sessions", "messages"]
urls = types.ModuleType("site_urls")
sys.modules["site_urls"] = urls
settings.configure(
    SECRET_KEY="nobody's",
    DEBUG=True,
    ALLOWED_HOSTS=["testserver"],
    INSTALLED_APPS=["holdall", *APPS, "modelcluster", "taggit", *[f"django.contrib.{name}" for name in DJANGO]],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    # Tables without the history of a hundred migrations.
    MIGRATION_MODULES=dict.fromkeys(WITHOUT_HISTORY),
    MIDDLEWARE=[f"django.contrib.{name}Middleware" for name in ("sessions.middleware.Session", "auth.middleware.Authentication")],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    ROOT_URLCONF="site_urls",
    STATIC_URL="/static/",
    USE_TZ=True,
    WAGTAIL_SITE_NAME="Papers",
    WAGTAILADMIN_BASE_URL="http://testserver",
    WAGTAIL_FRONTEND_LOGIN_URL="/login/",
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    **{name: value for name, value in OURS.items() if name.isupper()},
)  # fmt: skip
django.setup()

from django.contrib.auth.models import User  # noqa: E402  when the apps are loaded
from django.core import checks  # noqa: E402  after the settings
from django.core.files.base import ContentFile  # noqa: E402  after the settings
from django.core.files.storage import storages  # noqa: E402  after the settings
from django.core.management import call_command  # noqa: E402  after the settings
from django.test import Client  # noqa: E402  after the settings
from django.urls import include, path  # noqa: E402  after the settings
from PIL import Image as Picture  # noqa: E402  after the settings
from wagtail import urls as wagtail_urls  # noqa: E402  after the settings
from wagtail.documents.models import Document  # noqa: E402  after the settings
from wagtail.images.models import Image  # noqa: E402  after the settings
from wagtail.models import Collection, CollectionViewRestriction, Locale  # noqa: E402  after the settings
from wagtail.rich_text import expand_db_html  # noqa: E402  after the settings

exec(BLOCKS["wagtail urls"], urls.__dict__)
urls.__dict__["urlpatterns"].append(path("", include(wagtail_urls)))
exec(BLOCKS["wagtail hooks"], {})
call_command("migrate", run_syncdb=True, verbosity=0)

Locale.objects.create(language_code="en")
private = Collection.add_root(name="Root").add_child(name="Papers")
content = io.BytesIO()
Picture.new("RGB", (60, 40)).save(content, "PNG")
picture = Image.objects.create(
    title="Ada", file=ContentFile(content.getvalue(), name="ada.png"), collection=private, width=60, height=40
)
paper = Document.objects.create(
    title="Paper", file=ContentFile(b"the paper", name="Rechnung Nº 7.docx"), collection=private
)
rendition = picture.get_rendition("width-30")
storages["default"].save("secret.txt", ContentFile(b"secret"))
member = User.objects.create_user("ada", password="x")


def visit(client: Client, path: str, method: str = "get") -> list[Any]:
    response = getattr(client, method)(path)
    return [response.status_code, response.get("Location", ""), response.get("Cache-Control", "")]


def visits() -> dict[str, Any]:
    stranger, known = Client(), Client()
    known.force_login(member)
    return {
        f"{who} {what}": visit(client, path)
        for who, client in (("stranger", stranger), ("member", known))
        for what, path in (("document", paper.url), ("image", rendition.url))
    }


found: dict[str, Any] = {"rendition": rendition.url, "open": visits()}
found["head"] = visit(Client(), paper.url, "head")
found["text"] = expand_db_html(f'<embed embedtype="image" id="{picture.pk}" format="left" alt="Ada"/>')
found["not a rendition"] = [
    visit(Client(), f"/pictures/{name}")[0]
    for name in ("secret.txt", picture.file.name, paper.file.name, "../secret.txt")
]
restriction = CollectionViewRestriction.objects.create(collection=private, restriction_type="login")
found["login"] = visits()
restriction.restriction_type = "password"
restriction.password = "open sesame"
restriction.save()
found["password"] = visits()
visitor = Client()
session = visitor.session
session["passed_collection_view_restrictions"] = [restriction.pk]
session.save()
os.environ.pop("COLUMNS", None)
visitor.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
found["password given"] = {"document": visit(visitor, paper.url), "image": visit(visitor, rendition.url)}
found["checks"] = [message.id for message in checks.run_checks() if (message.id or "").startswith("holdall.D068")]
del settings.WAGTAILIMAGES_RENDITION_STORAGE
found["checks without"] = [
    message.id for message in checks.run_checks() if (message.id or "").startswith("holdall.D068")
]
print(json.dumps(found))
