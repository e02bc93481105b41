"""What a store says of an object beside its bytes, in the words that another store takes. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

# What belongs to an object beside its bytes, in the SDK's words.
KEPT = ("ContentType", "ContentDisposition", "ContentEncoding", "ContentLanguage", "CacheControl")


def said_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a store says of an object, as parameters of the SDK that say it of another.

    Other programs store names and titles as they are, in UTF-8, and headers are read as a letter for each byte: what is not
    ASCII would be stored encoded twice, and the SDK refuses it in metadata. There it becomes what Amazon makes of it:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html (RFC 2047).
    """
    said: dict[str, Any] = {name: _read(str(found[name])) for name in KEPT if found.get(name)}
    said["Metadata"] = {name: _in_ascii(value) for name, value in (found.get("Metadata") or {}).items()}
    return said


def _read(value: str) -> str:
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _in_ascii(value: str) -> str:
    return value if value.isascii() else f"=?UTF-8?B?{b64encode(_read(value).encode()).decode()}?="
