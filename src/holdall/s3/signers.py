"""What signs the links and requests of one store: made of its keys, and made again when they are others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from holdall.s3 import keys
from holdall.s3.signing import Place, Signer, SigningKeys
from holdall.s3.target import Target
from holdall.secret import Secret

Translate = Callable[..., AbstractContextManager[None]]


class Signers:
    """The signer of one store, as one process knows it. Shared by all threads."""

    def __init__(self, target: Target, translating: Translate, *, admit: Callable[[str, str], None]) -> None:
        self._target = target
        self._translating = translating
        # Asked before a link is made that changes something.
        self._admit = admit
        # Only for the comparison of keys: the connection's lock is held by those who wait for an answer, and no link may
        # wait for them. It is never taken inside of this one.
        self._lock = threading.RLock()
        self._signer: Signer | None = None
        self._keys: SigningKeys | None = None
        self._ends: float | None = None

    def begin_anew(self) -> None:
        """Forget what was found, in a process that was forked from the one that found it."""
        self._lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Let the next signer be another one: the place is."""
        self._signer = self._keys = None

    def signer(self, place: Place) -> tuple[Signer, float | None]:
        """Give what signs links here, and when its keys end if they do.

        Keys that are known are taken as they are; only others need boto3's session, which renews them in time.

        Requests: those of the keys' source, once per process and at each renewal (none for keys in the environment).

        Raises:
            CredentialsRefused: no source has any, or they are no keys.
        """
        if self._signer is not None and self._ends is None:
            return self._signer, None
        found, ends = self._found()
        with self._lock:
            signer = self._signer
            if signer is None or found != self._keys:
                keys.check(Secret(found.access_key), found.secret_key, found.token)
                signer = self._signer = Signer(place, found, admit=self._admit)
                self._keys = found
            self._ends = ends
            return signer, ends

    def _found(self) -> tuple[SigningKeys, float | None]:
        if known := keys.known_keys(self._target):
            return known, None
        with self._translating("looking for keys", is_request=False):
            return keys.found_keys(self._target)

    def redacted(self, text: str) -> str:
        """Hide the keys in a text of the SDK's."""
        return keys.redacted(text, self._target.secret_key, self._target.token, *(self._keys or ())[1:])
