"""The SDK's sessions, one a process and profile: making one costs 85 ms, and it remembers the keys that it found."""

from __future__ import annotations

import os
import threading
from typing import Any

import boto3
import botocore.session

_sessions: dict[str | None, Any] = {}
_lock = threading.RLock()


def session(profile: str | None) -> Any:
    """Give the process's session for a profile. Requests: none."""
    with _lock:
        if profile not in _sessions:
            _sessions[profile] = boto3.Session(profile_name=profile) if profile else boto3.Session()
        return _sessions[profile]


def forget(profile: str | None) -> None:
    """Let the next one who asks have a new session, which looks for keys anew."""
    with _lock:
        _sessions.pop(profile, None)


def known_profiles() -> list[str]:
    """Give the profiles of this machine's AWS configuration."""
    # botocore's own session: boto3's fails for a profile that is named and missing.
    return list(botocore.session.Session().available_profiles)


def _forget_after_fork() -> None:
    # A lock that was held at the fork stays held in the child.
    global _lock
    _lock = threading.RLock()
    _sessions.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
