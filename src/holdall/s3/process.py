"""Which process this is: a fork makes another one, with copies of everything that the first one had.

What belongs to one process alone (sockets, locks, unfinished uploads) asks here, and is told when it must start
again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_pid = os.getpid()
_number = 0
_resets: list[Callable[[], None]] = []


def number() -> int:
    """Count the forks that led to this process; what was made under another number belongs to another process."""
    if os.getpid() != _pid:
        # Forked by a program that embeds Python and does not say so.
        _begin()
    return _number


def at_fork(reset: Callable[[], None]) -> Callable[[], None]:
    """Call this in every process that a fork makes, before anything else runs there. For decoration."""
    _resets.append(reset)
    return reset


def _begin() -> None:
    global _pid, _number
    _pid = os.getpid()
    _number += 1
    for reset in _resets:
        reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)
