"""What all stores of one place share in a process: whether the place answers, and in which region its buckets lie."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from holdall.s3 import process
from holdall.s3.circuit import Circuit
from holdall.s3.target import Target

# So many places are remembered.
MOST_PLACES = 64


class Line:
    """The line to one place: an endpoint, or a provider's region."""

    def __init__(self) -> None:
        self.circuit = Circuit()
        # Bucket -> region, where neither the project nor boto3 knows it.
        self.regions: dict[str | None, str | None] = {}


_lines: OrderedDict[tuple[Any, ...], Line] = OrderedDict()
_lock = threading.Lock()


def line_of(target: Target) -> Line:
    """Give the process's line to a target's place; all who ask for an equal place share it."""
    place = (target.provider.id, target.endpoint_url, target.region_name, target.local_folder, target.proxies)
    with _lock:
        found = _lines.get(place)
        if found is None:
            found = _lines[place] = Line()
            if len(_lines) > MOST_PLACES:
                _lines.popitem(last=False)
        _lines.move_to_end(place)
        return found


@process.at_fork
def _forget_after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    _lines.clear()
