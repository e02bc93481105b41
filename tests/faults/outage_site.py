"""A small site with pages that need files and pages that do not, for gunicorn; its environment describes the store."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

import holdall


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(default_storage.url("a.bin"))


def file(request: HttpRequest, deed: str) -> HttpResponse:
    storage: Any = default_storage
    deeds = {
        "size": lambda: storage.size("a.bin"),
        "exists": lambda: storage.exists("a.bin"),
        "read": lambda: len(storage.open("a.bin").read()),
        "list": lambda: storage.listdir("")[1],
        "save": lambda: storage.save("new.txt", ContentFile(b"new")),
        "delete": lambda: storage.delete("nothing.txt"),
    }
    return HttpResponse(str(deeds[deed]()))


urlpatterns = [path("page", page), path("file/<str:deed>", file)]

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for a test",
        ALLOWED_HOSTS=["*"],
        STORAGES=holdall.from_env(),
        USE_TZ=True,
    )
    django.setup()
application = get_wsgi_application()
