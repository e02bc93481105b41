"""How long the bodies are that the site gets: the bytes of a file that goes straight to the bucket are in none."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

# The longest body that a path got.
_longest: dict[str, int] = {}


class Counting:
    """Note the length of each request's body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length:
            _longest[request.path] = max(length, _longest.get(request.path, 0))
        return self.get_response(request)


def received(request: HttpRequest) -> HttpResponse:
    """Say how long the longest bodies were since this was asked before."""
    said = JsonResponse(_longest)
    _longest.clear()
    return said
