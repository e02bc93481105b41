"""The storage for django-health-check, an optional extra: `pip install 'django-holdall[health]'`.

path("health/", HealthCheckView.as_view(checks=["health_check.checks.Database", "holdall.health.Storage"]))
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

from django.core.files.storage import InvalidStorageError, storages
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable

from holdall.errors import HoldallError
from holdall.s3 import process
from holdall.storage import MediaStorage

# The longest that a check waits, whatever hangs: a probe of Kubernetes waits a second, a load balancer five.
LIMIT_SECONDS = 2.0
# Asked for in storages of other classes; nobody has a file of this name.
NAME = ".holdall-health"


@dataclasses.dataclass
class Storage(HealthCheck):  # type: ignore[misc]  # the package is not typed
    """Say whether the store answers and knows the keys. Cheap: what was found is kept for `interval`.

    `alias` is the one in `STORAGES`. `name` is a file that is always there, for keys that may not ask for the bucket
    itself (`s3:ListBucket`).

    Requests: one HEAD a process and interval, however often it is asked. A store that has not answered after two
    seconds is unhealthy; the question is left to itself, and no second one is asked until it ends.
    """

    alias: str = "default"
    name: str = dataclasses.field(default="", repr=False)
    interval: timedelta = dataclasses.field(default=timedelta(seconds=30), repr=False)

    # What was found: (alias, name) -> when, and what is wrong. A probe that comes each second must not become a
    # request each second.
    _found: ClassVar[dict[tuple[str, str], tuple[float, str]]] = {}
    # The questions under way, one for each.
    _asking: ClassVar[dict[tuple[str, str], _Question]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def run(self) -> None:
        """Raise `ServiceUnavailable` if the store cannot be used, with the reason, which contains no secret."""
        key = self.alias, self.name
        with self._lock:
            asked_at, wrong = self._found.get(key, (None, ""))
            is_fresh = asked_at is not None and time.monotonic() - asked_at < self.interval.total_seconds()
            question = None if is_fresh else self._question(key)
        if question is not None:
            wrong = question.wait(LIMIT_SECONDS)
        if wrong:
            raise ServiceUnavailable(wrong)

    def _question(self, key: tuple[str, str]) -> _Question:
        question = self._asking.get(key)
        if question is None or not question.belongs_here:
            question = self._asking[key] = _Question(self._ask, lambda wrong: self._note(key, wrong))
        return question

    def _note(self, key: tuple[str, str], wrong: str) -> None:
        with self._lock:
            self._found[key] = (time.monotonic(), wrong)
            self._asking.pop(key, None)

    def _ask(self) -> str:
        try:
            storage = storages[self.alias]
            if self.name:
                return "" if storage.exists(self.name) else f'"{self.name}" is not in the store'
            if isinstance(storage, MediaStorage):
                storage.store.call("head_bucket", action="checking")
            else:
                storage.exists(NAME)
        except (HoldallError, InvalidStorageError) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  a storage of another class raises its own
            return type(error).__name__
        return ""


@process.at_fork
def _forget_after_fork() -> None:
    # A lock that was held at the fork stays held in the child.
    Storage._lock = threading.Lock()


class _Question:
    """One question to the store, asked in a thread of its own: what hangs there cannot be ended from outside."""

    def __init__(self, ask: Callable[[], str], note: Callable[[str], None]) -> None:
        self._ask, self._note = ask, note
        self._wrong = ""
        self._pid = os.getpid()
        self._began = time.monotonic()
        self._done = threading.Event()
        try:
            threading.Thread(target=self._run, name="holdall-health", daemon=True).start()
        except RuntimeError:
            # The interpreter ends, or this process has as many threads as it may.
            self._wrong = "the store could not be asked: no thread could be started"
            self._done.set()

    @property
    def belongs_here(self) -> bool:
        """Whether its thread runs, and in this process, not in the one that this was forked from."""
        return self._pid == os.getpid() and not self._done.is_set()

    def _run(self) -> None:
        try:
            self._wrong = self._ask()
        finally:
            self._note(self._wrong)
            self._done.set()

    def wait(self, seconds: float) -> str:
        """Say what is wrong, as soon as it is known, or that it is not."""
        if self._done.wait(seconds):
            return self._wrong
        return f"the store has not answered for {time.monotonic() - self._began:.0f} s"
