"""Turn names, which Django stores in the database, into keys, which the bucket stores, and find free ones. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import PurePath

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.utils import validate_file_name

from holdall.errors import InvalidName
from holdall.providers import MAX_KEY_BYTES
from holdall.sites import RESERVED, is_reserved

# Short enough to make a valid key under any location that the contract allows.
PLAIN_LENGTH = 500


def clean(name: str | PurePath) -> str:
    """Normalise a name as django-storages does: slashes only, no empty or dotted segments, a trailing slash kept."""
    given = str(name).replace("\\", "/")
    cleaned = posixpath.normpath(given) if given else ""
    if cleaned == ".":
        return ""
    return f"{cleaned}/" if given.endswith("/") and not cleaned.endswith("/") else cleaned


# Names that are their own key and their own path in a link: nothing in them is cleaned away or encoded.
_PLAIN = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*").fullmatch


def is_plain(name: str) -> bool:
    """Say whether a name needs neither cleaning nor encoding, as nearly all names that Django makes."""
    return len(name) <= PLAIN_LENGTH and _PLAIN(name) is not None


def clean_file(name: str | PurePath) -> str:
    """Normalise the name of a file.

    Raises:
        InvalidName: nothing is left of the name, or it ends in a slash, so that it is a folder's. Nothing was requested.
    """
    cleaned = clean(name)
    # The attack: a name that comes to nothing, whose request is one about the bucket: its listing, or its creation.
    if not cleaned:
        raise InvalidName(f"{str(name)!r} is not a file name: it means the whole store. Nothing was sent.")
    if cleaned.endswith("/"):
        raise InvalidName(f"{str(name)!r} is a folder's name, and no file's: it ends in a slash. Nothing was sent.")
    _refuse_reserved(cleaned)
    return cleaned


def to_key(name: str | PurePath, *, location: str = "") -> str:
    """Give the key of a file in a store whose keys all begin with `location`: never empty, never ending in a slash.

    Raises:
        InvalidName: the name is not a file name, leads out of `location`, is not valid text, or the key would be longer than
            the 1,024 bytes that S3 allows. Nothing was requested.
    """
    if isinstance(name, str) and len(location) <= PLAIN_LENGTH and location.isascii() and is_plain(name):
        # Nothing of it can be wrong, and nearly all are such.
        return posixpath.join(location, name)
    key = _joined(name, clean(name), location)
    clean_file(name)
    return key


def to_prefix(path: str | PurePath, *, location: str = "") -> str:
    """Give what the keys of all files in a folder begin with: it ends in a slash, or is empty for the whole bucket.

    Raises:
        InvalidName: as `to_key`, but for the name of the whole store, which is a folder's.
    """
    prefix = _joined(path, clean(path), location)
    return f"{prefix}/" if prefix and not prefix.endswith("/") else prefix


def _joined(name: str | PurePath, cleaned: str, location: str) -> str:
    # The attack: an upload named "../other-tenant/file" (or "/other-tenant/file", which a plain join takes for
    # absolute) reading or replacing what is outside this store's prefix.
    if cleaned.startswith(("/", "../")) or cleaned == "..":
        raise InvalidName(
            f"{str(name)!r} leads out of the store; names are relative to it and may not begin with a slash or climb with '..'."
        )
    if "\x00" in cleaned:
        raise InvalidName(f"{str(name)!r} contains a NUL character, which no key can hold.")
    _refuse_reserved(cleaned)
    key = posixpath.join(location, cleaned) if location else cleaned
    try:
        length_bytes = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidName(f"{str(name)!r} is not valid text (a lone surrogate), so it cannot become a key.") from error
    if length_bytes > MAX_KEY_BYTES:
        raise InvalidName(
            f"The name {cleaned[:60] + '…'!r} makes a key of {length_bytes:,} bytes; S3 allows {MAX_KEY_BYTES:,}. "
            "Shorten it, or give the field a smaller max_length. Nothing was sent."
        )
    return key


def _refuse_reserved(cleaned: str) -> None:
    # The attack: an upload named ".holdall/hidden/…" deleting somebody's file, or one named as the owner marker; in the
    # store itself, or (named "forks/pr-1/.holdall/…") in one that is in a folder of it.
    if is_reserved(cleaned):
        raise InvalidName(
            f"{cleaned!r} is not a file name: folders named {RESERVED} are reserved for Holdall, at any depth."
        )


def candidates(name: str, *, max_length: int | None, alternative: Callable[[str, str], str]) -> Iterator[str]:
    """Yield the name itself and then, without end, alternatives to it, none longer than `max_length`.

    The rules are those of Django's `Storage.get_available_name`, without its question to the store for each:
    there the answer may be stale before the file is written.

    Raises:
        SuspiciousFileOperation: the name is not a file name, or `max_length` leaves nothing of it.
    """
    # A name of which nothing is left is refused in the form in which it was given.
    directory, file_name = posixpath.split(name if is_plain(name) else clean(name) or name)
    if not is_plain(name):
        if ".." in PurePath(directory).parts:
            raise InvalidName(f"{name!r} climbs out of its folder with '..'.")
        validate_file_name(file_name)

    first = posixpath.join(directory, file_name)
    if max_length is None or len(first) <= max_length:
        yield first
    # All of them, as Django has it: the alternative to "backup.tar.gz" is "backup_x.tar.gz".
    extension = "".join(PurePath(file_name).suffixes)
    root = file_name.removesuffix(extension)
    while True:
        candidate = posixpath.join(directory, alternative(root, extension))
        excess = 0 if max_length is None else len(candidate) - max_length
        if excess > 0:
            root = root[:-excess]
            last = PurePath(file_name).suffix
            if not root and extension != last:
                # Better a shorter name than none: the dots of "v1.2 of the minutes.pdf" end no file names.
                root, extension = file_name.removesuffix(last), last
            elif not root:
                # The sentence is Django's.
                raise SuspiciousFileOperation(
                    f'Storage can not find an available filename for "{name}" within {max_length} characters. '
                    'Please make sure that the corresponding file field allows sufficient "max_length".'
                )
            continue
        yield candidate
