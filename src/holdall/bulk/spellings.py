"""Find the names that a text may mean: a name as it is, or a link to it, as it stands in a page.

A name too many costs a file that stays, a name too few one that is lost.
"""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings


def spellings(text: str, storage: Any) -> set[str]:
    """Give all that a text may mean as the name of a file in a storage; the text itself is one of them."""
    found = {text}
    if "&" in text:
        found.add(html.unescape(text))
    for one in list(found):
        found |= _paths(one, storage) if one.startswith(("/", "http://", "https://")) else set()
    found |= {unquote(one) for one in found if "%" in one}
    return found


def _paths(link: str, storage: Any) -> set[str]:
    try:
        path = urlsplit(link).path
        media = urlsplit(str(getattr(settings, "MEDIA_URL", None) or "")).path
    except ValueError:
        # A name that only looks like a link.
        return set()
    location = str(getattr(storage, "location", None) or "").strip("/")
    found = {path.lstrip("/")}
    for start in (media, str(getattr(storage, "bucket_name", None) or ""), location):
        start = start.strip("/")
        found |= {one.removeprefix(f"{start}/") for one in found if start and one.startswith(f"{start}/")}
    return found
