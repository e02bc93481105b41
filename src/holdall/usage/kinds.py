"""What type a file is, by the end of its name: a listing tells no types. Pure."""

from __future__ import annotations

from holdall.storage.content import UNKNOWN, delivery

# What people call a type, by its beginning; the first that fits.
FAMILIES = (
    ("image/", "Pictures"),
    ("video/", "Videos"),
    ("audio/", "Sound files"),
    ("font/", "Fonts"),
    ("model/", "3D models"),
    ("text/", "Text files"),
    ("application/pdf", "Documents"),
    ("application/vnd.openxmlformats", "Documents"),
    ("application/vnd.oasis", "Documents"),
    ("application/vnd.ms-", "Documents"),
    ("application/msword", "Documents"),
    ("application/rtf", "Documents"),
    ("application/epub", "Documents"),
    ("application/zip", "Archives"),
    ("application/gzip", "Archives"),
    ("application/x-", "Archives"),
    ("application/zstd", "Archives"),
    ("application/vnd.rar", "Archives"),
)
OTHERS = "Other files"
# The longest that the end of a name is taken for an extension.
LONGEST = 16


def extension(name: str) -> str:
    """Give what a name ends in, such as ".jpg", in small letters; "" if it has no extension."""
    before, dot, last = name.rpartition(".")
    # "photos.2025/ada" and "photos/.profile" have none.
    if not dot or not 0 < len(last) < LONGEST or "/" in last or " " in last or not before or before.endswith("/"):
        return ""
    return f".{last.lower()}"


def content_type(found: str) -> str:
    """Give the content type that files with this extension are saved with."""
    return delivery(f"file{found}").content_type


def family(type_: str) -> str:
    """Give what people call files of a content type."""
    return next((called for beginning, called in FAMILIES if type_.startswith(beginning)), OTHERS)


def is_known(type_: str) -> bool:
    return type_ != UNKNOWN
