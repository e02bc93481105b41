"""Find, for a name whose object is missing, the name that was probably meant."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from difflib import SequenceMatcher

# For so many names a nearest one is looked for; each takes about a kilobyte.
MOST = 50_000
# What Django puts behind the name of a file whose name is taken.
_SUFFIX = re.compile(r"_[A-Za-z0-9]{7}$")
# With so many missing names a name is compared closely, and so many names with those that have one thing in common. The
# accident: a million folders with an "original.jpg" in each, of which a few are missing.
COMPARED = 50
CANDIDATES = 1_000


class Nearest:
    """The names that were probably meant by those that are missing."""

    def __init__(self, missing: Iterable[str]) -> None:
        self._missing: set[str] = set()
        # By what two names have in common although they differ: the names that are missing.
        self._like: dict[str, list[str]] = defaultdict(list)
        # What a name must have to be like one of them: how it begins, and then its whole stem.
        self._heads: set[str] = set()
        self._stems: set[str] = set()
        # The best so far: how far off it is, how alike, the name, and what differs.
        self._best: dict[str, tuple[int, float, str, str]] = {}
        # By what they have in common: how many names were compared.
        self._candidates: Counter[str] = Counter()
        for name in missing:
            if len(self._missing) == MOST:
                break
            if name in self._missing:
                continue
            self._missing.add(name)
            last = _fold(name[name.rfind("/") + 1 :])
            self._heads.add(_head(last))
            self._stems.add(_stem(last)[0])
            for _, key in _likenesses(name):
                if len(names := self._like[key]) < COMPARED:
                    names.append(name)

    def consider(self, names: list[str]) -> None:
        """Look whether names that exist are nearer than those before them."""
        # A million times: nearly all have nothing in common with what is missing.
        lasts = [name.rpartition("/")[2] for name in names]
        together = "\n".join(lasts)
        folded = together.lower() if together.isascii() else "\n".join(map(_fold, lasts))
        heads = [last.partition(".")[0] for last in folded.replace("_", ".").split("\n")]
        if len(heads) != len(names):
            # One has a line's end in it.
            heads = [_head(_fold(last)) for last in lasts]
        if self._heads.isdisjoint(heads):
            return
        for name, head, last in zip(names, heads, lasts, strict=True):
            if head in self._heads and _stem(_fold(last))[0] in self._stems:
                self._compare(name)

    def _compare(self, name: str) -> None:
        if name in self._missing:
            return
        for distance, key in _likenesses(name):
            alike = self._like.get(key)
            if alike is None or self._candidates[key] == CANDIDATES:
                continue
            self._candidates[key] += 1
            for missed in alike:
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


def _head(last: str) -> str:
    """Give what all names begin with that have a stem in common."""
    return last.replace("_", ".").partition(".")[0]


def _stem(last: str) -> tuple[str, str]:
    """Give the last part of a name without a random suffix, and its extension."""
    stem, extension = posixpath.splitext(last)
    return _SUFFIX.sub("", stem), extension


def _likenesses(name: str) -> list[tuple[int, str]]:
    """Give what a name has in common with others that may mean the same, the nearest first."""
    folded = _fold(name)
    folder, _, last = folded.rpartition("/")
    bare, extension = _stem(last)
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
