"""Give the shards of a plan to workers elsewhere, and wait until each was carried out by one of them.

A worker that is gone says nothing, so this goes by signs of life: whoever carries out a shard gives one every few
seconds. A shard without one is sent again. The broker's own redelivery is not waited for: with Redis it takes an hour.
That a shard is done twice by mistake does no harm (`holdall.bulk.shards`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from holdall.bulk.copying import Outcome
from holdall.bulk.entries import Spool
from holdall.bulk.places import Trouble
from holdall.bulk.plan import Count, Plan
from holdall.bulk.shards import Done, Parcel, cut

# So many shards wait for a worker, at least; and as many as are being carried out.
LEAST_WAITING = 4
# A shard that so many workers did not come back with, or failed at, is given up: it may be what ends them.
MOST_LOST, MOST_FAILED = 5, 3


@dataclass(frozen=True)
class Times:
    """How long is waited for what, in seconds."""

    # Between two signs of life.
    beat: float = 5.0
    # Without one, until a worker counts as gone.
    lost: float = 30.0
    # For a shard to be begun, until it is taken back and sent again; twice as long each time: a worker that is gone may
    # have had it in its hands, and one that is busy will come to it.
    waiting: float = 30.0
    # Without a sign of anybody, until it is asked whether there is anybody.
    silence: float = 60.0


TIMES = Times()


class Crew(Protocol):
    """The workers, and the way to them."""

    def send(self, parcel: Parcel, *, beat_seconds: float, expires_seconds: float) -> str:
        """Ask for a shard, and give the name of this attempt. It is not begun after it expires."""
        ...

    def hear(self, seconds: float) -> list[dict[str, Any]]:
        """Give what was said by now; wait so long for the first word.

        Of each: "shard" and "attempt"; "event": begun, alive or done; "files", "size_bytes" and "name", how far it is;
        when done "done", or "error" if it could not be carried out.
        """
        ...

    def revoke(self, attempts: list[str]) -> None:
        """Take back what was not begun."""
        ...

    def is_there(self) -> bool:
        """Say whether any worker answers."""
        ...


@dataclass
class _Attempt:
    sent_at: float
    heard_at: float | None = None


@dataclass
class _Open:
    """A shard that is asked for, and not done."""

    parcel: Parcel
    waits: float
    attempts: dict[str, _Attempt] = field(default_factory=dict)
    lost: int = 0
    failed: int = 0
    # The best of the results that are not whole, as long as another attempt may do better.
    result: Done | None = None
    files: int = 0
    size_bytes: int = 0

    @property
    def is_begun(self) -> bool:
        return any(attempt.heard_at is not None for attempt in self.attempts.values())


class Dispatch:
    """One plan, on its way through the workers."""

    def __init__(
        self,
        plan: Plan,
        crew: Crew,
        *,
        times: Times | None = None,
        report: Callable[[str, int, int], object] = lambda name, files, size_bytes: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan, self._crew, self._report, self._clock = plan, crew, report, clock
        self._times = times or TIMES
        self._open: dict[int, _Open] = {}
        self._parcels: Iterator[Parcel] = (shard.packed() for shard in cut(plan))
        self._is_all_sent = False
        self._heard_at = clock()
        self._gave_up = ""
        self._finished_files = 0
        self._copied = Count()
        self._unproven: Spool[str] = Spool()
        self._conflicts: list[str] = []
        self._failures: list[Trouble] = []
        self._slowed = 0

    @property
    def begun(self) -> int:
        """How many shards workers are at."""
        return sum(one.is_begun for one in self._open.values())

    def run(self) -> Outcome:
        """Carry out the plan, and give what became of it.

        What was not begun is taken back however this ends; what was begun is finished by its worker.
        """
        try:
            while self._send_more() or self._open:
                for said in self._crew.hear(min(self._times.beat, 1.0)):
                    self._take(said)
                self._look_after()
                if self._gave_up and not self.begun:
                    break
        finally:
            self._crew.revoke([name for one in self._open.values() for name in one.attempts])
        left = self._plan.all_to_do.files - self._finished_files
        if left:
            self._failures.append(Trouble(f"{left:,} more", f"were not tried: {self._gave_up}"))
        return Outcome(self._copied, self._unproven, self._conflicts, self._failures, self._slowed)

    # -- sending

    def _send_more(self) -> bool:
        """Keep enough shards waiting, and say whether there are more."""
        while not self._gave_up and not self._is_all_sent:
            waiting = len(self._open) - self.begun
            if waiting >= max(LEAST_WAITING, self.begun):
                return True
            parcel = next(self._parcels, None)
            if parcel is None:
                self._is_all_sent = True
            else:
                self._send(_Open(parcel, self._times.waiting))
        return False

    def _send(self, one: _Open) -> None:
        self._open[one.parcel.number] = one
        expires = max(4 * one.waits, self._times.lost)
        attempt = self._crew.send(one.parcel, beat_seconds=self._times.beat, expires_seconds=expires)
        one.attempts[attempt] = _Attempt(self._clock())

    # -- hearing

    def _take(self, said: dict[str, Any]) -> None:
        self._heard_at = self._clock()
        one = self._open.get(said["shard"])
        if one is None:
            # A late word of what another attempt has done.
            return
        if said["event"] != "done":
            # Of one that counted as gone, too: it is not.
            one.attempts.setdefault(said["attempt"], _Attempt(self._heard_at)).heard_at = self._heard_at
            self._tell(one, said)
            return
        one.attempts.pop(said["attempt"], None)
        if error := said.get("error"):
            one.failed += 1
            self._failed(one, str(error))
            return
        done = Done.of_message(said["done"])
        if done.is_whole or not one.is_begun:
            self._close(one, done)
        else:
            # Two at once may be in each other's way; the other one may find all of it done.
            one.result = done

    def _tell(self, one: _Open, said: dict[str, Any]) -> None:
        files, size_bytes = int(said.get("files", 0)), int(said.get("size_bytes", 0))
        more, more_bytes = max(files - one.files, 0), max(size_bytes - one.size_bytes, 0)
        one.files, one.size_bytes = one.files + more, one.size_bytes + more_bytes
        if more or more_bytes:
            self._report(str(said.get("name", "")), more, more_bytes)

    def _failed(self, one: _Open, error: str) -> None:
        if one.attempts:
            return
        if one.result is not None:
            self._close(one, one.result)
        elif one.failed < MOST_FAILED:
            self._send(one)
        else:
            self._give_up(one, error)

    def _give_up(self, one: _Open, reason: str) -> None:
        parcel = one.parcel
        what = f'{parcel.files:,} files from "{parcel.first}" to "{parcel.last}"' if parcel.files > 1 else parcel.first
        self._close(one, Done(failures=[Trouble(what, reason)]))

    def _close(self, one: _Open, done: Done) -> None:
        self._crew.revoke(list(one.attempts))
        parcel = one.parcel
        del self._open[parcel.number]
        self._report(parcel.last, max(parcel.files - one.files, 0), max(parcel.size_bytes - one.size_bytes, 0))
        self._finished_files += parcel.files
        self._copied.files += done.copied.files
        self._copied.size_bytes += done.copied.size_bytes
        for name in done.unproven:
            self._unproven.append(name)
        self._conflicts += done.conflicts
        self._failures += done.failures
        self._slowed += done.slowed
        if done.fatal:
            self._gave_up = self._gave_up or done.fatal

    # -- who is gone

    def _look_after(self) -> None:
        now = self._clock()
        for one in list(self._open.values()):
            gone = [
                name
                for name, attempt in one.attempts.items()
                if attempt.heard_at is not None and now - attempt.heard_at > self._times.lost
            ]
            for name in gone:
                del one.attempts[name]
                one.lost += 1
            if gone and not one.attempts:
                self._lost(one)
            elif one.attempts and not one.is_begun:
                self._waited(one, now)
        if now - self._heard_at > self._times.silence and not self._gave_up:
            self._heard_at = now
            if not self._crew.is_there():
                self._gave_up = "no worker answers. Start some, and run it again"

    def _lost(self, one: _Open) -> None:
        if one.result is not None:
            self._close(one, one.result)
        elif one.lost >= MOST_LOST:
            self._give_up(
                one, f"{one.lost} workers did not come back with it. See what ended them: their log, their memory"
            )
        elif not self._gave_up:
            self._send(one)

    def _waited(self, one: _Open, now: float) -> None:
        last = max(attempt.sent_at for attempt in one.attempts.values())
        if now - last > one.waits and not self._gave_up:
            self._crew.revoke(list(one.attempts))
            one.attempts.clear()
            one.waits *= 2
            self._send(one)
