"""What every page of the gallery has around it."""

from __future__ import annotations

from collections.abc import Callable

from django.core.files.storage import storages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gallery.links import origin
from holdall.errors import HoldallError
from holdall.uploads.origins import upload_origin

GetResponse = Callable[[HttpRequest], HttpResponse]


class ContentSecurityPolicy:
    """Allow this site's own styles and scripts, pictures from its stores, uploads to them, and nothing else.

    Django has this built in from 6.0 on; the demo runs on 5.2 as well.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Content-Security-Policy"] = "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                " ".join(("img-src 'self'", *sorted(media_origins()))),
                " ".join(("connect-src 'self'", *sorted(upload_origins()))),
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            )
        )
        return response


def media_origins() -> set[str]:
    """Return the origins from which the stores' links are served; none while a store cannot say."""
    try:
        links = [storages[alias].url("any") for alias in ("default", "public")]
        # A copied gallery shows files of its own too.
        links += [
            storages[alias].own_url("any") for alias in ("default", "public") if hasattr(storages[alias], "own_url")
        ]
        return {origin(link) for link in links}
    except HoldallError:
        return set()


def upload_origins() -> set[str]:
    """Return the origin to which browsers send photographs; none while the store cannot say."""
    try:
        return {upload_origin("default")}
    except HoldallError:
        return set()


class StorageTrouble:
    """Turn what goes wrong with the storage into a page that says it, instead of a bare 500.

    The text of a HoldallError never contains a secret, so it may be shown.
    A real site would log it and say less.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for the storage's errors; leave all others to Django."""
        if not isinstance(exception, HoldallError):
            return None
        return render(request, "gallery/trouble.html", {"trouble": str(exception)}, status=503)
