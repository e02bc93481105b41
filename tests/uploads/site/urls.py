"""The endpoints, forms, and a page that logs in."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from tests.uploads.site import forms


def log_in(request: Any, number: int) -> HttpResponse:
    request.session.cycle_key()
    request.session["user"] = number
    return HttpResponse()


def read(file: Any) -> str:
    file.seek(0)
    return str(file.read(40).decode("latin-1"))


@csrf_exempt
def letter(request: HttpRequest) -> HttpResponse:
    """Save a letter, as a view of a project does."""
    form = forms.LetterForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        return JsonResponse({"file": saved.file.name, "picture": saved.picture.name})
    return HttpResponse(form.as_p(), status=400 if request.method == "POST" else 200)


@csrf_exempt
def plain(request: HttpRequest, name: str = "PlainForm") -> HttpResponse:
    """Clean a form, and say what became of each field."""
    form = getattr(forms, name)(request.POST or None, request.FILES or None)
    if request.method != "POST":
        return HttpResponse(form.as_p())
    if not form.is_valid():
        return JsonResponse({"errors": json.loads(form.errors.as_json()), "html": form.as_p()}, status=400)
    said = {}
    for field, value in form.cleaned_data.items():
        files = value if isinstance(value, list) else [value]
        said[field] = [
            {"name": one.name, "size": one.size, "type": one.content_type, "text": read(one)}
            for one in files
            if hasattr(one, "read")
        ]
    return JsonResponse(said)


urlpatterns = [
    path("uploads/", include("holdall.uploads.urls")),
    path("login/<int:number>", log_in),
    path("letter", letter),
    path("plain", plain),
    path("plain/<str:name>", plain),
]
