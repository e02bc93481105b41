"""The strictest policy that the documentation promises to be enough."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse


class ContentSecurityPolicy:
    """Allow this site's own scripts and styles, and requests to the bucket."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith("/cms/"):  # Wagtail's own pages need more
            link = urlsplit(default_storage.url("any"))
            bucket = f"{link.scheme}://{link.netloc}"
            response["Content-Security-Policy"] = (
                f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {bucket}; "
                f"connect-src 'self' {bucket}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            )
        return response
