"""What of the health check needs no store."""

from __future__ import annotations

from holdall import health
from holdall.s3 import process


def test_lock_that_was_held_at_the_fork_is_not_held_in_the_child() -> None:
    # The lock of another thread, of which the child has none.
    with health.Storage._lock:
        assert health._forget_after_fork in process._resets
        health._forget_after_fork()
        assert health.Storage._lock.acquire(blocking=False)
        health.Storage._lock.release()
