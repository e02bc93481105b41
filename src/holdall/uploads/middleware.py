"""Let form fields know whose request is being answered, so that an upload is bound to the user and the session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from holdall.uploads.owners import serving


class UploadsMiddleware:
    """It belongs behind Django's session and authentication middleware. Costs microseconds; sends nothing."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(cast("Any", self))

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self._is_async:
            return self._answer(request)
        with serving(request):
            return cast("HttpResponse", self.get_response(request))

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        with serving(request):
            return cast("HttpResponse", await self.get_response(request))
