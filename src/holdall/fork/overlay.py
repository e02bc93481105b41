"""What a fork's own store holds: the names of its own files, and of the parent's files that it hid.

A link must lead to the side that holds the file, without a request for each link. So each process keeps a list of the
own store in memory: it adds what it writes itself at once, and lists the store again when the list is too old.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum

from holdall.errors import StoreFailed, StoreUnreachable
from holdall.fork.tombstones import HIDDEN, tombstone
from holdall.s3.connection import Connection
from holdall.sites import is_reserved

log = logging.getLogger("holdall")

# How old knowledge may be of a name that was asked for before, and of one that was not: most probably the latter is a
# file that another process saved just now. Listing takes no more than a tenth of the time, however long it takes.
KNOWN_SECONDS = 10.0
NEW_SECONDS = 1.0
SHARE_OF_TIME = 10
# What one request lists.
PAGE = 1000
# So many of the parent's names are remembered to have been asked for.
KEPT_NAMES = 100_000


class Side(Enum):
    """Which side of a fork a name belongs to."""

    OWN = "own"
    HIDDEN = "hidden"
    # Neither own nor hidden: the parent's, if anybody's.
    PARENTS = "parent's"


class Overlay:
    """What one process knows of one fork's own store. Shared by all threads."""

    def __init__(self, names: Callable[[], Iterable[str]], location: str) -> None:
        self._names = names
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

    def note(self, name: str, side: Side, *, holds: bool) -> None:
        """Take in what this process did: a name became one of that side, or is no longer."""
        with self._lock:
            if self._changes is not None:
                self._changes.append((name, side, holds))
            self._apply(name, side, holds)

    def look(self, name: str) -> Side:
        """Say whose a name is, for a link. Requests: none, or one for each 1,000 own and hidden names.

        A file that another process saved is known after a second, or at the latest (a name that was asked for before)
        after ten; so is one that another process deleted.
        """
        known = name in self._asked or name in self._own or self._is_hidden(name)
        limit = KNOWN_SECONDS if known else NEW_SECONDS
        limit = max(limit, SHARE_OF_TIME * self._took_seconds)
        if time.monotonic() - max(self._listed_at, self._tried_at) > limit:
            self._refresh(limit)
        side = self._side(name)
        if side is Side.PARENTS:
            if len(self._asked) >= KEPT_NAMES:
                self._asked.clear()
            self._asked.add(name)
        return side

    def recall(self, name: str) -> tuple[Side | None, bool]:
        """Say whose a name is, if a request at most can tell, and whether that was found out just now."""
        if time.monotonic() - self._listed_at <= KNOWN_SECONDS:
            return self._side(name), False
        if len(self._own) + len(self._hidden) >= PAGE:
            return None, False
        began = time.monotonic()
        self._refresh(0)
        return self._side(name), self._listed_at >= began

    def _side(self, name: str) -> Side:
        if name in self._own:
            return Side.OWN
        return Side.HIDDEN if self._is_hidden(name) else Side.PARENTS

    def _is_hidden(self, name: str) -> bool:
        return bool(self._hidden) and tombstone(name, self._location) in self._hidden

    def _refresh(self, limit_seconds: float) -> None:
        asked_at = time.monotonic()
        with self._listing:
            # Another thread may have listed while this one waited.
            if self._listed_at >= asked_at or asked_at - self._listed_at < limit_seconds:
                return
            began = time.monotonic()
            with self._lock:
                self._changes = []
            own: set[str] = set()
            hidden: set[str] = set()
            try:
                for name in self._names():
                    if name.startswith(HIDDEN):
                        hidden.add(name.removeprefix(HIDDEN))
                    elif not is_reserved(name):
                        own.add(name)
            except (StoreUnreachable, StoreFailed) as failure:
                self._changes = None
                if self._listed_at == float("-inf"):
                    raise
                # A page with links that may be old is better than none.
                self._tried_at = time.monotonic()
                log.warning("The fork's own store could not be listed; links go by what was known: %s", failure)
                return
            except BaseException:
                self._changes = None
                raise
            with self._lock:
                self._own, self._hidden = own, hidden
                for change in self._changes or ():
                    self._apply(*change)
                self._changes = None
                self._listed_at, self._took_seconds = began, time.monotonic() - began

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
    prefix = f"{location}/" if location else ""

    def names() -> Iterable[str]:
        for page in connection.pages(action="listing", name=location, Prefix=prefix):
            yield from (entry["Key"][len(prefix) :] for entry in page.get("Contents", ()))

    # Of two threads that come at once, both get the one that was first.
    overlay: Overlay = connection.known.setdefault(("overlay", location), Overlay(names, location))
    return overlay
