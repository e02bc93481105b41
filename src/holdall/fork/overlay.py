"""What a fork's own store holds: the names of its own files, and of the parent's files that it hid.

A link must lead to the side that holds the file, without a request for each link. So each process keeps a list of the
own store in memory: it adds what it writes itself at once, and lists the store again when the list is too old. If one
request does not list the store, it keeps lists of the folders that links were made to.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Protocol

from holdall.errors import StoreFailed, StoreUnreachable
from holdall.fork.tombstones import HIDDEN, tombstone
from holdall.fork.windows import Window, Windows
from holdall.s3.connection import Connection
from holdall.sites import RESERVED, is_reserved

log = logging.getLogger("holdall")

# How old knowledge may be of a name that was asked for before, and of one that was not: most probably the latter is a
# file that another process saved just now. Listing takes no more than a tenth of the time, however long it takes.
KNOWN_SECONDS = 10.0
NEW_SECONDS = 1.0
SHARE_OF_TIME = 10
# What one request lists.
PAGE = 1000
# So many requests list folders, within the time that knowledge lasts, before the whole store is listed instead: as many
# as that took the last time, or so many where nobody knows. It costs no more than twice what the better way would have.
FOLDERS = 4
# So many of the parent's names are remembered to have been asked for.
KEPT_NAMES = 100_000


class Side(Enum):
    """Which side of a fork a name belongs to."""

    OWN = "own"
    HIDDEN = "hidden"
    # Neither own nor hidden: the parent's, if anybody's.
    PARENTS = "parent's"


class Listing(Protocol):
    """How an own store is listed; names are given without its location."""

    def pages(self) -> Iterable[tuple[list[str], bool]]:
        """Give all names, a request at a time, each with whether it was the last."""

    def below(self, prefix: str) -> tuple[list[str], bool]:
        """Give the first names that begin so, and whether these are all. One request."""

    def folder(self, folder: str, after: str) -> tuple[list[str], bool]:
        """Give the files directly in a folder that follow a name, and whether these are the last. One request."""


class Overlay:
    """What one process knows of one fork's own store. Shared by all threads."""

    def __init__(self, listing: Listing, location: str) -> None:
        self._store = listing
        self._location = location
        self._lock = threading.Lock()
        self._listing = threading.Lock()
        self._own: set[str] = set()
        self._hidden: set[str] = set()
        # Names of the parent that were asked for.
        self._asked: set[str] = set()
        self._listed_at = self._tried_at = float("-inf")
        self._took_seconds = 0.0
        # What this process changed since the listing that is under way began; None when none is.
        self._changes: list[tuple[str, Side, bool]] | None = None
        # Whether one request lists less than all; None until it is known.
        self._is_large: bool | None = None
        self._windows = {Side.OWN: Windows(listing.folder, _now), Side.HIDDEN: Windows(self._hidden_folder, _now)}
        # All that is hidden, where one request lists it.
        self._everything_hidden: Window | None = None
        self._has_many_hidden = False
        self._counted_from = float("-inf")
        self._pages = FOLDERS
        # What this process changed in a large store, and when: the windows that are older do not tell.
        self._noted: dict[tuple[Side, str], tuple[float, bool]] = {}

    def note(self, name: str, side: Side, *, holds: bool) -> None:
        """Take in what this process did: a name became one of that side, or is no longer."""
        with self._lock:
            if self._changes is not None:
                self._changes.append((name, side, holds))
            self._apply(name, side, holds)
            if self._is_large is not False:
                if len(self._noted) >= KEPT_NAMES:
                    # Windows are not older than this.
                    self._forget_windows()
                self._noted[side, name] = (_now(), holds)

    def look(self, name: str) -> Side:
        """Say whose a name is, for a link.

        Requests: none for what is known. One in a store that one request lists. In a larger one a request finds that it
        is, one lists each folder, and one what was hidden, where that was not seen on the way. A page of many folders
        lists the whole store instead, one request for each 1,000 names.

        A file that another process saved is known after a second, or at the latest (a name that was asked for before)
        after ten; so is one that another process deleted.
        """
        known = name in self._asked or name in self._own or self._is_hidden(name) or self._is_in_windows(name)
        least = KNOWN_SECONDS if known else NEW_SECONDS
        limit = max(least, SHARE_OF_TIME * self._took_seconds)
        side = None
        if time.monotonic() - max(self._listed_at, self._tried_at) > limit and (
            self._is_large or not self._refresh(limit, whole=False)
        ):
            side = self._look_into_folder(name, least)
            if side is None:
                self._refresh(limit)
        side = side or self._side(name)
        if side is Side.PARENTS:
            if len(self._asked) >= KEPT_NAMES:
                self._asked.clear()
            self._asked.add(name)
        return side

    def recall(self, name: str) -> tuple[Side | None, bool]:
        """Say whose a name is, if a request at most can tell, and whether that was found out just now."""
        if time.monotonic() - self._listed_at <= KNOWN_SECONDS:
            return self._side(name), False
        if self._is_large or len(self._own) + len(self._hidden) >= PAGE:
            return None, False
        began = time.monotonic()
        if not self._refresh(0, whole=False):
            return None, False
        return self._side(name), self._listed_at >= began

    def _side(self, name: str) -> Side:
        if name in self._own:
            return Side.OWN
        return Side.HIDDEN if self._is_hidden(name) else Side.PARENTS

    def _is_hidden(self, name: str) -> bool:
        return bool(self._hidden) and tombstone(name, self._location) in self._hidden

    # -- a store that one request does not list

    def _is_in_windows(self, name: str) -> bool:
        if (hidden := self._everything_hidden) is not None and tombstone(name, self._location) in hidden.names:
            return True
        return any((window := one.find(name)) is not None and name in window.names for one in self._windows.values())

    def _look_into_folder(self, name: str, limit_seconds: float) -> Side | None:
        """Say whose a name is by its folder; None if it is better to list the whole store."""
        with self._listing:
            now = time.monotonic()
            if now - self._counted_from > KNOWN_SECONDS:
                self._counted_from = now
                for windows in self._windows.values():
                    windows.fetched = 0
            own = self._window(Side.OWN, name, limit_seconds)
            if own is None:
                return None
            if self._has(own, Side.OWN, name, name):
                return Side.OWN
            token = tombstone(name, self._location)
            hidden = self._all_hidden(limit_seconds)
            if hidden is None and token == name:
                # There are many; all except those of long names are in their folder.
                hidden = self._window(Side.HIDDEN, name, limit_seconds)
            if hidden is None:
                return None
            return Side.HIDDEN if self._has(hidden, Side.HIDDEN, name, token) else Side.PARENTS

    def _has(self, window: Window, side: Side, name: str, token: str) -> bool:
        with self._lock:
            noted_at, holds = self._noted.get((side, name), (float("-inf"), False))
        return holds if noted_at >= window.began else token in window.names

    def _window(self, side: Side, name: str, limit_seconds: float) -> Window | None:
        windows = self._windows[side]
        window = windows.find(name)
        if window is not None and _is_fresh(window, limit_seconds):
            return window
        if sum(one.fetched for one in self._windows.values()) >= max(2, self._pages):
            return None
        try:
            return windows.look(name)
        except (StoreUnreachable, StoreFailed) as failure:
            if window is None:
                raise
            return _old(window, failure)

    def _all_hidden(self, limit_seconds: float) -> Window | None:
        """Know all that is hidden; None if that is more than one request lists."""
        known = self._everything_hidden
        if self._has_many_hidden or (known is not None and _is_fresh(known, limit_seconds)):
            return known
        began = time.monotonic()
        try:
            names, is_last = self._store.below(HIDDEN)
        except (StoreUnreachable, StoreFailed) as failure:
            if known is None:
                raise
            return _old(known, failure)
        self._has_many_hidden = not is_last
        self._everything_hidden = _everything(names, began) if is_last else None
        return self._everything_hidden

    def _hidden_folder(self, folder: str, after: str) -> tuple[list[str], bool]:
        names, is_last = self._store.folder(f"{HIDDEN}{folder}", f"{HIDDEN}{after}")
        return [name.removeprefix(HIDDEN) for name in names], is_last

    def _forget_windows(self) -> None:
        self._noted.clear()
        self._everything_hidden, self._has_many_hidden = None, False
        for windows in self._windows.values():
            windows.clear()

    # -- all of it

    def _refresh(self, limit_seconds: float, *, whole: bool = True) -> bool:
        """List the store. False: one request did not list all, and `whole` does not ask for the rest."""
        asked_at = time.monotonic()
        with self._listing:
            # Another thread may have listed while this one waited.
            if self._listed_at >= asked_at or asked_at - self._listed_at < limit_seconds:
                return True
            if self._is_large and not whole:
                return False
            began = time.monotonic()
            with self._lock:
                self._changes = []
            own: set[str] = set()
            hidden: set[str] = set()
            pages = 0
            try:
                for number, (names, is_last) in enumerate(self._store.pages(), 1):
                    self._is_large = number > 1 or not is_last
                    pages = number
                    if self._is_large and not whole:
                        self._give_up_listing()
                        if _is_beyond_reserved(names):
                            self._everything_hidden = _everything(names, began)
                        return False
                    hidden.update(name.removeprefix(HIDDEN) for name in names if name.startswith(HIDDEN))
                    own.update(name for name in names if not is_reserved(name))
            except (StoreUnreachable, StoreFailed) as failure:
                self._changes = None
                if self._listed_at == float("-inf"):
                    raise
                # A page with links that may be old is better than none.
                self._tried_at = time.monotonic()
                log.warning("The fork's own store could not be listed; links use what was known before: %s", failure)
                return True
            except BaseException:
                self._changes = None
                raise
            with self._lock:
                self._own, self._hidden = own, hidden
                for change in self._changes or ():
                    self._apply(*change)
                self._changes = None
                self._listed_at, self._took_seconds, self._pages = began, time.monotonic() - began, pages
                self._forget_windows()
        return True

    def _give_up_listing(self) -> None:
        with self._lock:
            # What was changed meanwhile is newer than what the first page said.
            self._noted |= {(side, name): (_now(), holds) for name, side, holds in self._changes or ()}
            self._changes = None

    def _apply(self, name: str, side: Side, holds: bool) -> None:
        names = self._own if side is Side.OWN else self._hidden
        name = name if side is Side.OWN else tombstone(name, self._location)
        if holds:
            names.add(name)
        else:
            names.discard(name)


def overlay_of(connection: Connection, location: str) -> Overlay:
    """Give what the process knows of the store at this location; all storages of one store share it."""
    found: Overlay | None = connection.known.get(("overlay", location))
    if found is not None:
        return found
    # Of two threads that come at once, both get the one that was first.
    overlay: Overlay = connection.known.setdefault(
        ("overlay", location), Overlay(_Listed(connection, location), location)
    )
    return overlay


class _Listed:
    """The listings of a real store."""

    def __init__(self, connection: Connection, location: str) -> None:
        self._connection, self._location = connection, location
        self._start = f"{location}/" if location else ""

    def pages(self) -> Iterator[tuple[list[str], bool]]:
        for page in self._connection.pages(action="listing", name=self._location, Prefix=self._start, MaxKeys=PAGE):
            yield self._names(page), not page.get("IsTruncated")

    def below(self, prefix: str) -> tuple[list[str], bool]:
        page = self._connection.call(
            "list_objects_v2", action="listing", name=prefix, Prefix=f"{self._start}{prefix}", MaxKeys=PAGE
        )
        return self._names(page), not page.get("IsTruncated")

    def folder(self, folder: str, after: str) -> tuple[list[str], bool]:
        beyond: dict[str, Any] = {"StartAfter": f"{self._start}{after}"} if after != folder else {}
        page = self._connection.call(
            "list_objects_v2",
            action="listing",
            name=folder,
            Prefix=f"{self._start}{folder}",
            Delimiter="/",
            MaxKeys=PAGE,
            **beyond,
        )
        return self._names(page), not page.get("IsTruncated")

    def _names(self, page: Mapping[str, Any]) -> list[str]:
        return [entry["Key"][len(self._start) :] for entry in page.get("Contents", ())]


def _everything(names: Iterable[str], began: float) -> Window:
    found = frozenset(name.removeprefix(HIDDEN) for name in names if name.startswith(HIDDEN))
    return Window("", None, began, time.monotonic() - began, found)


def _is_beyond_reserved(names: list[str]) -> bool:
    """Say whether a listing from the beginning has passed what is Holdall's own, by whichever order a server lists."""
    first_parts = [name.partition("/")[0] for name in names]
    if names != sorted(names) and first_parts != sorted(first_parts):
        return False
    last = names[-1] if names else ""
    return last.partition("/")[0] > RESERVED and last > f"{RESERVED}0"


def _is_fresh(window: Window, limit_seconds: float) -> bool:
    return time.monotonic() - window.began <= max(limit_seconds, SHARE_OF_TIME * window.took_seconds)


def _old(window: Window, failure: Exception) -> Window:
    # A page with links that may be old is better than none.
    log.warning("The fork's own store could not be listed; links use what was known before: %s", failure)
    return window


def _now() -> float:
    return time.monotonic()
