"""Look at what objects are: the type that the store says, what the name says, and what the first bytes say."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import NamedTuple

from holdall.bulk.inventory import Found, Page
from holdall.bulk.work import WORKERS, mapped
from holdall.errors import HoldallError, ObjectNotFound
from holdall.storage import MediaStorage
from holdall.storage.content import HEAD_BYTES, SCRIPTABLE, UNKNOWN, delivery
from holdall.storage.objects import key_of, reading_parameters

# How a file begins, by its type: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
_BEGINNINGS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF-",),
}
# What the world calls by two names.
_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/vnd.microsoft.icon": "image/x-icon",
    "application/javascript": "text/javascript",
    "application/x-javascript": "text/javascript",
    "text/xml": "application/xml",
    "audio/mp3": "audio/mpeg",
    "application/x-zip-compressed": "application/zip",
    "binary/octet-stream": UNKNOWN,
    "": UNKNOWN,
}
_SCRIPTS = frozenset(SCRIPTABLE.values())


class Mistyped(NamedTuple):
    """An object that is not what its name or its type says."""

    name: str
    # What the store says, and what it should.
    content_type: str
    expected: str
    reason: str


class Sample:
    """So many of the objects that come by, each with the same chance."""

    def __init__(self, most: int) -> None:
        self.chosen: list[Found] = []
        self.seen = 0
        self._most, self._next, self._weight = most, most, 1.0
        # What is looked at is to be another part of the store each time; nothing secret depends on it.
        self._random = random.Random()  # noqa: S311  see above

    def offer(self, page: Page) -> None:
        """Take objects, or pass them by: Li's algorithm L, which thinks only of those that it takes."""
        begin, end = self.seen, self.seen + len(page.names)
        while self._most and (at := self.seen if self.seen < self._most else self._next) < end:
            self._take(Found.of(page.names[at - begin], page.entries[at - begin]), at)
        self.seen = end

    def _take(self, one: Found, at: int) -> None:
        if at < self._most:
            self.chosen.append(one)
        else:
            self.chosen[self._random.randrange(self._most)] = one
        self.seen = at + 1
        if self.seen >= self._most:
            self._weight *= math.exp(math.log(self._random.random() or 1e-300) / self._most)
            skipped = math.log(self._random.random() or 1e-300) / math.log1p(-min(self._weight, 1 - 1e-16))
            self._next = self.seen + int(min(skipped, 1e15))


def mistyped(storage: MediaStorage, objects: list[Found]) -> Iterator[Mistyped | HoldallError]:
    """Look at each of these objects, and give those that are not what they say; or the failure to look at one.

    Requests: one GET of the first bytes for each.
    """

    def looked(one: Found) -> Mistyped | HoldallError | None:
        try:
            return _look(storage, one)
        except ObjectNotFound:
            # Deleted since it was listed.
            return None
        except HoldallError as failure:
            return failure

    for found in mapped(looked, objects, WORKERS):
        if found is not None:
            yield found


def _look(storage: MediaStorage, one: Found) -> Mistyped | None:
    answer = storage.store.call(
        "get_object",
        action="looking at",
        name=one.name,
        Key=key_of(storage, one.name),
        Range=f"bytes=0-{HEAD_BYTES - 1}",
        **reading_parameters(storage, one.name),
    )
    try:
        head = answer["Body"].read(HEAD_BYTES)
    finally:
        answer["Body"].close()
    said = str(answer["ResponseMetadata"]["HTTPHeaders"].get("content-type") or "")
    return judged(one.name, said, b"" if answer.get("ContentEncoding") else head)


def judged(name: str, said: str, head: bytes) -> Mistyped | None:
    """Compare what a store says of an object with its name and its first bytes; `head` is empty if they are packed."""
    expected = delivery(name, head).content_type
    by_name = delivery(name).content_type
    is_now, should_be = (_plain(one) for one in (said, expected))
    if expected != by_name:
        return Mistyped(name, said, expected, f"is named as {by_name} and begins as a page that can run script")
    if head and by_name in _BEGINNINGS and not head.startswith(_BEGINNINGS[by_name]):
        really = next((kind for kind, begins in _BEGINNINGS.items() if head.startswith(begins)), None)
        what = f"begins as {really}" if really else "does not begin as one"
        return Mistyped(name, said, really or UNKNOWN, f"is named as {by_name} and {what}")
    if should_be == UNKNOWN:
        # The name tells nothing, so that any harmless type may be right.
        if is_now in _SCRIPTS:
            return Mistyped(name, said, expected, "has a type that can run script, and a name that is not known")
    elif is_now != should_be:
        return Mistyped(name, said, expected, f"is stored as {said or 'nothing'}, and its name says {expected}")
    return None


def _plain(content_type: str) -> str:
    bare = content_type.partition(";")[0].strip().lower()
    return _SAME.get(bare, bare)
