"""The sources of the SDK's keys: each is asked for a limited time, once for all who wait, and says what is wrong with it.

The SDK reads files, runs programs and asks servers to find keys. What goes wrong there it tells in the words of
whatever failed: a token file that is missing is a `FileNotFoundError`, which callers take for a missing media file.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore import exceptions as sdk

from holdall.errors import CredentialsRefused, HoldallError
from holdall.s3 import process
from holdall.s3.patience import current
from holdall.s3.refusals import refusal, too_slow

log = logging.getLogger("holdall")

# As long as an operation waits that says nothing else.
LIMIT_SECONDS = 10.0
# After a failure, nobody asks the same source again for so long.
KEPT_SECONDS = 5.0
# Where nothing is set up, a role may appear at any moment: only a search that took longer is not repeated at once.
QUICK_SECONDS = 0.5
_THREAD = "holdall-keys"
_SAID = "Looking for keys failed: %s Further failures are not logged until keys are found."


class _Question:
    """One question to a source of keys, for all who ask it at the same time. What hangs there cannot be ended."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self.done = threading.Event()
        self.began = time.monotonic()
        self.answer: Any = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.answer = self._ask()
        except BaseException as failure:  # noqa: BLE001  told to those who wait
            # Its frames have what the source said.
            self.failure = failure.with_traceback(None)
        finally:
            self.done.set()


class _Source:
    """One source, and what is remembered of it."""

    def __init__(self) -> None:
        self.question: _Question | None = None
        self.failure: BaseException | None = None
        self.failed_at = 0.0
        self.is_told = False


_sources: dict[object, _Source] = {}
# Re-entrant: a garbage collection inside may send a request of its own.
_lock = threading.RLock()


class Renewed:
    """Credentials of the SDK that say, in our words and in time, why they cannot be renewed."""

    def __init__(self, found: Any, profile: str | None) -> None:
        # Past `__setattr__`: what others set is the SDK's.
        vars(self).update(_found=found, _profile=profile)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._found, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)

    def get_frozen_credentials(self) -> Any:
        """Give the keys as they are now. Requests: none, or those of the source when they must be renewed.

        Raises:
            CredentialsRefused: their source does not give new ones.
        """
        must_be_renewed = getattr(self._found, "refresh_needed", None)
        # Private to the SDK; where it is gone, the SDK's own default counts.
        last_seconds = getattr(self._found, "_mandatory_refresh_timeout", None)
        if must_be_renewed is None or not must_be_renewed(last_seconds):
            return self._found.get_frozen_credentials()
        return _asked(id(self), lambda: _frozen(self._found, self._profile))


class Provider:
    """What a session of the SDK finds its keys by, in the place of the SDK's own chain, which it asks."""

    def __init__(self, profile: str | None) -> None:
        self._profile = profile
        self._found: Renewed | None = None

    def load_credentials(self) -> Renewed | None:
        """Give what the chain finds. Requests: those of the sources, once for all who ask within a few seconds.

        Raises:
            NoCredentialsError: no source has any.
            CredentialsRefused: a source that is set up does not work.
        """
        if _unneeded.active or self._found is not None:
            return self._found
        # Whoever corrects a variable is not told of the old one.
        said = hash(tuple(sorted(item for item in os.environ.items() if item[0].startswith(("AWS_", "HOME")))))
        self._found = _asked((self._profile, said), lambda: _found(self._profile))
        return self._found


class _Unneeded(threading.local):
    """Whether the calling thread makes a client that sends nothing signed, for which no source is asked."""

    active = False

    def __enter__(self) -> None:
        self.active = True

    def __exit__(self, *_: object) -> None:
        self.active = False


_unneeded = _Unneeded()


def unneeded() -> _Unneeded:
    """Make clients without looking for keys inside."""
    return _unneeded


def _found(profile: str | None) -> Renewed:
    """Ask the SDK's sources, one after the other, as it does itself."""
    refused, method = None, ""
    try:
        for source in botocore.session.Session(profile=profile).get_component("credential_provider").providers:
            method = source.METHOD or ""
            if (found := source.load()) is not None:
                _frozen(found, profile)
                return Renewed(found, profile)
    except HoldallError:
        raise
    except Exception as failure:  # noqa: BLE001  a source may raise anything
        refused = refusal(failure, method=method, profile=profile)
    # Outside, so that it does not carry the other one along with the frames.
    raise refused or sdk.NoCredentialsError


def _frozen(found: Any, profile: str | None) -> Any:
    try:
        return found.get_frozen_credentials()
    except Exception as failure:  # noqa: BLE001  a source may raise anything
        refused = refusal(failure, method=str(found.method), profile=profile)
    raise refused


def _asked(key: object, ask: Callable[[], Any]) -> Any:
    """Ask a source, unless somebody does already or it has just failed."""
    patience = current()
    seconds = min(patience.seconds, LIMIT_SECONDS) if patience else LIMIT_SECONDS
    with _lock:
        if len(_sources) > 100:
            # Of credentials and environments that are gone.
            _sources.clear()
        source = _sources.setdefault(key, _Source())
        if source.failure is not None and time.monotonic() - source.failed_at < KEPT_SECONDS:
            raise _again(source.failure)
        question = source.question
        begins = question is None
        if question is None:
            question = source.question = _Question(ask)
    if begins:
        try:
            threading.Thread(target=question.run, name=_THREAD, daemon=True).start()
        except RuntimeError:
            # The interpreter ends, and starts no more threads.
            question.run()
    question.done.wait(max(question.began + seconds - time.monotonic(), 0))
    with _lock:
        failure = question.failure
        if not question.done.is_set():
            failure = too_slow(seconds)
        elif source.question is question:
            source.question = None
        if failure is None:
            source.failure, source.is_told = None, False
            return question.answer
        now = time.monotonic()
        is_lasting = not isinstance(failure, sdk.NoCredentialsError) or now - question.began > QUICK_SECONDS
        if not is_lasting:
            source.failure = None
        elif source.failure is None or question.done.is_set():
            source.failure, source.failed_at = failure, now
        is_news, source.is_told = not source.is_told, True
    if is_news:
        # Nothing is logged inside: whoever keeps logs may use a storage.
        log.warning(_SAID, failure)
    raise _again(failure)


def _again(failure: BaseException) -> BaseException:
    """Copy an error: one that is raised twice would carry the frames of both."""
    if isinstance(failure, CredentialsRefused):
        copied = CredentialsRefused(*failure.args)
        copied.source, copied.__cause__ = failure.source, failure.__cause__
        return copied
    return failure.with_traceback(None) if not isinstance(failure, HoldallError) else failure


class _Quiet(logging.Filter):
    """Leave out what the SDK logs of a failed source, with frames, where it has been logged in one line."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return threading.current_thread().name != _THREAD or _record.levelno < logging.WARNING


logging.getLogger("botocore.credentials").addFilter(_Quiet())
logging.getLogger("botocore.tokens").addFilter(_Quiet())


@process.at_fork
def _forget_after_fork() -> None:
    # The threads that asked are the other process's.
    global _lock
    _lock = threading.RLock()
    _sources.clear()
