"""What a field takes, and how much one user may have open at a time."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import Any

from django.core.cache import caches
from django.core.exceptions import SuspiciousFileOperation
from django.utils.text import get_valid_filename

from holdall import names
from holdall.errors import InvalidName
from holdall.storage import content
from holdall.uploads.options import options
from holdall.uploads.refusals import UploadRefused

# What a browser says that knows nothing of a file.
_NOTHING_SAID = frozenset({"", content.UNKNOWN, "binary/octet-stream"})
# Other names under which systems know the types of our list: a browser says what the system says. Windows, for one.
_OTHER_NAMES = {
    "application/vnd.ms-excel": "text/csv",
    "application/x-gzip": "application/gzip",
    "application/x-pdf": "application/pdf",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-zip-compressed": "application/zip",
    "audio/mp3": "audio/mpeg",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/vnd.microsoft.icon": "image/x-icon",
    "image/x-png": "image/png",
    "video/x-m4v": "video/mp4",
}
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,120}/[a-z0-9!#$&^_.+-]{1,120}").fullmatch
MOST_NAME_CHARACTERS = 255


def clean_name(given: object) -> str:
    """Give the name of a file without any folder, as Django does for uploads.

    Raises:
        UploadRefused: it is none.
    """
    if not isinstance(given, str):
        raise UploadRefused("malformed", "`name` is missing.")
    # The attack: a name that leads elsewhere, in either system's writing; or with what ends a line or a text.
    name = "".join(one for one in given.replace("\\", "/").rpartition("/")[2] if one.isprintable()).strip()
    if name in {"", ".", ".."}:
        raise UploadRefused("bad_name", "`name` is not the name of a file.")
    if len(name) > MOST_NAME_CHARACTERS:
        root, extension = posixpath.splitext(name)
        extension = extension[:MOST_NAME_CHARACTERS]
        name = root[: MOST_NAME_CHARACTERS - len(extension)] + extension
    try:
        name.encode()
        # A model's field names its files by Django's rule, and it is too late to choose another file when it saves.
        get_valid_filename(names.clean_file(name))
    except (InvalidName, SuspiciousFileOperation) as error:
        raise UploadRefused("bad_name", "`name` cannot be the name of a file.") from error
    except UnicodeEncodeError as error:
        raise UploadRefused("bad_name", "`name` is not valid text.") from error
    return name


def type_of(name: str) -> str:
    """Give the content type that a file of this name has: by the extension, from the list of the storage."""
    return content.delivery(name).content_type


def staged_type(name: str) -> str:
    """Give the content type under which a file waits: never one by which a browser runs script."""
    decided = content.delivery(name)
    return content.UNKNOWN if decided.as_attachment else decided.content_type


def check_type(name: str, said: object, types: Iterable[str]) -> str:
    """Give the content type of a file that is about to be uploaded, as the browser says it.

    `types` are as in the attribute `accept` of HTML: "image/png", "image/*", ".pdf"; none allows all.

    Raises:
        UploadRefused: the name or the type is not among them.
    """
    if not isinstance(said, str | None):
        raise UploadRefused("malformed", "`type` is not a text.")
    claim = (said or "").partition(";")[0].strip().lower()
    if claim not in _NOTHING_SAID and not _TYPE(claim):
        raise UploadRefused("malformed", "`type` is not a content type.")
    wanted = [one.strip().lower() for one in types]
    named = type_of(name)
    if wanted:
        by_extension = any(_ends_in(name, one) for one in wanted)
        by_name = by_extension or any(_fits(named, one) for one in wanted)
        by_claim = claim in _NOTHING_SAID or claim == named
        by_claim = by_claim or any(_fits(claim, one) for one in wanted)
        by_other_name = by_name and _OTHER_NAMES.get(claim) == named
        if not by_claim and (by_other_name or (by_extension and claim not in content.SCRIPTABLE.values())):
            # Each system has types of its own: on Windows a .csv can be Excel's, and a .zip is x-zip-compressed.
            return named
        # What runs script passes only by its own name: a claim is the uploader's.
        if not by_name or not by_claim:
            raise UploadRefused("type_refused", f"The field takes {', '.join(wanted)}.")
    return claim if claim not in _NOTHING_SAID else named


def _ends_in(name: str, extension: str) -> bool:
    # As browsers do: ".tar.gz" is one extension. A name that is nothing else has none.
    return extension.startswith(".") and name.lower().endswith(extension) and len(name) > len(extension)


def _fits(content_type: str, wanted: str) -> bool:
    return wanted in {"*/*", content_type} or (wanted.endswith("/*") and content_type.startswith(wanted[:-1]))


def check_size(size: object, most: int) -> int:
    """Give the length of a file that is about to be uploaded.

    Raises:
        UploadRefused: it is none, or too much.
    """
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UploadRefused("malformed", "`size` is not a number of bytes.")
    if size > most:
        raise UploadRefused("too_large", f"The field takes {most} bytes at most.")
    return size


def strictest(*most: int | None) -> int | None:
    """Give the least of several limits; None where there is none."""
    return min((one for one in most if one is not None), default=None)


# -- how many are open


def take_slot(account: str, key: str) -> int:
    """Count one more open upload of an account, by its key, and give its number.

    The cache counts, and not a listing of the store: a ticket that was given and not used yet is in no listing, and a
    thousand of them can be used at once. A number is free again when its upload is saved, cancelled or expired.

    Raises:
        UploadRefused: he has as many open as he may.
    """
    chosen = options()
    cache = caches[chosen.cache]
    slots = {_slot_key(account, number): number for number in range(1, chosen.max_open + 1)}
    taken = cache.get_many(slots)
    for slot, number in slots.items():
        # Only one of two who try at once gets it.
        if slot not in taken and cache.add(slot, _folder(key), timeout=chosen.lifetime):
            return number
    raise UploadRefused("too_many", f"{chosen.max_open} uploads are open.")


def free_slot(account: str, number: int, key: str) -> None:
    """Count one open upload less, if it still counts."""
    cache, slot = caches[options().cache], _slot_key(account, number)
    # The attack: one upload that is cancelled again and again, and each time frees the number of another.
    if number and cache.get(slot) == _folder(key):
        cache.delete(slot)


def keep_slot(account: str, number: int, key: str, *, seconds: int) -> None:
    """Count an upload that is over for so many seconds more, if it still counts."""
    cache, slot = caches[options().cache], _slot_key(account, number)
    if number and cache.get(slot) == _folder(key):
        # By no folder's name: cancelled again, it does not count for longer.
        cache.set(slot, "", timeout=seconds)


def _folder(key: str) -> str:
    """Give the folder of an upload, which no other one has."""
    return "/".join(key.split("/")[:4])


def _slot_key(account: str, number: int) -> str:
    return f"holdall.uploads:{account}:{number}"


def check_throttle(request: Any, field: Any) -> None:
    """Ask the project's own throttle.

    Raises:
        UploadRefused: it says to wait.
    """
    throttle = options().throttle
    wait = throttle(request, field) if throttle else None
    if wait:
        seconds = None if wait is True else float(wait)
        raise UploadRefused("throttled", "The project's throttle says to wait.", wait_seconds=seconds)
