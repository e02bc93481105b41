"""Find, for a name whose object is missing, the name that was probably meant."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from difflib import SequenceMatcher

# For so many names a nearest one is looked for; each takes about a kilobyte.
MOST = 50_000
# What Django puts behind the name of a file whose name is taken.
_SUFFIX = re.compile(r"_[A-Za-z0-9]{7}$")
# So many of the names that might be meant are compared more closely, and how alike they must be.
COMPARED = 50
ALIKE = 0.8


class Nearest:
    """The names that were probably meant by those that are missing."""

    def __init__(self, missing: Iterable[str]) -> None:
        self._missing: set[str] = set()
        # By what two names have in common although they differ: the names that are missing.
        self._like: dict[str, list[str]] = defaultdict(list)
        self._beginnings: set[str] = set()
        # The best so far: how far off it is, how alike, the name, and what differs.
        self._best: dict[str, tuple[int, float, str, str]] = {}
        for name in missing:
            if len(self._missing) == MOST:
                break
            self._missing.add(name)
            self._beginnings.add(_beginning(name))
            for _, key in _likenesses(name):
                if name not in (names := self._like[key]):
                    names.append(name)

    def consider(self, name: str) -> None:
        """Look whether a name that exists is nearer than those before it."""
        if _beginning(name) not in self._beginnings or name in self._missing:
            return
        for distance, key in _likenesses(name):
            for missed in self._like.get(key, ())[:COMPARED]:
                best = self._best.get(missed)
                if best is not None and best[0] < distance:
                    continue
                likeness = SequenceMatcher(None, missed, name, autojunk=False).ratio()
                if best is None or (distance, -likeness) < (best[0], -best[1]):
                    self._best[missed] = (distance, likeness, name, _what_differs(distance, missed, name))

    def of(self, name: str) -> tuple[str, str] | None:
        """Give the nearest name, and what differs."""
        best = self._best.get(name)
        return None if best is None else best[2:]


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _beginning(name: str) -> str:
    return _fold(name[name.rfind("/") + 1 :][:4])[:2]


def _likenesses(name: str) -> list[tuple[int, str]]:
    """Give what a name has in common with others that may mean the same, the nearest first."""
    folded = _fold(name)
    folder, _, last = folded.rpartition("/")
    stem, extension = posixpath.splitext(last)
    bare = _SUFFIX.sub("", stem)
    return [
        (0, f"name:{folded}"),
        (1, f"suffix:{folder}/{bare}{extension}"),
        (2, f"extension:{folder}/{bare}"),
        (3, f"folder:{bare}{extension}"),
    ]


def _what_differs(distance: int, missed: str, name: str) -> str:
    if distance:
        return ("", "random suffix", "extension", "folder")[distance]
    if unicodedata.normalize("NFC", missed) == unicodedata.normalize("NFC", name):
        return "Unicode normal form"
    return "case"
