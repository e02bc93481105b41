"""The endpoints: they parse, ask `admission` and `transfer`, and answer in JSON.

POST only, same origin, under Django's own CSRF check.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, RawPostDataException
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from holdall.errors import HoldallError
from holdall.uploads import admission, digests, limits, transfer
from holdall.uploads.owners import account_of
from holdall.uploads.refusals import UploadRefused

log = logging.getLogger("holdall")
# Ten thousand parts with their ETags, and some more.
MOST_BODY_BYTES = 1024 * 1024
Deed = Callable[[HttpRequest, dict[str, Any]], HttpResponse]


def answer(refused: UploadRefused) -> JsonResponse:
    """Answer that an upload is refused."""
    response = JsonResponse(refused.as_json(), status=refused.status)
    if refused.wait_seconds:
        response["Retry-After"] = str(math.ceil(refused.wait_seconds))
    return response


def endpoint(deed: Deed) -> Callable[..., HttpResponse]:
    """Make a view of what takes a request and its JSON."""

    @require_POST
    @csrf_protect
    @wraps(deed)
    def view(request: HttpRequest) -> HttpResponse:
        response = answering(lambda: deed(request, body_of(request)))
        add_never_cache_headers(response)
        return response

    return view


def answering(deed: Callable[[], HttpResponse]) -> HttpResponse:
    """Do something, and answer in JSON whatever happens."""
    try:
        return deed()
    except UploadRefused as refused:
        return answer(refused)
    except HoldallError as failure:
        # What it says is for the log: it names the bucket.
        log.error("A direct upload failed: %s", failure)  # noqa: TRY400  the failure says all
        return answer(UploadRefused("store_failed"))


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Read the JSON of a request.

    Raises:
        UploadRefused: it is none.
    """
    try:
        # Asked before it is read: Django reads what its own setting allows, which may be more.
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length > MOST_BODY_BYTES:
            raise UploadRefused("malformed", "The request is too long.")
        # The attack: a body without a length, and without an end, which Django would read into memory.
        found = json.loads(request.body) if length else {}
    except (ValueError, RecursionError, RawPostDataException) as error:
        raise UploadRefused("malformed", "The body is not JSON.") from error
    if not isinstance(found, dict):
        raise UploadRefused("malformed", "The body is not a JSON object.")
    return found


@endpoint
def begin(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    field = admission.field_of(request, given.get("field"))
    limits.check_throttle(request, field)
    begun = transfer.begin(
        field,
        account_of(request, field.owner),
        name=given.get("name"),
        size=given.get("size"),
        content_type=given.get("type"),
        digest=digests.read(given),
    )
    return JsonResponse(begun, status=201)


@endpoint
def sign(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    ticket, staging = admission.sized_ticket(request, given.get("ticket"))
    return JsonResponse(transfer.sign(staging, ticket, given.get("parts")))


@endpoint
def parts(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    ticket, staging = admission.sized_ticket(request, given.get("ticket"))
    found = [
        {"number": one.number, "etag": one.etag, "size": one.size_bytes} for one in transfer.parts(staging, ticket)
    ]
    return JsonResponse({"parts": found})


@endpoint
def finish(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    ticket, staging = admission.sized_ticket(request, given.get("ticket"))
    return JsonResponse(transfer.finish(staging, ticket, given.get("parts")))


@endpoint
def cancel(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    ticket, staging = admission.sized_ticket(request, given.get("ticket"))
    transfer.cancel(staging, ticket)
    return HttpResponse(status=204)
