"""A form and an API whose files go through the server, with a read in a validator."""

from __future__ import annotations

import json
from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from holdall.s3.staging import FOLDER


def begins_well(file: Any) -> None:
    """Look at the end and at the beginning."""
    file.seek(-4, 2)
    file.read(4)
    file.seek(0)
    if file.read(6) == b"refuse":
        raise ValidationError("It begins wrongly.", code="begins_wrongly")


class FilesForm(forms.Form):
    title = forms.CharField()
    file = forms.FileField(validators=[begins_well])
    second = forms.FileField(required=False)


def staged() -> list[str]:
    """What is in the staging area."""
    storage: Any = default_storage
    start = f"{storage._prefix('')}{FOLDER}"
    return [one["Key"] for page in storage.store.pages(action="listing", Prefix=start) for one in page["Contents"]]


def answer(request: HttpRequest) -> JsonResponse:
    form = FilesForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"errors": json.loads(form.errors.as_json()), "staged": len(staged())}, status=400)
    said: dict[str, Any] = {"staged": len(staged())}
    for field in ("file", "second"):
        if file := form.cleaned_data[field]:
            said[field] = {"kind": type(file).__name__, "size": file.size, "name": file.name}
            said[field]["saved"] = default_storage.save(f"files/{file.name}", file)
    return JsonResponse(said)


@csrf_exempt
def plain(request: HttpRequest) -> JsonResponse:
    return answer(request)


@csrf_exempt
async def awaited(request: HttpRequest) -> JsonResponse:
    return await sync_to_async(answer)(request)


@csrf_exempt
async def on_the_loop(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"title": request.POST.get("title")})


@csrf_exempt
def api(request: HttpRequest, way: str) -> Any:
    """A view of Django REST framework."""
    from rest_framework.parsers import FileUploadParser, MultiPartParser
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class View(APIView):
        authentication_classes = ()
        permission_classes = ()
        parser_classes = (FileUploadParser if way == "raw" else MultiPartParser,)

        def post(self, request: Any, **_: Any) -> Response:
            file = request.data["file"]
            return Response({"kind": type(file).__name__, "saved": default_storage.save(file.name, file)})

    return View.as_view()(request, way=way)


urlpatterns = [
    path("plain", plain),
    path("awaited", awaited),
    path("on-the-loop", on_the_loop),
    path("api/<str:way>", api),
]
