"""What the mirror of a store missed in this process: counted, logged, told to whoever listens, and not asked for in vain."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from django.dispatch import Signal

from holdall.errors import HoldallError, StoreUnreachable
from holdall.s3 import process
from holdall.s3.circuit import is_breakdown, is_throttling
from holdall.shown import shown

log = logging.getLogger("holdall")

# How long a mirror that does not answer is left alone; then one request looks whether it does.
PAUSE_SECONDS = 30.0
# What goes wrong is logged at once, and then no more often than this.
LOG_SECONDS = 60.0

# Sent when a mirror missed a change: `sender` is the storage's class, `storage` the storage, `names` the files and `error`
# the exception, None where the mirror was not asked because it did not answer others. A receiver that raises is ignored.
mirror_missed = Signal()


class Misses:
    """Counts what one mirror got and what it missed, and leaves a dead one alone. Shared by all threads of a process."""

    def __init__(self, where: str, remedy: str) -> None:
        self._where, self._remedy = where, remedy
        self._lock = threading.Lock()
        # Changes that the mirror has, and those that it missed.
        self.mirrored = 0
        self.missed = 0
        # What was said the last time that something went wrong.
        self.last_failure = ""
        # Whether it turned out to be the store itself, so that nothing is ever sent.
        self.is_the_store = False
        self.is_apart = False
        self._paused_until: float | None = None
        self._probes = False
        self._logged_at: float | None = None
        self._logged = 0

    @property
    def is_paused(self) -> bool:
        """Whether the mirror is left alone at present, because it did not answer."""
        until = self._paused_until
        return until is not None and time.monotonic() < until

    def admits(self) -> bool:
        """Say whether the mirror may be asked. After a pause one request at a time looks whether it answers again."""
        with self._lock:
            if self._paused_until is None:
                return True
            if self._probes or time.monotonic() < self._paused_until:
                return False
            self._probes = True
            return True

    def left(self) -> None:
        """Note that whoever looked whether the mirror answers has left without finding out: the next one looks."""
        with self._lock:
            self._probes = False

    def followed(self, count: int) -> None:
        """Note that the mirror answers, and has so many changes."""
        with self._lock:
            self.mirrored += count
            paused, self._paused_until, self._probes = self._paused_until, None, False
        if paused is not None:
            log.warning(
                "The mirror, %s, takes changes again; it missed %d so far. %s", self._where, self.missed, self._remedy
            )

    def failed(self, storage: Any, names: Iterable[str], error: Exception | None) -> None:
        """Note that the mirror missed a change of each of these files; None: it was not asked."""
        names = list(names)
        with self._lock:
            self.missed += len(names)
            now = time.monotonic()
            if error is not None:
                self._probes = False
                self.last_failure = str(error)
                if _says_that_it_is_down(error):
                    self._paused_until = now + PAUSE_SECONDS
            is_due = self._logged_at is None or now - self._logged_at >= LOG_SECONDS
            more = self.missed - self._logged - len(names)
            if is_due:
                self._logged_at, self._logged = now, self.missed
        if is_due:
            first = f'"{shown(names[0])}"' + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")
            since = f" {more:,} others were missed since the last message." if more > 0 else ""
            cause = self.last_failure if error is None else str(error)
            log.error(
                "The mirror, %s, missed a change of %s: %s.%s The request was not affected. %s",
                self._where,
                first,
                shown(cause).rstrip("."),
                since,
                self._remedy,
            )
        mirror_missed.send_robust(type(storage), storage=storage, names=names, error=error)


def _says_that_it_is_down(error: Exception) -> bool:
    """Say whether nothing else would fare better now. What is refused costs one short request each, and no time-out."""
    if not isinstance(error, HoldallError):
        return False
    if error.answer is None:
        return isinstance(error, StoreUnreachable)
    return is_breakdown(error.answer) or is_throttling(error.answer)


_all: dict[tuple[str, ...], Misses] = {}
_lock = threading.Lock()


def of(place: tuple[str, ...], where: str, remedy: str) -> Misses:
    """Give what this process knows of the mirror at a place; all storages that have the same one share it."""
    with _lock:
        if place not in _all:
            _all[place] = Misses(where, remedy)
        return _all[place]


@process.at_fork
def _forget_after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    _all.clear()
