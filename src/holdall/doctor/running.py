"""Work in a thread of its own, which is waited for as long as one wants to, and then given up."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Running:
    """Work that begins at once. What it waits for keeps neither the doctor nor the process from ending."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name = name
        # Not the thread's own word: after a Ctrl-C within `join`, Python before 3.13 says that it has ended.
        # https://github.com/python/cpython/issues/90882
        self._ended = threading.Event()
        self._work = work
        self._thread = threading.Thread(target=self._run, name=f"holdall-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._ended.set()

    @property
    def number(self) -> int:
        """The thread's number, as `threading.get_ident` gives it inside."""
        return self._thread.ident or 0

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    def ends_within(self, seconds: float) -> bool:
        """Wait until it has ended, for so long at most, and say whether it has."""
        return self._ended.wait(max(0.0, seconds))
