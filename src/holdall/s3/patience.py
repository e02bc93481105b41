"""How long one request waits for its store, all attempts together. Knows clocks, not sockets.

A question has a limit in seconds, from its first attempt on. A transfer may last as long as it likes, as long as bytes
move. What the server does by itself (a copy, the completion of an upload, the deletion of many files) says nothing until
it is done, and is waited for longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum

# The shortest wait for work of the server; callers that know the file's length ask for more.
WORK_SECONDS = 60.0
# Fewer bytes than this are not progress: an answer that drips a byte a second would last forever.
LEAST_BYTES = 1024
# How often a waiting request checks whether others have found out meanwhile that nobody answers.
LOOK_SECONDS = 1.0


class Kind(Enum):
    """What is waited for."""

    QUESTION = "question"
    TRANSFER = "transfer"
    # What the server does by itself, and is not asked for twice where it stays silent.
    WORK = "work"


class Deadline:
    """When everything ends that waits under it, however many requests that are. Any thread may bring it forward."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Give the seconds that are left; none or fewer if it is over."""
        return self._at - time.monotonic()

    def end_in(self, seconds: float) -> None:
        """Let it end in so many seconds, if it does not end before."""
        self._at = min(self._at, time.monotonic() + seconds)


class Stopped(BaseException):
    """Nobody waits for the outcome any more. No error, so that nothing on the way takes it for an answer."""


class Stop(Deadline):
    """A deadline that comes when nobody waits for the outcome any more: what was begun is then taken back.

    Made where the work is asked for; it keeps to a deadline that holds there already.
    """

    def __init__(self) -> None:
        super().__init__(float("inf"))
        self.outer = _deadline.get()
        self.is_called = False
        # Done when the work needs nothing of the caller's any more: the content that it was given to save.
        self.lets_go: Future[None] = Future()
        # Who waits for it may give up; that changes nothing.
        self.lets_go.set_running_or_notify_cancel()

    def left(self) -> float:
        own = super().left()
        return own if self.outer is None else min(own, self.outer.left())

    def call(self) -> None:
        """Let the work end as soon as it can."""
        self.is_called = True
        self.end_in(0)

    def let_go(self) -> None:
        """Say that nothing of the caller's is needed any more."""
        # Work and what it leaves behind may say so, one after the other; both are of one thread.
        if not self.lets_go.done():
            self.lets_go.set_result(None)


class Patience:
    """What is left of the time that one request may wait. Belongs to one thread at a time.

    An attempt waits no longer than half of the time, so that there is a second one: a connection that a network forgot
    stays silent, and a new one is answered at once. If there is only one attempt, it has all of the time.
    """

    def __init__(
        self,
        seconds: float,
        *,
        attempts: int,
        kind: Kind = Kind.TRANSFER,
        others_gave_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self.seconds = seconds
        self.kind = kind
        self.work_seconds = WORK_SECONDS
        self.attempts = 0
        # Whether an attempt ended because nothing moved.
        self.was_silent = False
        self._bytes, self._is_heading = 0, False
        self._share = seconds / 2 if attempts > 1 else seconds
        self._others_gave_up = others_gave_up
        self._deadline = _deadline.get()
        self.began = self._moved_at = time.monotonic()
        # How long earlier attempts waited without an answer.
        self._silent_seconds = 0.0

    def restart(self) -> None:
        """Begin again, where something else came before the request."""
        self.attempts, self.was_silent, self._silent_seconds = 0, False, 0.0
        self.began = self._moved_at = time.monotonic()

    def begin_attempt(self, kind: Kind) -> None:
        """Note that an attempt begins, and of what kind it is."""
        now = time.monotonic()
        if self.was_silent:
            self._silent_seconds += now - self._moved_at
        if not self.attempts:
            # What came before, making a client or asking for keys, took its own time.
            self.began = now
        self.attempts += 1
        self.kind, self._moved_at, self.was_silent = kind, now, False

    def moved(self, count: int) -> None:
        """Note that bytes moved; very few are not progress, and neither are those of an answer's head."""
        self._bytes += count
        if self._bytes >= LEAST_BYTES and not self._is_heading:
            self._moved_at, self._bytes = time.monotonic(), 0

    @contextmanager
    def heading(self) -> Iterator[None]:
        """Wait inside for the head of an answer, which comes as a whole."""
        self._is_heading, self._moved_at = True, time.monotonic()
        try:
            yield
        finally:
            self._is_heading, self._bytes = False, 0
        self._moved_at = time.monotonic()

    def left(self) -> float:
        """Give the seconds that the next wait of this attempt may take."""
        return self._left() if self._deadline is None else min(self._left(), self._deadline.left())

    def _left(self) -> float:
        now = time.monotonic()
        silent = now - self._moved_at
        if self.kind is Kind.WORK:
            return max(self.seconds, self.work_seconds) - silent
        total = self.seconds - (self._silent_seconds + silent if self.kind is Kind.TRANSFER else now - self.began)
        return min(self._share - silent, total)

    def is_over(self) -> bool:
        """Say whether nothing may be sent any more, because all that waits here has been ended."""
        return self._deadline is not None and self._deadline.left() <= 0

    @property
    def was_stopped(self) -> bool:
        """Whether it ended because nobody waits for it any more, which says nothing of the store."""
        return isinstance(self._deadline, Stop) and self._deadline.is_called

    def ends(self) -> bool:
        """Say whether a wait that brought nothing so far is over, and note it."""
        silent = time.monotonic() - self._moved_at
        if self.left() > 0 and not (silent >= LOOK_SECONDS and self._others_gave_up()):
            return False
        self.was_silent = True
        return True

    def is_spent(self, *, pause: float = 0.0) -> bool:
        """Say whether no time is left for another attempt after a pause."""
        now = time.monotonic()
        if self._others_gave_up() or (self._deadline is not None and pause >= self._deadline.left() - MARGIN_SECONDS):
            return True
        if self.kind is Kind.QUESTION:
            return now - self.began + pause >= self.seconds - MARGIN_SECONDS
        silent = self._silent_seconds + (now - self._moved_at if self.was_silent else 0.0)
        return silent + pause >= self.seconds - MARGIN_SECONDS or (self.kind is Kind.WORK and self.was_silent)

    def told(self) -> str:
        """Say how often and how long it was tried, for an error."""
        times = "once" if self.attempts == 1 else f"{self.attempts} times"
        return f"tried {times} in {self.taken_seconds:.1f} s" if self.attempts else ""

    @property
    def taken_seconds(self) -> float:
        """How long it took so far."""
        return time.monotonic() - self.began


# An attempt that could not wait longer than this is none.
MARGIN_SECONDS = 0.05

_current: ContextVar[Patience | None] = ContextVar("holdall_patience", default=None)
_deadline: ContextVar[Deadline | None] = ContextVar("holdall_deadline", default=None)
# What sockets ask, each time that they wait.
current = _current.get


@contextmanager
def applied(patience: Patience) -> Iterator[Patience]:
    """Let whatever waits inside wait as long as this says."""
    before = _current.set(patience)
    try:
        yield patience
    finally:
        _current.reset(before)


@contextmanager
def ending_by(deadline: Deadline) -> Iterator[None]:
    """Let nothing inside wait for a store longer than this says, not even what reads a body that was asked for."""
    before = _deadline.set(deadline)
    try:
        with applied(Patience(deadline.left(), attempts=1, kind=Kind.QUESTION)):
            yield
    finally:
        _deadline.reset(before)


@contextmanager
def stopping_by(stop: Stop) -> Iterator[None]:
    """Let what is done inside end when nobody waits for it any more."""
    before = _deadline.set(stop)
    try:
        yield
    finally:
        _deadline.reset(before)


@contextmanager
def unstopped() -> Iterator[None]:
    """Let what is done inside be done to its end, because it takes back what was stopped."""
    stop = _deadline.get()
    if not isinstance(stop, Stop):
        yield
        return
    if stop.is_called:
        stop.let_go()
    before = _deadline.set(stop.outer)
    try:
        yield
    finally:
        _deadline.reset(before)


def is_stopped() -> bool:
    """Say whether nobody waits for the outcome any more."""
    stop = _deadline.get()
    return isinstance(stop, Stop) and stop.is_called


def refuse_if_stopped() -> None:
    """Raise where nobody waits for the outcome any more.

    Raises:
        Stopped: nobody does.
    """
    if is_stopped():
        raise Stopped


def kind_of(method: str, target: str, headers: Container[str]) -> Kind:
    """Tell what a request waits for, from its method, its path and query, and the names of its headers."""
    query = target.partition("?")[2]
    if method == "PUT":
        return Kind.WORK if "x-amz-copy-source" in headers or "X-Amz-Copy-Source" in headers else Kind.TRANSFER
    if method == "POST":
        # An upload is completed by the server alone, which takes minutes for a large one:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
        return Kind.WORK if query.startswith("delete") or "uploadId=" in query else Kind.QUESTION
    # Of a listing and of what is asked about a bucket the query says so.
    return Kind.TRANSFER if method == "GET" and "list-type=" not in query and "uploads" not in query else Kind.QUESTION
