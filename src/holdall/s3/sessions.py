"""The SDK's sessions, one a process and profile: making one costs 85 ms, and it remembers the keys that it found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import boto3.session
import botocore.session

from holdall.s3 import process, sources
from holdall.s3.plain import maker
from holdall.s3.refusals import BROKEN_CONFIGURATION, refusal

_sessions: dict[tuple[Any, ...], Any] = {}
_lock = threading.RLock()
# Where a session of ours has what finds its keys.
_PROVIDER = "holdall_keys"
# The SDK's sessions may not be shared by threads while they look for keys or make a client.
_using = threading.RLock()


@contextmanager
def alone() -> Iterator[None]:
    """Let one thread at a time look for keys or make a client inside, which may ask the source of the keys."""
    with _using:
        yield


def session(profile: str | None) -> Any:
    """Give the process's session for a profile. Requests: none.

    Raises:
        CredentialsRefused: there is no such profile, or the SDK's configuration cannot be read.
    """
    with _lock:
        # A test that patches what makes sessions gets one of its own.
        key = profile, *maker()
        if key not in _sessions:
            _sessions[key] = _made(profile)
        return _sessions[key]


def _made(profile: str | None) -> Any:
    if boto3.Session is not boto3.session.Session:
        # A test has put its own in its place.
        return boto3.Session(profile_name=profile) if profile else boto3.Session()
    inner, provider = botocore.session.get_session(), sources.Provider(profile)
    inner.register_component("credential_provider", provider)
    try:
        made: Any = boto3.Session(botocore_session=inner, profile_name=profile)
    except BROKEN_CONFIGURATION as failure:
        refused = refusal(failure, profile=profile)
    else:
        setattr(made, _PROVIDER, provider)
        return made
    raise refused


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
    try:
        return list(botocore.session.Session().available_profiles)
    except BROKEN_CONFIGURATION as failure:
        refused = refusal(failure)
    raise refused


def look_for_keys(made: Any) -> None:
    """Let a session find its keys before anybody waits for the lock, as a source may take its time.

    Requests: those of the source, once.

    Raises:
        NoCredentialsError: no source has any. CredentialsRefused: one does not work.
    """
    provider = getattr(made, _PROVIDER, None)
    if provider is not None:
        provider.load_credentials()


@process.at_fork
def _forget_after_fork() -> None:
    # A lock that was held at the fork stays held in the child.
    global _lock, _using
    _lock, _using = threading.RLock(), threading.RLock()
    _sessions.clear()
