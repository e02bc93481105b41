"""Users without a table: whoever the session says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse


class User:
    """A user who is logged in."""

    is_authenticated = True

    def __init__(self, pk: int) -> None:
        self.pk = pk


class Nobody:
    """A visitor who is not logged in."""

    is_authenticated = False
    pk = None


class SessionUser:
    """Middleware in place of Django's authentication, which needs tables."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        number = request.session.get("user")
        request.user = User(number) if number else Nobody()
        return self.get_response(request)
