"""Decide which bytes of a file a request asks for. Pure.

https://www.rfc-editor.org/rfc/rfc9110#section-14
"""

from __future__ import annotations

import re
from typing import NamedTuple

from django.utils.http import parse_http_date_safe

# The numbers are bounded: Python refuses to read a number of more than 4,300 digits.
_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,30})-([0-9]{0,30})[ \t]*", re.IGNORECASE)


class Span(NamedTuple):
    """Bytes from `start` up to `stop`."""

    start: int
    stop: int


class Unsatisfiable(Exception):
    """The range begins behind the end of the file."""


def requested(header: str | None, size: int) -> Span | None:
    """Give the span that a `Range` header asks for; None for the whole file.

    Several ranges give the whole file, as does what cannot be understood: a server may ignore any range
    (https://www.rfc-editor.org/rfc/rfc9110#section-14.2), and an answer in several parts costs a request each.

    Raises:
        Unsatisfiable: there is no such byte, which is a 416.
    """
    asked = _ONE_RANGE.fullmatch((header or "").strip())
    if asked is None:
        return None
    first, last = asked.groups()
    if not first:
        return _suffix(last, size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, min(int(last) + 1, size) if last else size)


def _suffix(length: str, size: int) -> Span | None:
    if not length:
        return None
    if int(length) == 0:
        raise Unsatisfiable
    # The end of an empty file is all of it, and there is no `Content-Range` for no bytes.
    return Span(max(size - int(length), 0), size) if size else None


def still_holds(header: str | None, *, etag: str, modified: int | None) -> bool:
    """Say whether an `If-Range` header means the file as it is; without one, any file is meant.

    A weak ETag never does: the bytes behind it may differ from those that the client has.
    """
    if header is None:
        return True
    value = header.strip()
    if value.startswith(('"', "W/")):
        return value == etag and not etag.startswith("W/")
    date = parse_http_date_safe(value)
    return date is not None and date == modified
