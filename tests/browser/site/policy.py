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
        is_wagtails = request.path.startswith("/cms/")
        if not is_wagtails or "/multiple/" in request.path:  # others of Wagtail's own pages need more
            bucket = upload_origin()
            # Avatars from elsewhere, and what was chosen a moment ago.
            pictures = "* blob:" if is_wagtails else f"'self' {bucket}"
            response["Content-Security-Policy"] = (
                f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {pictures}; "
                f"connect-src 'self' {bucket}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            )
        return response
