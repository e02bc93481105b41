"""A circuit: while a store does not answer, others fail at once, and one of them checks whether it answers again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from holdall.errors import Answer, HoldallError, StoreUnreachable

log = logging.getLogger("holdall")

# So many operations fail in a row before the circuit opens. One is enough where nothing was heard of the place for as
# long as an operation may wait.
FAILURES = 3
# How long it stays open, before one request is let through.
OPEN_SECONDS = 5.0
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
THROTTLING = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"})

# What is logged of a failure that whoever asked is told of too.
FIRST_FAILURE = "%s Further failures are not logged until it %s."

_thread = threading.local()


@contextmanager
def taking_back() -> Iterator[None]:
    """Let this thread send what takes back its own work, also while the store does not answer others.

    Otherwise an upload whose parts are stuck would itself prevent its abortion, and what is left is billed.
    """
    before = getattr(_thread, "takes_back", False)
    _thread.takes_back = True
    try:
        yield
    finally:
        _thread.takes_back = before


class Circuit:
    """What a process knows of how a place answers, or a bucket there. Shared by all threads.

    `fact` says what went wrong, and `again` what ends it.
    """

    def __init__(self, *, fact: str = "has not answered", again: str = "answers again", is_logged: bool = True) -> None:
        self._fact, self._again, self._is_logged = fact, again, is_logged
        # Re-entrant: a garbage collection inside may send a request of its own. Nothing is logged inside: whoever
        # handles the record may use the storage, or take long.
        self._lock = threading.RLock()
        self._failures = 0
        self._failing_since = 0.0
        self._open_until: float | None = None
        self._heard_at = float("-inf")
        # The thread that looks whether the place answers again.
        self._probe: int | None = None

    def is_open(self) -> bool:
        """Say whether others have found that the place does not answer."""
        until = self._open_until
        return until is not None and time.monotonic() < until

    def admit(self, what: str, where: str) -> int | None:
        """Let an operation through, or raise; pass what it returns to `heard` or `failed`.

        Raises:
            StoreUnreachable: the place did not answer others, and it is too early to try again. Nothing was sent.
        """
        if self._open_until is None or getattr(_thread, "takes_back", False):
            return None
        with self._lock:
            now, until = time.monotonic(), self._open_until or 0.0
            if self._probe == threading.get_ident():
                # What the request needs that looks.
                return None
            if now >= until and self._probe is None:
                self._probe = threading.get_ident()
                return self._probe
            since = _clock(self._failing_since - now)
            then = f"at {_clock(until - now)}" if now < until else "when the one under way has been answered"
        raise StoreUnreachable(
            f"{what[:1].upper()}{what[1:]} failed in {where}: nothing was sent, because the store {self._fact} since "
            f"{since} ({self._failures} failed). The next request is sent {then}."
        )

    def heard(self, probe: int | None, where: str) -> None:
        """Note that the place answered."""
        self._heard_at = time.monotonic()
        if not self._failures and self._open_until is None and probe is None:
            return
        with self._lock:
            failures, self._failures = self._failures, 0
            took = self._heard_at - self._failing_since
            self._open_until = self._probe = None
        if failures and self._is_logged:
            log.warning("%s %s, after %.1f s in which %d operations failed.", where, self._again, took, failures)

    def failed(
        self, probe: int | None, failure: BaseException, *, began: float, waited: float, waits_at_most: float
    ) -> None:
        """Note that an operation failed because the place did not answer, or could not do its work."""
        with self._lock:
            now = time.monotonic()
            is_first = not self._failures
            if is_first:
                self._failing_since = began
            self._failures += 1
            if probe is not None and probe == self._probe:
                self._probe = None
            nothing_heard = waited >= waits_at_most * 0.9 and self._heard_at < began
            if self._failures >= FAILURES or nothing_heard or probe is not None:
                self._open_until = now + OPEN_SECONDS
        if is_first and self._is_logged:
            log.warning(FIRST_FAILURE, failure, self._again)

    def left(self, probe: int | None) -> None:
        """Let another one look, where this one ended without finding out."""
        if probe is not None:
            with self._lock:
                if probe == self._probe:
                    self._probe = None


def _clock(seconds_from_now: float) -> str:
    return f"{datetime.now(UTC) + timedelta(seconds=seconds_from_now):%H:%M:%S} UTC"


def is_silence(failure: HoldallError) -> bool:
    """Say whether no answer came: what all who speak with the place share."""
    return failure.answer is None and isinstance(failure, StoreUnreachable)


def is_breakdown(answer: Answer) -> bool:
    """Say whether the store answered that it cannot do what its bucket is asked, whatever that is.

    501 is an answer like any other, and so is the advice to ask more slowly.
    """
    return answer.status >= 500 and answer.status != 501 and not is_throttling(answer)


def is_throttling(answer: Answer) -> bool:
    """Say whether the store asks for fewer requests: it works, and answers others."""
    return answer.status == 429 or answer.code in THROTTLING
