"""What a store says of an object beside its bytes, in the words that another store takes. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

# What belongs to an object beside its bytes, in the SDK's words.
KEPT = ("ContentType", "ContentDisposition", "ContentEncoding", "ContentLanguage", "CacheControl", "Expires")
# Beside these, what the store that said it takes again; others may refuse a redirect, or store it as nothing.
KEPT_INSIDE = (*KEPT, "WebsiteRedirectLocation")


def said_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a store says of an object, as parameters of the SDK that say it of another.

    Other programs store names and titles as they are, in UTF-8, and headers are read as a letter for each byte: what is not
    ASCII would be stored encoded twice, and the SDK refuses it in metadata. There it becomes what Amazon makes of it:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html (RFC 2047).
    """
    said: dict[str, Any] = {name: _read(str(found[name])) for name in KEPT if found.get(name)}
    if said.pop("Expires", None) and isinstance(found["Expires"], datetime):
        # A date that is none, such as "0", is not read as one, and no request of the SDK can say it.
        said["Expires"] = found["Expires"]
    if "ContentEncoding" in said:
        # How an upload came, which other stores keep by mistake, and Amazon acts on:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
        codings = [one.strip() for one in said.pop("ContentEncoding").split(",")]
        if left := ",".join(one for one in codings if one and one.lower() != "aws-chunked"):
            said["ContentEncoding"] = left
    said["Metadata"] = {name: _in_ascii(value) for name, value in (found.get("Metadata") or {}).items()}
    return said


def all_said_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give all that a store says of an object, as parameters of the SDK that say it of another in the same store."""
    said = said_of(found)
    if redirect := found.get("WebsiteRedirectLocation"):
        said["WebsiteRedirectLocation"] = str(redirect)
    return said


def told_at(answer: Mapping[str, Any]) -> datetime | None:
    """Give when a store answered, by its own clock; None if it does not tell."""
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(told).astimezone(UTC) if told else None
    except ValueError:
        return None


def _read(value: str) -> str:
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _in_ascii(value: str) -> str:
    return value if value.isascii() else f"=?UTF-8?B?{b64encode(_read(value).encode()).decode()}?="
