"""Look at a file before it is saved: its length, its name, its first bytes, and what a scanner says."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext_lazy as _

from holdall.errors import HoldallError
from holdall.storage import content
from holdall.uploads import limits
from holdall.uploads.files import staged_of
from holdall.uploads.options import options
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.tickets import Ticket

log = logging.getLogger("holdall")

_ZIP = ((0, b"PK\x03\x04"), (0, b"PK\x05\x06"), (0, b"PK\x07\x08"))
# A document that asks for a password is no ZIP archive; Office keeps it in one of its old kind.
_OFFICE = (*_ZIP, (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))

# How files of these types begin, as offset and bytes; one of them is enough.
# https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern, and the formats' own documents.
BEGINNINGS: dict[str, tuple[tuple[int, bytes], ...]] = {
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/gif": ((0, b"GIF87a"), (0, b"GIF89a")),
    "image/webp": ((8, b"WEBPVP"),),
    "image/bmp": ((0, b"BM"),),
    "image/tiff": ((0, b"II*\x00"), (0, b"MM\x00*"), (0, b"II+\x00"), (0, b"MM\x00+")),
    "image/avif": ((4, b"ftyp"),),
    "image/heic": ((4, b"ftyp"),),
    "image/heif": ((4, b"ftyp"),),
    # Readers of PDF look for it in the first 1,024 bytes.
    "application/pdf": ((-1, b"%PDF-"),),
    "application/zip": _ZIP,
    "application/epub+zip": _ZIP,
    **{f"application/vnd.oasis.opendocument.{kind}": _ZIP for kind in ("presentation", "spreadsheet", "text")},
    **{
        f"application/vnd.openxmlformats-officedocument.{kind}": _OFFICE
        for kind in ("presentationml.presentation", "spreadsheetml.sheet", "wordprocessingml.document")
    },
    "application/gzip": ((0, b"\x1f\x8b"),),
    "application/x-7z-compressed": ((0, b"7z\xbc\xaf\x27\x1c"),),
    "application/vnd.rar": ((0, b"Rar!\x1a\x07"),),
    "video/mp4": ((4, b"ftyp"),),
    "video/webm": ((0, b"\x1a\x45\xdf\xa3"),),
}
_ANYWHERE_BYTES = 1024


def inspect(file: Any, *, types: Iterable[str], max_size: int | None) -> None:
    """Refuse a file that is too long, of another type, or not what its name says.

    Raises:
        UploadRefused: it is.
    """
    # Also where the field says nothing. The attack: to send the file itself in place of a ticket, past the limit.
    most = options().max_size if max_size is None else max_size
    if (file.size or 0) > most:
        raise UploadRefused("too_large", f"The field takes {most} bytes at most.")
    wanted = tuple(types)
    if not wanted:
        return
    name = file.name or ""
    limits.check_type(name, getattr(file, "content_type", None), wanted)
    file.seek(0)
    head = file.read(content.HEAD_BYTES)
    file.seek(0)
    if is_disguised(name, head):
        raise UploadRefused("disguised", "The first bytes do not fit the name.")


def is_disguised(name: str, head: bytes) -> bool:
    """Say whether a file begins as something else than its name says, as far as that is known of its type."""
    named = limits.type_of(name)
    # A page that calls itself a picture.
    if content.delivery(name, head).content_type != named:
        return True
    known = BEGINNINGS.get(named)
    if known is None or not head:
        return False
    return not any(
        begins in head[:_ANYWHERE_BYTES] if at < 0 else head[at : at + len(begins)] == begins for at, begins in known
    )


def scan(file: Any, *, field: str) -> None:
    """Ask the project's scanner, if it has one, whichever way the file came.

    The attack: to send the file itself in place of a ticket, past the scanner. A file that came so has a ticket that tells
    its field, name, type and length.

    Raises:
        ValidationError: it says that the file must not be saved, or answers False.
    """
    hook = options().scan
    if hook is None or file is None or isinstance(file, FieldFile):
        return
    staged = staged_of(file)
    ticket = _ticket_of(file, field) if staged is None else staged.ticket
    file.open()
    with _staying_open(file):
        # A hook that answers instead of raising means what it says.
        if hook(file, ticket) is False:
            raise ValidationError(_("The file contains something harmful and was not accepted."), code="infected")
    file.open()


@contextmanager
def _staying_open(file: Any) -> Iterator[None]:
    """Let a hook close the file, by `with file.open()`: what is in memory, or in a temporary file, would be gone then."""
    file.close = lambda: None
    try:
        yield
    finally:
        del file.close


def _ticket_of(file: Any, field: str) -> Ticket:
    size, kind = file.size, getattr(file, "content_type", None)
    told = {"name": file.name or "", "type": kind or "", "size": size, "max_size": size or 0}
    return Ticket(field=field, store="", stamp="", owner="", key="", **told)


def log_failure(failure: HoldallError) -> None:
    """Tell the log what a person is not told: it names the bucket."""
    log.error("A direct upload could not be opened: %s", failure)
