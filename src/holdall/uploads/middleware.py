"""Let form fields know whose request is being answered, and tell a person why an upload could not be saved."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from holdall.uploads.owners import serving
from holdall.uploads.refusals import UploadRefused

log = logging.getLogger("holdall")


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

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Say what is wrong with an upload that a form had accepted, and that could not be saved: it was saved already."""
        if not isinstance(error, UploadRefused):
            return None
        log.warning("An upload was refused when it was saved: %s", error)
        return HttpResponse(str(error.message), status=error.status, content_type="text/plain; charset=utf-8")

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        with serving(request):
            return cast("HttpResponse", await self.get_response(request))
