"""Parts of a large own store: the names in one folder, from one on, as a listing of a moment gave them.

A page links to the files of a few folders. One request lists a folder as far as it goes, and proves for each name in
between that it is there, or that it is not; a store with any number of names is not listed for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

# One request: the files directly in a folder whose names follow another one, sorted, and whether these are the last.
Fetch = Callable[[str, str], tuple[list[str], bool]]

# What is remembered: a window is a thousand names.
KEPT_FOLDERS, KEPT_WINDOWS = 32, 8


class Window(NamedTuple):
    """Which names directly in a folder are taken: of those after `low`, up to `high`, or to the last where that is None."""

    low: str
    high: str | None
    # When it was asked for, and how long that took.
    began: float
    took_seconds: float
    names: frozenset[str]

    def covers(self, name: str) -> bool:
        return self.low < name and (self.high is None or name <= self.high)


class Windows:
    """The windows of one kind of names, by their folders."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._fetch, self._clock = fetch, clock
        self._of_folders: dict[str, list[Window]] = {}
        self.fetched = 0

    def find(self, name: str) -> Window | None:
        """Give the newest window that tells of a name. Requests: none."""
        found = [window for window in self._of_folders.get(_folder(name), ()) if window.covers(name)]
        return max(found, key=lambda window: window.began, default=None)

    def look(self, name: str) -> Window | None:
        """List that part of a folder in which a name lies; None where this server's answer does not tell.

        Requests: one; two in a folder of which one request does not list all.
        """
        folder = _folder(name)
        # From the beginning, so that the next name is most probably in it, whether a page goes up or down.
        window = self._list(folder, folder)
        if not window.covers(name) and window.high != window.low:
            window = self._list(folder, _right_before(name))
        return window if window.covers(name) else None

    def _list(self, folder: str, low: str) -> Window:
        began = self._clock()
        names, is_last = self._fetch(folder, low)
        self.fetched += 1
        # As far as the last file: servers do not agree on where a folder stands among files. Amazon's directory buckets
        # sort nothing, so that only a whole listing proves anything there.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        high = None if is_last else names[-1] if names and names == sorted(names) else low
        window = Window(low, high, began, self._clock() - began, frozenset(names))
        kept = [one for one in self._of_folders.get(folder, ()) if one.low != low]
        # The folder that was listed last stands last.
        self._of_folders.pop(folder, None)
        self._of_folders[folder] = [*kept, window][-KEPT_WINDOWS:]
        while len(self._of_folders) > KEPT_FOLDERS:
            del self._of_folders[next(iter(self._of_folders))]
        return window

    def clear(self) -> None:
        """Forget all; a listing of the whole store is newer."""
        self._of_folders.clear()
        self.fetched = 0


def _right_before(name: str) -> str:
    """Give a text that sorts before a name, with few other names in between."""
    start, last = name[:-1], name[-1]
    return f"{start}{chr(ord(last) - 1)}~" if " " < last <= "~" else start


def _folder(name: str) -> str:
    above, slash, _ = name.rpartition("/")
    return above + slash
