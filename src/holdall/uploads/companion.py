"""What stock Uppy asks of a Companion server: the endpoints of its S3 part, for one field.

`new AwsS3({companionEndpoint: "/uploads/companion/FIELD TOKEN"})` is all that Uppy is told. Its requests bring no CSRF token:
the field's token in the path, which is bound to the session, and the browser's own word for where the request comes from
take its place. What Uppy takes for the id of an upload is the ticket; what it sends as the key is never believed.

https://github.com/transloadit/uppy/blob/main/packages/@uppy/aws-s3/src/s3-client/CompanionS3.ts
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from holdall.providers import MAX_KEY_BYTES
from holdall.s3.ranges import MAX_PARTS
from holdall.s3.smuggling import Unsigned
from holdall.s3.staging import FOLDER, Staging
from holdall.uploads import admission, limits, tickets, transfer
from holdall.uploads.options import options
from holdall.uploads.owners import account_of
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.tickets import FieldToken, Ticket
from holdall.uploads.views import answering, body_of

# What Uppy sends whole, as it comes: `shouldUseMultipart` of `AwsS3` is `file.size > 100 * MB`.
WHOLE_BYTES = 100 * 1024**2
# S3 takes no shorter part but the last, and Uppy makes none.
LEAST_PART_BYTES = 5 * 1024**2
# What fits into a key beside a ticket.
_MOST_NAME = 200
_PIECE = 200
View = Callable[..., HttpResponse]


def companion(*methods: str) -> Callable[[View], View]:
    """Make a view of what takes a request, a field's token that was checked, and the rest of the path."""

    def wrap(deed: View) -> View:
        @csrf_exempt
        @require_http_methods(methods)
        @wraps(deed)
        def view(request: HttpRequest, field: str, **rest: Any) -> HttpResponse:
            def checked() -> HttpResponse:
                _check_site(request)
                return deed(request, admission.field_of(request, field), **rest)

            response = answering(checked)
            add_never_cache_headers(response)
            return response

        return cast("View", view)

    return wrap


def _check_site(request: HttpRequest) -> None:
    """Let only pages of this site ask.

    The attack: a page elsewhere, opened by somebody who is logged in here. It knows no token; this is the second lock.
    """
    said = request.headers.get("Sec-Fetch-Site", "")
    origin = request.headers.get("Origin", "")
    if said in {"cross-site", "same-site"} and origin not in settings.CSRF_TRUSTED_ORIGINS:
        raise UploadRefused("other_site", "The request comes from a page of another site.")
    if origin and urlsplit(origin).netloc != request.get_host() and origin not in settings.CSRF_TRUSTED_ORIGINS:
        raise UploadRefused("other_site", "The request comes from a page of another site.")


def ticket_of_key(text: str) -> Ticket | None:
    """Give the ticket that is in the key of a file which Uppy sent by one request; None where the text is no such key."""
    _, found, path = text.rpartition(FOLDER)
    if not found:
        return None
    # Behind the folders of the day and of the upload.
    signed = "".join(path.split("/")[2:])
    ticket = tickets.read_ticket(signed)
    # The attack: the ticket of an upload that was not finished, posted as if it were.
    if not ticket.key.endswith("/"):
        raise UploadRefused("invalid_ticket", "The ticket is of another kind.")
    # The attack: the same ticket in another writing, which would be marked as used in another place.
    return replace(ticket, key=f"{ticket.key}{_in_pieces(signed)}")


def _in_pieces(ticket: str) -> str:
    # Servers that keep objects as files (SeaweedFS) take no longer names of files.
    return "/".join(ticket[at : at + _PIECE] for at in range(0, len(ticket), _PIECE))


@companion("GET")
def params(request: HttpRequest, field: FieldToken) -> HttpResponse:
    """Give a form by which one file is sent, as long as the field allows: Uppy does not say how long it is."""
    limits.check_throttle(request, field)
    ticket, staging = _ticket(request, field, request.GET.get("filename"), request.GET.get("type"))
    folder = ticket.key.rpartition("/")[0]
    name = ticket.name
    for most in (_MOST_NAME, 100, 50, 20, 8):
        ticket = replace(ticket, key=f"{folder}/", name=_shortened(name, most))
        text = _in_pieces(tickets.sign_ticket(ticket))
        if len(f"{staging.prefix}{folder}/{text}".encode()) <= MAX_KEY_BYTES:
            break
    permit = staging.form(
        f"{folder}/{text}",
        least=0,
        most=ticket.max_size,
        content_type=limits.staged_type(ticket.name),
        seconds=options().link_lifetime,
    )
    return JsonResponse(
        {"method": "POST", "url": permit.url, "fields": permit.fields, "expires": _seconds(permit.expires)}
    )


def _shortened(name: str, most: int) -> str:
    root, dot, extension = name.rpartition(".")
    return name[:most] if not dot or len(extension) > 10 else f"{root[: most - len(extension) - 1]}.{extension}"


@companion("POST")
def create(request: HttpRequest, field: FieldToken) -> HttpResponse:
    """Begin an upload in parts, for a field that takes longer files than Uppy sends whole."""
    limits.check_throttle(request, field)
    # The attack: parts as long as S3 takes them, for a field that takes a picture. Uppy says neither how long a file is
    # nor how long a part, so no link can fix it; the form of `params` does.
    if field.max_size <= WHOLE_BYTES:
        raise UploadRefused(
            "too_large", "Uppy sends what the field takes without parts; leave `shouldUseMultipart` out."
        )
    given = body_of(request)
    ticket, staging = _ticket(request, field, given.get("filename"), given.get("type"))
    if staging.unsigned() is Unsigned.OBEYED:
        limits.free_slot(ticket.account, ticket.slot, ticket.key)
        raise UploadRefused("store_failed", "The store takes no parts safely; set `shouldUseMultipart: false`.")
    try:
        upload_id = staging.begin(ticket.key, content_type=limits.staged_type(ticket.name))
    except BaseException:
        limits.free_slot(ticket.account, ticket.slot, ticket.key)
        raise
    text = tickets.sign_ticket(replace(ticket, upload_id=upload_id))
    return JsonResponse({"key": ticket.name, "uploadId": text, "bucket": ""})


@companion("GET", "DELETE")
def upload(request: HttpRequest, field: FieldToken, ticket: str) -> HttpResponse:
    """List the parts that have arrived, or cancel the upload."""
    known, staging = _known(request, field, ticket)
    if request.method == "DELETE":
        transfer.cancel(staging, known)
        return JsonResponse({})
    found = [
        {"PartNumber": one.number, "ETag": one.etag, "Size": one.size_bytes} for one in transfer.parts(staging, known)
    ]
    return JsonResponse(found, safe=False)


@companion("GET")
def part(request: HttpRequest, field: FieldToken, ticket: str, number: int) -> HttpResponse:
    """Give the link for one part."""
    known, staging = _known(request, field, ticket)
    permit = staging.part_permit(
        known.key, known.upload_id, _checked(known, number), size_bytes=None, seconds=options().link_lifetime
    )
    return JsonResponse({"url": permit.url, "expires": _seconds(permit.expires)})


@companion("GET")
def batch(request: HttpRequest, field: FieldToken, ticket: str) -> HttpResponse:
    """Give the links for several parts."""
    known, staging = _known(request, field, ticket)
    try:
        numbers = [int(one) for one in request.GET.get("partNumbers", "").split(",")]
    except ValueError as error:
        raise UploadRefused("malformed", "`partNumbers` is not a list of numbers.") from error
    if len(numbers) > transfer.LINKS_AT_ONCE:
        raise UploadRefused("malformed", f"At most {transfer.LINKS_AT_ONCE} parts at a time.")
    links = {
        str(number): staging.part_permit(
            known.key, known.upload_id, _checked(known, number), size_bytes=None, seconds=options().link_lifetime
        ).url
        for number in numbers
    }
    return JsonResponse({"presignedUrls": links})


@companion("POST")
def complete(request: HttpRequest, field: FieldToken, ticket: str) -> HttpResponse:
    """Make one object of the parts. What Uppy is told as the key is the accepted ticket, the value of the form's field."""
    known, staging = _known(request, field, ticket)
    named = transfer.read_parts(body_of(request).get("parts"), number="PartNumber", etag="ETag")
    parts = [{"number": number, "etag": etag} for number, etag in named]
    try:
        done = transfer.finish(staging, known, parts)
    except UploadRefused as refused:
        if refused.reason == "too_large":
            # No link said how long a part may be, so nobody but the server has counted.
            transfer.cancel(staging, known)
        raise
    return JsonResponse({"location": done["name"], "key": done["ticket"], "bucket": ""})


def _ticket(request: HttpRequest, field: FieldToken, name: object, said: object) -> tuple[Ticket, Staging]:
    account = account_of(request, field.owner)
    return transfer.issue(field, account, name=name, content_type=said, size_bytes=None)


def _known(request: HttpRequest, field: FieldToken, text: str) -> tuple[Ticket, Staging]:
    ticket, staging = admission.unsized_ticket(request, text)
    if ticket.field != field.field:
        raise UploadRefused("other_field", "The upload is another field's.")
    if not ticket.upload_id:
        raise UploadRefused("malformed", "The upload is not in parts.")
    return ticket, staging


def _checked(ticket: Ticket, number: int) -> int:
    # The attack: ten thousand parts of 5 GiB, for a field that takes a picture.
    most = min(MAX_PARTS, ticket.max_size // LEAST_PART_BYTES + 1)
    if not 1 <= number <= most:
        raise UploadRefused("too_large", f"The field takes {ticket.max_size} bytes at most.")
    return number


def _seconds(ends: datetime) -> int:
    return max(1, int(ends.timestamp() - time.time()))
