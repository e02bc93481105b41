"""The digest of a file that a browser may say: "sha256:…" or "md5:…" in base64, as a ticket has it; "" where it says none."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from holdall.s3.staging import Staging
from holdall.uploads.refusals import UploadRefused
from holdall.uploads.tickets import Ticket

# The headers by which a store compares what is sent with its digest.
_HEADERS = {"md5": "content-md5", "sha256": "x-amz-checksum-sha256"}


def read(given: Mapping[str, Any]) -> str:
    """Read the digest that a browser says, in hexadecimal or base64, and write it as a ticket has it.

    Raises:
        UploadRefused: it is none.
    """
    for kind, length in (("sha256", 32), ("md5", 16)):
        said = given.get(kind)
        if said in (None, ""):
            continue
        try:
            raw = bytes.fromhex(said) if len(said) == 2 * length else base64.b64decode(said, validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise UploadRefused("malformed", f"`{kind}` is not a digest.") from error
        if len(raw) != length:
            raise UploadRefused("malformed", f"`{kind}` is not a digest.")
        return f"{kind}:{base64.b64encode(raw).decode()}"
    return ""


def headers(digest: str) -> dict[str, str]:
    """Give the header that a browser has to send, so that the store refuses any other content."""
    kind, _, value = digest.partition(":")
    return {_HEADERS[kind]: value} if kind in _HEADERS else {}


def check(staging: Staging, ticket: Ticket, etag: str) -> None:
    """Compare the content with the digest that the browser said, by what the store says of it where it does.

    Requests: none for an MD5 that is the ETag; one HEAD for a SHA-256 that the store keeps; else the object is read, which
    is no longer than what is sent at once.

    Raises:
        UploadRefused: they differ.
    """
    kind, _, value = ticket.digest.partition(":")
    if not kind or ticket.upload_id:
        return
    told = etag.strip('"').lower()
    if kind == "md5" and told == base64.b64decode(value).hex():
        return
    said = staging.checksum(ticket.key) if kind == "sha256" else None
    if said is None:
        said = base64.b64encode(staging.digest(ticket.key, kind)).decode()
    if said != value:
        raise UploadRefused("changed", "The content is not that of the digest.")
