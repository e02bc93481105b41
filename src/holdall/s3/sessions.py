"""The SDK's sessions, one a process and profile: making one costs 85 ms, and it remembers the keys that it found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session

from holdall.s3 import process
from holdall.s3.plain import maker

_sessions: dict[tuple[Any, ...], Any] = {}
_lock = threading.RLock()
# The SDK's sessions may not be shared by threads while they look for keys or make a client.
_using = threading.RLock()


@contextmanager
def alone() -> Iterator[None]:
    """Let one thread at a time look for keys or make a client inside, which may ask the source of the keys."""
    with _using:
        yield


def session(profile: str | None) -> Any:
    """Give the process's session for a profile. Requests: none."""
    with _lock:
        # A test that patches what makes sessions gets one of its own.
        key = profile, *maker()
        if key not in _sessions:
            _sessions[key] = boto3.Session(profile_name=profile) if profile else boto3.Session()
        return _sessions[key]


def forget(profile: str | None) -> None:
    """Give the next caller a new session, which looks for keys again."""
    with _lock:
        _sessions.pop((profile, *maker()), None)


def forget_all() -> None:
    """Give whoever asks next a new session, which reads the SDK's variables and files again."""
    with _lock:
        _sessions.clear()


def known_profiles() -> list[str]:
    """Give the profiles of this machine's AWS configuration."""
    # botocore's own session: boto3's fails for a profile that is named and missing.
    return list(botocore.session.Session().available_profiles)


@process.at_fork
def _forget_after_fork() -> None:
    # A lock that was held at the fork stays held in the child.
    global _lock, _using
    _lock, _using = threading.RLock(), threading.RLock()
    _sessions.clear()
