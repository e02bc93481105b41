"""The strictest policy that the documentation promises to be enough."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from holdall.uploads.origins import upload_origin


class ContentSecurityPolicy:
    """Allow this site's own scripts and styles, and requests to the bucket."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith("/cms/"):  # Wagtail's own pages need more
            bucket = upload_origin()
            response["Content-Security-Policy"] = (
                f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {bucket}; "
                f"connect-src 'self' {bucket}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            )
        return response
