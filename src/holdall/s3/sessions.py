"""The SDK's sessions, one a process and profile: making one costs 85 ms, and it remembers the keys that it found."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import boto3
import botocore.session

from holdall.s3 import process

_sessions: dict[str | None, Any] = {}
_lock = threading.RLock()


def session(profile: str | None) -> Any:
    """Give the process's session for a profile. Requests: none."""
    with _lock:
        if profile not in _sessions:
            _sessions[profile] = boto3.Session(profile_name=profile) if profile else boto3.Session()
        return _sessions[profile]


def forget(profile: str | None) -> None:
    """Give the next caller a new session, which looks for keys again."""
    with _lock:
        _sessions.pop(profile, None)


def keep_to_one_process(client: Any) -> None:
    """Let a client that a fork copied drop the sockets that it shares with the other process, before it sends."""
    events = getattr(getattr(client, "meta", None), "events", None)
    if events is None:
        # A test's own.
        return
    client, made_in = weakref.ref(client), process.number()

    def drop_the_others(**_event: Any) -> None:
        nonlocal made_in
        if made_in != process.number():
            made_in = process.number()
            client().close()

    # Registered once, however often it is asked for.
    events.register_first("before-send.s3", drop_the_others, unique_id="holdall-one-process")


def known_profiles() -> list[str]:
    """Give the profiles of this machine's AWS configuration."""
    # botocore's own session: boto3's fails for a profile that is named and missing.
    return list(botocore.session.Session().available_profiles)


@process.at_fork
def _forget_after_fork() -> None:
    # A lock that was held at the fork stays held in the child.
    global _lock
    _lock = threading.RLock()
    _sessions.clear()
