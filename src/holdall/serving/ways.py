"""The ways in which a file that a visitor may have reaches the visitor: by a link, through the application, by nginx."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.storage import Storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date

from holdall.errors import AccessRefused, CredentialsRefused, ObjectChanged, StoreFailed, StoreUnreachable
from holdall.serving import ranges, safety
from holdall.serving.bodies import body
from holdall.serving.objects import Stored, look, unpacked
from holdall.serving.permalinks import PermalinkStorage
from holdall.storage import MediaStorage
from holdall.storage.disposition import disposition
from holdall.storage.objects import cache_seconds_of, key_of, lines_of

log = logging.getLogger("holdall")

# The permission is asked for again each time; what did not change is not sent again.
CACHE_CONTROL = "private, no-cache"
# The circuit looks for a store that does not answer once in five seconds.
RETRY_SECONDS = 5
# The location of nginx that fetches files, and the header that tells it what.
NGINX_LOCATION = "/_holdall/"
NGINX_HEADER = "X-Holdall-Url"


@dataclass(frozen=True)
class Served:
    """A file that this visitor may have."""

    storage: Storage
    name: str
    # The name under which it is to be saved; None: it is shown, where that is safe.
    download_as: str | None = None


Way = Callable[[HttpRequest, Served], HttpResponseBase]


def redirect(request: HttpRequest, served: Served) -> HttpResponseBase:
    """Send the visitor to a signed link, which is the same for all of its window.

    Browsers keep the redirect until the link changes, and the link works for at least its lifetime from then on.
    Whether the file exists is not asked. Requests: none.
    """
    # A link is signed for one method: a HEAD at a link for GET is refused.
    url, keeps_seconds = _link(request, served)
    # Django bounds the length of what it is given; a link with a role's token and a long name is longer.
    response = HttpResponseRedirect("/")
    response["Location"] = url
    response["Cache-Control"] = f"private, max-age={keeps_seconds}" if keeps_seconds else CACHE_CONTROL
    patch_vary_headers(response, ("Cookie", "Authorization"))
    return response


def _link(request: HttpRequest, served: Served) -> tuple[str, int]:
    """Give the link, and for how many seconds it stays."""
    storage = served.storage
    if not isinstance(storage, MediaStorage):
        return str(storage.url(served.name)), 0
    # Refused here, as a request would be: a name that is a folder's, or Holdall's own.
    key_of(storage, served.name)
    parameters = {}
    if served.download_as is not None:
        parameters["ResponseContentDisposition"] = disposition(served.download_as, as_attachment=True)
    link = storage.link(served.name, method=str(request.method), parameters=parameters)
    longest = float(cache_seconds_of(storage))
    return link.url, max(0, math.floor(min(link.until - time.time(), longest)))


def stream(request: HttpRequest, served: Served) -> HttpResponseBase:
    """Pass the file on, whole or the part that is asked for, so that nobody learns of the bucket.

    It answers conditional requests, single ranges and HEAD; several ranges give the whole file. The types are those of
    `holdall.serving.safety`: a page or a script that somebody uploaded never runs on the site.

    Requests: one HEAD, and one GET of what is sent, in a fork at most one HEAD more for each side.
    """
    for _ in range(2):
        try:
            stored = look(served.storage, served.name)
            return _streamed(request, served, stored)
        except ObjectChanged:
            # Another file was saved between the two requests; a second look tells what it is.
            continue
    return _unavailable()


def _streamed(request: HttpRequest, served: Served, stored: Stored) -> HttpResponseBase:
    packed = stored.encoding
    unpacks = packed == "gzip" and not _accepts_gzip(request.headers.get("Accept-Encoding"))
    etag = f"W/{stored.etag}" if unpacks and stored.etag.startswith('"') else stored.etag
    headers = {
        **safety.appearance(served.name, download_as=served.download_as).headers,
        "Cache-Control": CACHE_CONTROL,
        # Also of a file that is not packed, because the next one under this address may be, and so that what a middleware
        # that packs adds to some answers is in all.
        "Vary": "Cookie, Authorization, Accept-Encoding",
    }
    if etag:
        headers["ETag"] = etag
    if stored.modified is not None:
        headers["Last-Modified"] = http_date(stored.modified)
    if not unpacks:
        headers["Accept-Ranges"] = "bytes"
    whole = HttpResponse(headers=headers)
    # Django implements sections 13.1.1 to 13.1.4 of RFC 9110.
    conditional = get_conditional_response(request, etag=etag or None, last_modified=stored.modified, response=whole)
    if conditional is not None and conditional is not whole:
        # A 412 has none.
        conditional.headers.setdefault("Cache-Control", CACHE_CONTROL)
        return conditional
    if packed and not unpacks:
        headers["Content-Encoding"] = packed
    span = ranges.Span(0, stored.size)
    status = 200
    # Only GET has ranges: https://www.rfc-editor.org/rfc/rfc9110#section-14.2
    if request.method == "GET" and not unpacks:
        asked = request.headers.get("Range")
        if asked and ranges.still_holds(request.headers.get("If-Range"), etag=etag, modified=stored.modified):
            try:
                part = ranges.requested(asked, stored.size)
            except ranges.Unsatisfiable:
                return HttpResponse(
                    status=416, headers=_without_content(headers) | {"Content-Range": f"bytes */{stored.size}"}
                )
            if part is not None:
                span, status = part, 206
                headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{stored.size}"
    if not unpacks:
        headers["Content-Length"] = str(span.stop - span.start)
    # Django's GZipMiddleware would pack a part of a file as if it were a whole, and a file that can be asked for in
    # parts differently from its parts.
    request.META["HTTP_ACCEPT_ENCODING"] = "identity"
    if request.method == "HEAD" and unpacks:
        # Of an answer that is not streamed, Django's CommonMiddleware would say that its length is 0.
        return StreamingHttpResponse(body(request, iter(()), None), headers=headers)
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    pieces = stored.pieces(*span)
    content = body(request, unpacked(pieces) if unpacks else pieces, place_of(served.storage))
    return StreamingHttpResponse(content, status=status, headers=headers)


def place_of(storage: Storage) -> Hashable:
    """Give the place whose threads ask a storage: each has its own, so that one that hangs delays no other."""
    while isinstance(storage, PermalinkStorage):
        storage = storage.storage
    return lines_of(storage) if isinstance(storage, MediaStorage) else None


def _without_content(headers: dict[str, str]) -> dict[str, str]:
    """Give those headers that are still true where none of the file is sent."""
    kept = ("Cache-Control", "Vary", "ETag", "Accept-Ranges", "X-Content-Type-Options")
    return {"Content-Type": "text/plain", **{name: headers[name] for name in kept if name in headers}}


def _accepts_gzip(header: str | None) -> bool:
    """Say whether a client takes gzip: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3"""
    # Without the header any encoding may be sent, but those who do not send it are programs that expect the file.
    weights: dict[str, bool] = {}
    for one in (header or "").split(","):
        coding, _, parameters = one.partition(";")
        weights[coding.strip().lower()] = parameters.replace(" ", "").lower().rstrip("0.") != "q="
    return weights.get("gzip", weights.get("*", False))


def accelerate(request: HttpRequest, served: Served, *, location: str = NGINX_LOCATION) -> HttpResponseBase:
    """Let nginx fetch the file from the store and pass it on: it answers ranges and conditions, and Python is free.

    It needs the location of the how-to *Serve private files* in nginx; without it the visitor gets an empty page. The
    link goes to nginx in a header that it does not pass on. Requests: none by Django; by nginx one.
    """
    appearance = safety.appearance(served.name, download_as=served.download_as)
    parameters = {
        "ResponseContentType": appearance.content_type,
        "ResponseContentDisposition": appearance.disposition,
        "ResponseCacheControl": CACHE_CONTROL,
    }
    storage = served.storage
    if not isinstance(storage, MediaStorage):
        raise ImproperlyConfigured(f"nginx cannot fetch files of {storage!r}: it gives no signed links.")
    key_of(storage, served.name)
    url = storage.link(served.name, method=str(request.method), parameters=parameters).url
    response = HttpResponse(headers={"X-Accel-Redirect": location, NGINX_HEADER: url})
    response["X-Content-Type-Options"] = "nosniff"
    if appearance.policy:
        response["Content-Security-Policy"] = appearance.policy
    # nginx would keep them beside those of the store.
    del response["Content-Type"]
    return response


def answered(request: HttpRequest, served: Served, way: Way) -> HttpResponseBase:
    """Answer by one of the ways; what the store cannot do becomes the status that says so.

    Raises:
        Http404: there is no such file, or the name cannot be a file's.
    """
    try:
        while isinstance(served.storage, PermalinkStorage):
            name = served.storage.inner(served.name)
            served = replace(served, storage=served.storage.storage, name=name)
        return way(request, served)
    except (FileNotFoundError, SuspiciousFileOperation) as missing:
        raise Http404("There is no such file.") from missing
    except CredentialsRefused as refused:
        log.error("%s", refused)  # noqa: TRY400  the failure says all
        return _unavailable()
    except AccessRefused as refused:
        # As a store answers for a file that is missing, to keys that may not list the bucket.
        log.warning("The store refused a file, so the visitor was told that it is missing: %s", refused)
        raise Http404("There is no such file.") from refused
    except (StoreUnreachable, StoreFailed):
        return _unavailable()


def _unavailable() -> HttpResponseBase:
    return HttpResponse(
        "The file cannot be read at the moment. Try again in a few seconds.",
        status=503,
        headers={"Content-Type": "text/plain", "Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"},
    )
