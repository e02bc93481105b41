"""The storage for django-health-check, an optional extra: `pip install 'django-holdall[health]'`.

path("health/", HealthCheckView.as_view(checks=["health_check.checks.Database", "holdall.health.Storage"]))
"""

from __future__ import annotations

import dataclasses
import threading
import time
from datetime import timedelta
from typing import ClassVar

from django.core.files.storage import InvalidStorageError, storages
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable

from holdall.errors import HoldallError
from holdall.storage import MediaStorage

# Asked for in storages of other classes; nobody has a file of this name.
NAME = ".holdall-health"


@dataclasses.dataclass
class Storage(HealthCheck):  # type: ignore[misc]  # the package is not typed
    """Say whether the store answers and knows the keys. Cheap: what was found is kept for `interval`.

    `alias` is the one in `STORAGES`. `name` is a file that is always there, for keys that may not ask for the bucket
    itself (`s3:ListBucket`).

    Requests: one HEAD a process and interval, however often it is asked.
    """

    alias: str = "default"
    name: str = dataclasses.field(default="", repr=False)
    interval: timedelta = dataclasses.field(default=timedelta(seconds=30), repr=False)

    # What was found: (alias, name) -> when, and what is wrong. A probe that comes each second must not become a
    # request each second.
    _found: ClassVar[dict[tuple[str, str], tuple[float, str]]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def run(self) -> None:
        """Raise `ServiceUnavailable` if the store cannot be used, with the reason, which contains no secret."""
        with self._lock:
            asked_at, wrong = self._found.get((self.alias, self.name), (None, ""))
            if asked_at is None or time.monotonic() - asked_at >= self.interval.total_seconds():
                wrong = self._ask()
                self._found[self.alias, self.name] = (time.monotonic(), wrong)
        if wrong:
            raise ServiceUnavailable(wrong)

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
