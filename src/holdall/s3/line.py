"""What all stores of one place share in a process: whether the place answers, and in which region its buckets lie."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from typing import Any

from holdall.s3 import process
from holdall.s3.circuit import Circuit
from holdall.s3.target import Target

# So many places are remembered.
MOST_PLACES = 64


class Line:
    """The line to one place: an endpoint, or a provider's region."""

    def __init__(self, *, is_mirror: bool = False) -> None:
        # What a mirror misses is logged as that: no file of a user failed to be saved.
        self._is_logged = not is_mirror
        # Told of silence alone: sockets and networks are the place's.
        self.circuit = Circuit(is_logged=self._is_logged)
        # Of each bucket that a connection has: told of answers that are failures. They say nothing of other buckets.
        self._of_buckets: weakref.WeakValueDictionary[str | None, Circuit] = weakref.WeakValueDictionary()
        # Bucket -> region, where neither the project nor boto3 knows it.
        self.regions: dict[str | None, str | None] = {}

    def circuit_of(self, bucket_name: str | None) -> Circuit:
        """Give the circuit of one bucket, for as long as somebody keeps it."""
        with _lock:
            found = self._of_buckets.get(bucket_name)
            if found is None:
                found = self._of_buckets[bucket_name] = Circuit(
                    fact="has answered with failures alone", again="works again", is_logged=self._is_logged
                )
            return found


_lines: OrderedDict[tuple[Any, ...], Line] = OrderedDict()
_lock = threading.RLock()


def line_of(target: Target) -> Line:
    """Give the process's line to a target's place; all who ask for an equal place share it."""
    place = (
        target.provider.id,
        target.endpoint_url,
        target.region_name,
        target.local_folder,
        target.proxies,
        # The accident: a mirror's bucket hangs at the same endpoint, and everything waits for nothing.
        target.is_mirror,
    )
    with _lock:
        found = _lines.get(place)
        if found is None:
            found = _lines[place] = Line(is_mirror=target.is_mirror)
            if len(_lines) > MOST_PLACES:
                _lines.popitem(last=False)
        _lines.move_to_end(place)
        return found


@process.at_fork
def _forget_after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    _lines.clear()
